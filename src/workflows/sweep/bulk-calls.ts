import { CancellationScope } from '@temporalio/workflow';
import type { BulkResult } from '../../activities/sweep/contract';
import { bulkWords } from '../../policy/sweep-result';
import { endedByStop, runBulk } from './sweep-activities';
import type { PassEnd } from './user-chunks';
import type { SweepState } from './sweep-state';

const BEGIN_FOR_MS = 60_000;

/**
 * Makes bulk calls for users whose other steps are done: queues concurrently, and in each queue one call after the
 * other.
 */
export class BulkCalls {
  readonly #state: SweepState;
  #scope = new CancellationScope();

  constructor(state: SweepState) {
    this.#state = state;
  }

  /** Makes open activities hand back what they have not begun. */
  stop(): void {
    this.#scope.cancel();
  }

  /** Runs one activity for each queue with users. */
  async pass(apps: readonly string[]): Promise<PassEnd> {
    this.#scope = new CancellationScope();
    const results = await Promise.all(apps.map((app) => this.#run(app)));
    const waits = results.flatMap(({ nextTryAt }) => (nextTryAt === undefined ? [] : [Date.parse(nextTryAt)]));
    return {
      moved: results.some(({ end, calls }) => calls > 0 || end === 'done'),
      earliestMs: waits.length > 0 ? Math.min(...waits) : undefined,
      left: false,
    };
  }

  async #run(app: string): Promise<BulkResult> {
    const state = this.#state;
    const { sweepId, mostFailed, deadlineAtMs } = state;
    const beginForMs = Math.max(1, Math.min(BEGIN_FOR_MS, deadlineAtMs - Date.now()));
    state.begin();
    try {
      const input = { sweepId, app, beginForMs, ...(mostFailed !== undefined && { mostFailed }) };
      const { calls } = bulkWords(state.opened?.titles);
      const summary = `${calls[0]?.toUpperCase() ?? ''}${calls.slice(1)}: ${app}`;
      const result = await this.#scope.run(() => runBulk(input, { summary }));
      if (result.end === 'unauthorized' && result.unauthorized) state.pauseForKey(result.unauthorized);
      if (result.end === 'tolerance' || result.end === 'stopped') state.pause(result.end);
      if (result.end === 'notAllowed') state.pauseForRule(result.rule ?? '');
      if (state.isPaused) this.stop();
      return result;
    } catch (error) {
      if (endedByStop(error, this.#scope)) return { calls: 0, outcomes: {}, end: 'cancelled' };
      throw error;
    } finally {
      state.finish();
    }
  }
}
