import { ApplicationFailure } from '@temporalio/common';
import type { Context } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { PLAINTEXT_REFUSED } from '../tasks/failure';
import { hasBegun, isStartEncrypted, isUpdateEncrypted } from './stored-input';

/** So many runs are remembered as good, so that each is looked up once and not for each of its activities. */
const REMEMBERED_RUNS = 10_000;

/**
 * Refuses every activity of a run whose input came in plain text, and the one that records an update which did, so that nothing is done for it. A run that had an
 * activity done before goes on: it began when that was still accepted, and half a deletion is worse than either.
 *
 * It is the activity that is refused, since a codec that throws would leave the run open with its workflow task retried
 * for ever. The refusal stands in the history, so that a replay under another setting comes to the same.
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

/** The activity before which no update of a sweep that lets more be done takes effect; see `SweepActivities`. */
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
      'The input came in plain text, which this worker refuses (HTTP_TASKS_ENCRYPTION_PLAINTEXT=refuse), so nothing was done. It now stands in the history in plain text. Start it again with a client that has the encryption key, or with the codec server set in the Temporal UI.',
    nonRetryable: true,
  });
}

/** Ids, of which the oldest are forgotten. */
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
