import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';
import { maybeDone, outcomeWhenEnded, pauseMs, SETTLE_MS } from './step';
import type { CallAnswer, CallMove, Step, StepMove } from './step';

/** A lost answer is followed by at most this many further calls. */
const MOST_RESENDS = 4;

/** What a step needs that is done by one call. */
export interface SingleCall {
  name: string;
  task: HttpTask;
  input: Record<string, unknown>;
  /** Whether this ledger, or this run, has seen what the call is about. */
  knownBefore: boolean;
}

interface Progress {
  calls: number;
  /** A call was sent and its answer lost. */
  unsure: boolean;
  waitUntilMs: number;
  lastFailure?: TaskFailure;
  results?: StepResult[];
}

/**
 * A step that is done by one call whose task settles a lost answer by being sent again: either because repeating it
 * is harmless, or because the provider's refusal then tells that the first call was carried out.
 */
export class SingleCallStep implements Step {
  readonly #call: SingleCall;
  readonly #progress: Progress;

  constructor(call: SingleCall, progress: Progress = { calls: 0, unsure: false, waitUntilMs: 0 }) {
    this.#call = call;
    this.#progress = progress;
  }

  get name(): string {
    return this.#call.name;
  }

  get task(): string {
    return this.#call.task.name;
  }

  next(nowMs: number): StepMove {
    const { results, waitUntilMs } = this.#progress;
    if (results) return { kind: 'done', results };
    if (nowMs < waitUntilMs) return { kind: 'wait', untilMs: waitUntilMs };
    return { kind: 'call', step: this.name, task: this.task, input: this.#call.input };
  }

  answered(_call: CallMove, answer: CallAnswer, nowMs: number): Step {
    if (answer.ok) return this.#done({ outcome: this.#call.task.answerMeans, requestId: answer.requestId, token: answer.token });
    const { failure } = answer;
    if (failure.type === 'Task.Held') return this.#done({ outcome: 'held' });
    if (this.#saysAbsent(failure)) return this.#absent(failure);
    if (maybeDone(failure)) return this.#resendLater(failure, nowMs);
    // The last call was refused, but an earlier one may have been carried out.
    return this.#done({ outcome: this.#progress.unsure ? 'unknown' : 'failed', failure, requestId: failure.requestId });
  }

  ended(reason: string): StepResult[] {
    const { results, unsure, lastFailure } = this.#progress;
    if (results) return results;
    return [this.#result({ outcome: unsure ? 'unknown' : outcomeWhenEnded(reason), reason, failure: lastFailure })];
  }

  #saysAbsent(failure: TaskFailure): boolean {
    return failure.type === 'Task.Rejected' && this.#call.task.absentCodes.includes(failure.code ?? '');
  }

  #absent(failure: TaskFailure): Step {
    const known = this.#progress.unsure || this.#call.knownBefore;
    return this.#done({
      outcome: known ? 'alreadyGone' : 'notFound',
      requestId: failure.requestId,
      ...(known ? {} : { failure }),
    });
  }

  #resendLater(failure: TaskFailure, nowMs: number): Step {
    const calls = this.#progress.calls + 1;
    if (calls > MOST_RESENDS) return this.#done({ outcome: 'unknown', failure, requestId: failure.requestId });
    // An irreversible call may still be under way at the provider, or in a process that was frozen.
    const leastMs = this.#call.task.effect === 'irreversible' ? SETTLE_MS : 0;
    return new SingleCallStep(this.#call, {
      calls,
      unsure: true,
      waitUntilMs: nowMs + Math.max(pauseMs(calls - 1), leastMs),
      lastFailure: failure,
    });
  }

  #done(result: Omit<StepResult, 'step' | 'task'>): Step {
    return new SingleCallStep(this.#call, { ...this.#progress, results: [this.#result(result)] });
  }

  #result(result: Omit<StepResult, 'step' | 'task'>): StepResult {
    return { step: this.name, task: this.task, ...result };
  }
}
