import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';
import { maybeDone, outcomeWhenEnded, pauseMs, SETTLE_MS } from './step';
import type { CallAnswer, CallMove, Step, StepMove } from './step';

/** A lost answer is followed by at most this many further calls or looks that go wrong. */
const MOST_RESENDS = 4;

/** What a step needs that is done by one call. */
export interface SingleCall {
  name: string;
  task: HttpTask;
  input: Record<string, unknown>;
  /** A read that tells, by refusing, that what the call is about is gone; asked before a lost call is sent again. */
  look?: { task: HttpTask; input: Record<string, unknown> };
  /** Whether this ledger, or this run, has seen what the call is about. */
  knownBefore: boolean;
}

interface Progress {
  calls: number;
  /** A call was sent and its answer lost. */
  unsure: boolean;
  /** Nothing has looked since the last lost answer. */
  toLook: boolean;
  waitUntilMs: number;
  lastFailure?: TaskFailure;
  results?: StepResult[];
}

/**
 * A step that is done by one call. A lost answer is settled by looking where there is something to look at; otherwise,
 * or when the look shows that nothing was done, by sending the call again.
 */
export class SingleCallStep implements Step {
  readonly #call: SingleCall;
  readonly #progress: Progress;

  constructor(call: SingleCall, progress: Progress = { calls: 0, unsure: false, toLook: false, waitUntilMs: 0 }) {
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
    const { results, waitUntilMs, toLook } = this.#progress;
    const { look, input } = this.#call;
    if (results) return { kind: 'done', results };
    if (nowMs < waitUntilMs) return { kind: 'wait', untilMs: waitUntilMs };
    return look && toLook
      ? { kind: 'call', step: this.name, task: look.task.name, input: look.input }
      : { kind: 'call', step: this.name, task: this.task, input };
  }

  answered(call: CallMove, answer: CallAnswer, nowMs: number): Step {
    if (call.task !== this.task) return this.#looked(answer, nowMs);
    if (answer.ok)
      return this.#done({ outcome: this.#call.task.answerMeans, requestId: answer.requestId, token: answer.token });
    const { failure } = answer;
    // A hold forbids to send again; what was sent before it came may have been carried out.
    if (failure.type === 'Task.Held')
      return this.#done(failure.perhapsDone ? { outcome: 'unknown', failure } : this.#unfinished({ outcome: 'held' }));
    if (saysAbsent(this.#call.task, failure)) return this.#absent(failure);
    if (maybeDone(failure)) return this.#resendLater(failure, nowMs);
    // The last call was refused, but an earlier one may have been carried out.
    return this.#done({
      outcome: this.#progress.unsure || failure.perhapsDone ? 'unknown' : 'failed',
      failure,
      requestId: failure.requestId,
    });
  }

  ended(reason: string): StepResult[] {
    const { results } = this.#progress;
    if (results) return results;
    return [this.#result(this.#unfinished({ outcome: outcomeWhenEnded(reason), reason }))];
  }

  /** How the step stands without an answer: a call that was lost makes it unknown. */
  #unfinished(end: Pick<StepResult, 'outcome' | 'reason'>): Omit<StepResult, 'step' | 'task'> {
    const { unsure, lastFailure } = this.#progress;
    return unsure ? { ...end, outcome: 'unknown', failure: lastFailure, requestId: lastFailure?.requestId } : end;
  }

  #looked(answer: CallAnswer, nowMs: number): Step {
    const { look } = this.#call;
    if (answer.ok) return new SingleCallStep(this.#call, { ...this.#progress, toLook: false });
    const { failure } = answer;
    // Gone after a call whose answer was lost: that call did it.
    if (look && saysAbsent(look.task, failure)) return this.#done({ outcome: 'removed', requestId: failure.requestId });
    if (maybeDone(failure)) return this.#resendLater(failure, nowMs);
    return this.#done({ outcome: 'unknown', failure, requestId: failure.requestId });
  }

  #absent(failure: TaskFailure): Step {
    const known = this.#progress.unsure || failure.perhapsDone || this.#call.knownBefore;
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
      toLook: true,
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

function saysAbsent(task: HttpTask, failure: TaskFailure): boolean {
  return failure.type === 'Task.Rejected' && task.absentCodes.includes(failure.code ?? '');
}
