import type { Client } from '@temporalio/client';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { userSubjects } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import { newSweepId } from '@temporal-http-tasks/cli/internal/sweep/sweep-options';

const APPENDED_AT_ONCE = 5_000;

/** The measurements of one sweep over invented users. */
export interface MeasuredSweep {
  /** Duration of the users' part alone, in milliseconds: from the first chunk, or child, to the end of the last. */
  usersMs: number;
  /** Duration of sealing the receipts and deleting the IDs, in milliseconds. */
  endMs: number;
  /** Number of events of the whole run. */
  events: number;
  result: SweepResult;
}

/**
 * Seeds Plaid's simulator with users `<prefix>0` to `<prefix>N-1`, one Item each, and puts them into the ledger.
 *
 * @param more.atBatch They are also users of Batch, with the same IDs. @default false
 */
export async function seedSweep(
  { simulators, settings }: LocalStack,
  prefix: string,
  users: number,
  { atBatch = false }: { atBatch?: boolean } = {},
): Promise<string> {
  simulators.plaid.seed({ generate: { count: users, prefix, itemsPerUser: 1 } });
  if (atBatch) simulators.batch.seed({ users: Array.from({ length: users }, (_, index) => `${prefix}${index}`) });
  const subjectKey = settings.HTTP_TASKS_SUBJECT_KEY ?? '';
  const ledger = await openLedger({ url: settings.HTTP_TASKS_LEDGER_URL ?? '', subjectKey });
  try {
    const hasher = createSubjectHasher(subjectKey);
    // As the command makes it: every receipt contains it.
    const sweepId = newSweepId();
    await ledger.sweeps.create({ sweepId });
    let { version } = await ledger.sweeps.readSnapshot(sweepId);
    for (let from = 0; from < users; from += APPENDED_AT_ONCE) {
      const to = Math.min(from + APPENDED_AT_ONCE, users);
      const rows = Array.from({ length: to - from }, (_, index) => {
        const id = `${prefix}${from + index}`;
        const user = { plaidUserId: id, ...(atBatch && { batchUserId: id }) };
        return { user, subjects: userSubjects(user, { plaid: 'sandbox' }, hasher) };
      });
      const appended = await ledger.sweeps.appendTargets({
        sweepId,
        version,
        rows,
        environments: { plaid: 'sandbox' },
        position: String(to),
        complete: to === users,
      });
      version = appended.version;
    }
    return sweepId;
  } finally {
    await ledger.close();
  }
}

/** Runs a sweep over what {@link seedSweep} prepared, with the same calls as the bare loop, and reads its history. */
export async function measureSweep(
  { client, taskQueue }: LocalStack,
  sweepId: string,
  more: Partial<OffboardUsersInput> = {},
): Promise<MeasuredSweep> {
  const input: OffboardUsersInput = {
    snapshot: sweepId,
    reason: { code: 'USER_OFFBOARDING' },
    batch: { mode: 'skip' },
    maxUsers: 10_000_000,
    granularity: 'chunk',
    ...more,
  };
  const result = (await client.workflow.execute('offboardUsers', {
    workflowId: sweepId,
    taskQueue,
    args: [input],
  })) as SweepResult;
  if (result.counts.removed + result.counts.accepted !== result.counts.total)
    throw new Error('The sweep did not succeed for all users; nothing can be compared.');
  return { ...(await spansOf(client, sweepId)), result };
}

const USERS = ['httpTasks.runChunk', 'httpTasks.openChildren', 'httpTasks.recordChildren'];

/** Returns the server's own times: of the activities that process the users, and of those that end the sweep. */
async function spansOf(client: Client, workflowId: string): Promise<Omit<MeasuredSweep, 'result'>> {
  const { events = [] } = await client.workflow.getHandle(workflowId).fetchHistory();
  const scheduled = new Map<string, string>();
  const users = { from: Number.POSITIVE_INFINITY, to: 0 };
  const end = { from: Number.POSITIVE_INFINITY, to: 0 };
  for (const event of events ?? []) {
    const atMs = Number(event.eventTime?.seconds ?? 0) * 1_000 + (event.eventTime?.nanos ?? 0) / 1e6;
    const begun = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (begun) scheduled.set(String(event.eventId), begun);
    const doneOf = event.activityTaskCompletedEventAttributes?.scheduledEventId;
    const done = doneOf === undefined ? undefined : scheduled.get(String(doneOf));
    const name = begun ?? done;
    if (name === undefined) continue;
    const span = USERS.includes(name) ? users : name === 'httpTasks.endSweep' ? end : undefined;
    if (!span) continue;
    span.from = Math.min(span.from, atMs);
    span.to = Math.max(span.to, atMs);
  }
  return { usersMs: users.to - users.from, endMs: end.to - end.from, events: (events ?? []).length };
}
