import { gdprRequestCreate, gdprRequestGet } from '../../tasks/batch/tasks';
import type { StepResult } from '../offboard-result';
import { outcomeWhenEnded } from './step';
import type { CallAnswer, CallMove, Step, StepMove } from './step';

/** Batch works on a request for hours or days: looks start two seconds apart and grow to an hour. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 3_600_000;

/**
 * The documented `error` of a request that is `done` for a user whom Batch does not know. Only this text counts: others,
 * such as "endpoint not found", say nothing about the user.
 */
const USER_NOT_FOUND = /^\s*user not found\.?\s*$/i;

/** Filing was answered by something unreadable so many times. */
const MOST_FILINGS = 5;

interface Progress {
  requestId?: string;
  filings: number;
  /** The request was filed more than once, so that an earlier one may have removed the user. */
  repeated: boolean;
  looks: number;
  waitUntilMs: number;
  results?: StepResult[];
}

/** Files a GDPR removal request under one app key and follows it until Batch says that it is done. */
export class GdprStep implements Step {
  readonly task = gdprRequestCreate.name;
  readonly name: string;
  readonly #batch: { userId: string; app: string; knownBefore: boolean };
  readonly #progress: Progress;

  constructor(
    name: string,
    batch: { userId: string; app: string; knownBefore: boolean },
    progress: Progress = { filings: 0, repeated: false, looks: 0, waitUntilMs: 0 },
  ) {
    this.name = name;
    this.#batch = batch;
    this.#progress = progress;
  }

  next(nowMs: number): StepMove {
    const { results, requestId, waitUntilMs } = this.#progress;
    if (results) return { kind: 'done', results };
    if (nowMs < waitUntilMs) return { kind: 'wait', untilMs: waitUntilMs };
    const { app, userId } = this.#batch;
    return requestId === undefined
      ? {
          kind: 'call',
          step: this.name,
          task: this.task,
          input: { request_type: 'remove', id: { type: 'custom_id', value: userId }, app },
        }
      : { kind: 'call', step: this.name, task: gdprRequestGet.name, input: { id: requestId, app } };
  }

  answered(call: CallMove, answer: CallAnswer, nowMs: number): Step {
    if (!answer.ok && answer.failure.type === 'Task.Held') {
      return this.#done({ outcome: this.#progress.filings > 0 || answer.failure.perhapsDone ? 'unknown' : 'held' });
    }
    return call.task === this.task ? this.#filed(answer, nowMs) : this.#looked(answer, nowMs);
  }

  ended(reason: string): StepResult[] {
    const { results, requestId, filings } = this.#progress;
    if (results) return results;
    if (requestId !== undefined) return [this.#result({ outcome: 'accepted', reason, token: requestId })];
    return [this.#result({ outcome: filings > 0 ? 'unknown' : outcomeWhenEnded(reason), reason })];
  }

  #filed(answer: CallAnswer, nowMs: number): Step {
    const filings = this.#progress.filings + 1;
    if (answer.ok) {
      const { token } = gdprRequestCreate.output.parse(answer.output);
      return this.#with({
        requestId: token,
        filings,
        repeated: filings > 1 || answer.attempt > 1,
        waitUntilMs: nowMs + FIRST_PAUSE_MS,
      });
    }
    if (answer.failure.type === 'Task.UnexpectedResponse') {
      if (filings < MOST_FILINGS) return this.#with({ filings, waitUntilMs: nowMs + FIRST_PAUSE_MS });
      return this.#done({ outcome: 'unknown', failure: answer.failure });
    }
    const perhapsFiled = this.#progress.filings > 0 || answer.failure.perhapsDone;
    return this.#done({ outcome: perhapsFiled ? 'unknown' : 'failed', failure: answer.failure });
  }

  #looked(answer: CallAnswer, nowMs: number): Step {
    const { requestId: token, looks } = this.#progress;
    if (!answer.ok && answer.failure.type !== 'Task.UnexpectedResponse') {
      return this.#done({ outcome: 'unknown', reason: 'cannotFollow', token, failure: answer.failure });
    }
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** looks, LONGEST_PAUSE_MS);
    const later = { looks: looks + 1, waitUntilMs: nowMs + pauseMs };
    if (!answer.ok) return this.#with(later);
    const { status, error } = gdprRequestGet.output.parse(answer.output);
    if (status !== 'done') return this.#with(later);
    if (!error) return this.#done({ outcome: 'removed', token });
    if (USER_NOT_FOUND.test(error)) return this.#done({ ...this.#absent(), token });
    return this.#done({ outcome: 'failed', reason: 'requestFailed', token });
  }

  #absent(): Pick<StepResult, 'outcome' | 'reason'> {
    if (this.#batch.knownBefore) return { outcome: 'alreadyGone' };
    return this.#progress.repeated ? { outcome: 'notFound', reason: 'filedMoreThanOnce' } : { outcome: 'notFound' };
  }

  #with(changes: Partial<Progress>): Step {
    return new GdprStep(this.name, this.#batch, { ...this.#progress, ...changes });
  }

  #done(result: Omit<StepResult, 'step' | 'task'>): Step {
    return this.#with({ results: [this.#result(result)] });
  }

  #result(result: Omit<StepResult, 'step' | 'task'>): StepResult {
    return { step: this.name, task: this.task, ...result };
  }
}
