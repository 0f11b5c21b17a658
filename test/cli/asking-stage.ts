import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { templateId } from 'temporal-http-tasks/internal/operator/start-templates';
import { WORKFLOW_TYPES } from 'temporal-http-tasks/internal/policy/example-inputs';
import { SUBJECT_KEY } from '../support/offboarding';
import type { StageUser, SweepStage } from './sweep-stage';

export const REASON = ['--reason', 'OTHER'];
export const ENTER = '\r';

/**
 * The workflows that the stage's task queue was ever asked to run. The example inputs that its worker prepares for the
 * Temporal UI are not among them: they are never run, and which worker prepares them depends on which starts first.
 */
export async function startedOn(stage: SweepStage): Promise<string[]> {
  const ids: string[] = [];
  const query = `TaskQueue = "${stage.person['HTTP_TASKS_TASK_QUEUE'] ?? ''}"`;
  for await (const { workflowId } of stage.client.workflow.list({ query })) ids.push(workflowId);
  const examples = WORKFLOW_TYPES.map(templateId);
  // In an order that does not depend on which of them are known to have ended.
  return ids.filter((id) => !examples.includes(id)).sort();
}

/** How a sweep of the stage's ledger stands, and whether its IDs can still be read. */
export async function inLedger(
  stage: SweepStage,
  sweepId: string,
): Promise<{ status: string; readable: boolean } | undefined> {
  const ledger = await openLedger({ url: stage.person['HTTP_TASKS_LEDGER_URL'] ?? '', subjectKey: SUBJECT_KEY });
  try {
    const row = await ledger.sweeps.read(sweepId);
    return row && { status: row.status, readable: row.readable };
  } finally {
    await ledger.close();
  }
}

export function isDeleted(stage: SweepStage, { plaidId }: StageUser): boolean {
  return stage.simulators.plaid.state().gone.includes(plaidId);
}

/** A file of users in the folder that the worker reads. */
export function workersFileOf(stage: SweepStage, users: readonly StageUser[]): string {
  const name = `${randomUUID()}.csv`;
  writeFileSync(
    join(stage.sourceFolder, name),
    `plaid_user_id,batch_user_id\n${users.map(({ plaidId, batchId }) => `${plaidId},${batchId}\n`).join('')}`,
  );
  return `file:${name}`;
}

export function idsOf({ plaidId, batchId }: StageUser): string[] {
  return ['--plaid-user-id', plaidId, '--batch-user-id', batchId];
}
