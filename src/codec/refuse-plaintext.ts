import { ApplicationFailure } from '@temporalio/common';
import type { Context } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { PLAINTEXT_REFUSED } from '../tasks/failure';
import { hasBegun, isStartEncrypted, isUpdateEncrypted } from './stored-input';

/** Maximum number of runs remembered as encrypted, so that each is checked once and not for each of its activities. */
const REMEMBERED_RUNS = 10_000;

/**
 * Refuses every activity of a run whose input is in plain text, and the activity that records an update in plain text,
 * so that nothing is done for them. A run with a completed activity continues: it started when plain text was still
 * accepted, and half a deletion is worse than either.
 *
 * The activity is refused because a codec that throws would leave the run open with its workflow task retried forever.
 * The refusal is recorded in the history, so that a replay with another setting gives the same result.
 */
export function refusingPlaintext(): ActivityInterceptorsFactory {
  const good = new RecentRuns(REMEMBERED_RUNS);
  return (context) => ({
    inbound: {
      execute: async (input, next) => {
        await refusePlaintext(context, good);
        await refusePlaintextUpdate(context, input.args[0]);
        return next(input);
      },
    },
  });
}

async function refusePlaintext({ client, info }: Context, good: RecentRuns): Promise<void> {
  const runId = info.workflowExecution?.runId;
  if (runId !== undefined && good.has(runId)) return;
  if (!(await isStartEncrypted(client, info))) {
    if (runId === undefined || !(await hasBegun(client, info))) throw plaintextRefused();
  }
  if (runId !== undefined) good.add(runId);
}

/** The activity that must succeed before an update that lets a sweep do more takes effect; see `SweepActivities`. */
const RECORDS_AN_UPDATE = 'httpTasks.recordUpdate';

async function refusePlaintextUpdate({ client, info }: Context, given: unknown): Promise<void> {
  if (info.activityType !== RECORDS_AN_UPDATE) return;
  const { updateId, update } = given as { updateId: string; update: string };
  if (await isUpdateEncrypted(client, info, updateId)) return;
  throw ApplicationFailure.create({
    type: PLAINTEXT_REFUSED,
    message: `The update ${update} came in plain text, which this worker refuses (HTTP_TASKS_ENCRYPTION_PLAINTEXT=refuse), so it changed nothing. Send it with an argument, such as {"by": "your name"}, from a client that has the encryption key, or with the codec server set in the Temporal UI.`,
    nonRetryable: true,
  });
}

function plaintextRefused(): ApplicationFailure {
  return ApplicationFailure.create({
    type: PLAINTEXT_REFUSED,
    message:
      'The input came in plain text, which this worker refuses (HTTP_TASKS_ENCRYPTION_PLAINTEXT=refuse), so nothing was done. It is now in the history in plain text. Start it again with a client that has the encryption key, or with the codec server set in the Temporal UI.',
    nonRetryable: true,
  });
}

/** A bounded set of IDs that drops the oldest. */
class RecentRuns {
  readonly #ids = new Set<string>();

  constructor(readonly most: number) {}

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    if (this.#ids.size >= this.most) this.#ids.delete(this.#ids.values().next().value ?? '');
    this.#ids.add(id);
  }
}
