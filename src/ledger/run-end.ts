import type { Insertable } from 'kysely';
import type { CompensationLine } from '../policy/offboard-result';
import type { RunEnd } from './ledger';
import type { LedgerDatabase } from './store';
import type { Tables } from './tables';
import { requireHashes, storable, storableOrNull } from './values';

/** A run ends once, so its settled receipts have no activity and no attempts. */
const NO_ACTIVITY = '';
const ONLY_ATTEMPT = 1;

/** See `Ledger.recordEnd`. */
export async function recordEnd({ db }: LedgerDatabase, end: RunEnd): Promise<void> {
  requireHashes('subject', [end.subject]);
  const at = new Date().toISOString();
  await db.transaction().execute(async (transaction) => {
    // One row per statement: a run has few steps, and many rows could exceed the limit on parameters.
    for (const receipt of settledReceipts(end, at)) {
      await transaction
        .insertInto('receipts')
        .values(receipt)
        .onConflict((key) => key.doNothing())
        .execute();
    }
    for (const line of compensationLines(end, at)) {
      await transaction
        .insertInto('compensation_log')
        .values(line)
        .onConflict((key) => key.doNothing())
        .execute();
    }
  });
}

/** See `Ledger.readCompensations`. */
export async function readCompensations(
  { db }: LedgerDatabase,
  filter: { workflowId: string; runId?: string },
): Promise<CompensationLine[]> {
  let query = db
    .selectFrom('compensation_log')
    .select(['step', 'outcome', 'remedy', 'evidence'])
    .where('workflow_id', '=', storable(filter.workflowId));
  if (filter.runId !== undefined) query = query.where('run_id', '=', storable(filter.runId));
  return query.orderBy('id').execute();
}

function settledReceipts(end: RunEnd, at: string): Insertable<Tables['receipts']>[] {
  return end.steps.map((step, index) => ({
    workflow_id: storable(end.workflowId),
    run_id: storable(end.runId),
    activity_id: NO_ACTIVITY,
    seq: index,
    step: storable(step.step),
    phase: 'settled',
    attempt: ONLY_ATTEMPT,
    subject: end.subject,
    task: storable(step.task),
    service: storable(step.service ?? serviceOf(step.task)),
    environment: storable(end.environment),
    outcome: step.outcome,
    reason: storableOrNull(step.reason),
    failure_type: step.failureType ?? null,
    status: step.status ?? null,
    code: storableOrNull(step.code),
    request_id: storableOrNull(step.requestId),
    token: storableOrNull(step.token),
    at,
  }));
}

/** A task's name is the service and the provider's operation, separated by a dot. */
function serviceOf(task: string): string {
  return task.split('.', 1)[0] ?? '';
}

function compensationLines(end: RunEnd, at: string): Insertable<Tables['compensation_log']>[] {
  return end.compensations.map((line, index) => ({
    workflow_id: storable(end.workflowId),
    run_id: storable(end.runId),
    position: index,
    environment: storable(end.environment),
    subject: end.subject,
    step: storable(line.step),
    outcome: line.outcome,
    remedy: storable(line.remedy),
    evidence: storable(line.evidence),
    at,
  }));
}
