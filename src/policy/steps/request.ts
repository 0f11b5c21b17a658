import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';
import type { CompiledCall, CompiledRequest } from '../providers/compiled-plan';
import { requestsIn, idAt, showsState } from '../providers/path';
import type { WantedRequests } from '../providers/path';
import { UnwritableIdError } from '../providers/template';
import {
  beginIfWritable,
  LAG_MS,
  maybeDone,
  outcomeWhenEnded,
  pauseMs,
  perhapsDoneBefore,
  saysAbsent,
  saysFailed,
  SETTLE_MS,
} from './step';
import type { CallResponse, CallMove, PartialResult, SavedStep, Step, StepMove, StepScope } from './step';

/**
 * Initial pause between two looks, in milliseconds; a provider may work on a request for days, so pauses grow to an
 * hour.
 */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 3_600_000;

/** Maximum number of filings whose responses were lost. */
const MOST_FILINGS = 5;

/** Maximum number of consecutive looks for a lost filing without a usable response. */
const MOST_BLIND_LOOKS = 5;

interface RequestWork {
  step: CompiledRequest;
  scope: StepScope;
  knownBefore: boolean;
}

interface Progress {
  todo: 'note' | 'file' | 'find' | 'follow' | 'proceed';
  handle?: string;
  /** Handles of requests that existed before this run filed one; undefined until they were read. */
  earlier?: readonly string[];
  filings: number;
  /** A filing was sent and its response was lost. */
  unsure: boolean;
  /** The request was filed more than once, so that an earlier one may have removed the user. */
  repeated: boolean;
  /** Until when a lost filing is looked for, in milliseconds since 1970. */
  findUntilMs: number;
  blindLooks: number;
  looks: number;
  /** When a check of the request was first refused, in milliseconds since 1970. */
  refusedAtMs?: number;
  proceeded: boolean;
  waitUntilMs: number;
  lastFailure?: TaskFailure;
  results?: StepResult[];
}

/**
 * Files a request and follows it until the provider says that it is done.
 *
 * - note (only with `find`): remembers the requests that already exist, so that a lost filing can be distinguished from
 *   them.
 * - file: sends the request. Ends with a handle, which is followed; with a lost response; or refused.
 * - find: after a lost response, looks for the one new request, for a minute; then files again. A repeat-safe filing is
 *   looked for once, and any request will do.
 * - follow: looks at the request until it is absent, failed or done, or in a state that has to be confirmed.
 * - proceed: confirms it, once; then follows again.
 */
export class RequestFollowStep implements Step {
  readonly #work: RequestWork;
  readonly #progress: Progress;

  constructor(work: RequestWork, progress?: Progress) {
    this.#work = work;
    this.#progress = progress ?? {
      todo: work.step.find && work.step.act.task.effect === 'irreversible' ? 'note' : 'file',
      filings: 0,
      unsure: false,
      repeated: false,
      findUntilMs: 0,
      blindLooks: 0,
      looks: 0,
      proceeded: false,
      waitUntilMs: 0,
    };
  }

  /** Begins the step, or ends it when an ID cannot be written. */
  static begin(work: RequestWork): Step | StepResult {
    const { scope, step } = work;
    return beginIfWritable(step.plan, () => {
      scope.fill(step.act);
      if (step.find) scope.fill(step.find);
      return new RequestFollowStep(work);
    });
  }

  get name(): string {
    return this.#work.step.plan.step;
  }

  get task(): string {
    return this.#work.step.act.name;
  }

  next(nowMs: number): StepMove {
    const { results, waitUntilMs } = this.#progress;
    if (results) return { kind: 'done', results };
    if (nowMs < waitUntilMs) return { kind: 'wait', untilMs: waitUntilMs };
    const call = this.#call;
    const { handle } = this.#progress;
    try {
      const input = this.#work.scope.fill(call, handle === undefined ? {} : { handle });
      const { todo } = this.#progress;
      const keeps = todo === 'note' || todo === 'find' ? this.#wanted : undefined;
      return { kind: 'call', step: this.name, task: call.name, input, ...(keeps && { keeps }) };
    } catch (error) {
      if (!(error instanceof UnwritableIdError)) throw error;
      return { kind: 'done', results: [this.#result({ outcome: 'unknown', reason: 'cannotFollow', token: handle })] };
    }
  }

  responded(_call: CallMove, response: CallResponse, nowMs: number): Step {
    const { filings, handle } = this.#progress;
    if (!response.ok && response.failure.type === 'Task.Held') {
      // The request waits to be confirmed, which the hold forbids.
      if (handle !== undefined) return this.#done({ outcome: 'held', reason: 'heldBeforeConfirmation', token: handle });
      return this.#done({ outcome: filings > 0 || response.failure.perhapsDone ? 'unknown' : 'held' });
    }
    switch (this.#progress.todo) {
      case 'note':
        return this.#noted(response, nowMs);
      case 'file':
        return this.#filed(response, nowMs);
      case 'find':
        return this.#found(response, nowMs);
      case 'follow':
        return this.#looked(response, nowMs);
      case 'proceed':
        return this.#proceeded(response, nowMs);
    }
  }

  ended(reason: string): StepResult[] {
    const { results, handle, filings } = this.#progress;
    if (results) return results;
    if (handle !== undefined) return [this.#result({ outcome: 'accepted', reason, token: handle })];
    return [this.#result({ outcome: filings > 0 ? 'unknown' : outcomeWhenEnded(reason), reason })];
  }

  saved(): SavedStep {
    return { ...this.#progress };
  }

  resumed(saved: SavedStep): Step {
    return this.#with(saved);
  }

  get #call(): CompiledCall {
    const { act, follow, find, proceed } = this.#work.step;
    switch (this.#progress.todo) {
      case 'note':
      case 'find':
        return find ?? act;
      case 'file':
        return act;
      case 'follow':
        return follow;
      case 'proceed':
        return proceed ?? follow;
    }
  }

  /**
   * A lost filing can be found only if the earlier requests are known; without them the request is filed nevertheless.
   */
  #noted(response: CallResponse, nowMs: number): Step {
    const earlier = response.ok ? this.#matches(response.output) : undefined;
    const blindLooks = this.#progress.blindLooks + 1;
    const isUnreadable = response.ok ? earlier === undefined : maybeDone(response.failure);
    if (isUnreadable && blindLooks < MOST_BLIND_LOOKS)
      return this.#with({ blindLooks, waitUntilMs: nowMs + pauseMs(blindLooks - 1) });
    if (!response.ok && response.failure.type === 'Task.Unauthorized')
      return this.#done({ outcome: 'failed', failure: response.failure, requestId: response.failure.requestId });
    return this.#with({ todo: 'file', blindLooks: 0, waitUntilMs: 0, ...(earlier && { earlier }) });
  }

  #filed(response: CallResponse, nowMs: number): Step {
    const { act, plan } = this.#work.step;
    const filings = this.#progress.filings + 1;
    if (saysAbsent(act, response)) return this.#absentAtFiling(response);
    if (response.ok) {
      const { requestId } = response;
      if (saysFailed(act, response)) {
        const unsure = this.#progress.unsure || perhapsDoneBefore(response);
        return this.#done({ outcome: unsure ? 'unknown' : 'failed', reason: 'refused', requestId });
      }
      const handle = idAt(response.output, plan.handle);
      if (handle === undefined) return this.#done({ outcome: 'accepted', requestId, token: response.token });
      const repeated = filings > 1 || response.attempt > 1;
      return this.#with({ todo: 'follow', handle, filings, repeated, waitUntilMs: nowMs + FIRST_PAUSE_MS });
    }
    const { failure } = response;
    if (maybeDone(failure)) return this.#lost(failure, filings, nowMs);
    const possiblyFiled = this.#progress.filings > 0 || failure.perhapsDone;
    return this.#done({ outcome: possiblyFiled ? 'unknown' : 'failed', failure });
  }

  #absentAtFiling(response: CallResponse): Step {
    const failure = response.ok ? undefined : response.failure;
    const requestId = response.ok ? response.requestId : response.failure.requestId;
    if (this.#progress.unsure || perhapsDoneBefore(response)) return this.#done({ outcome: 'removed', requestId });
    if (this.#work.knownBefore) return this.#done({ outcome: 'alreadyGone', requestId });
    return this.#done({ outcome: 'notFound', requestId, ...(failure && { failure }) });
  }

  #lost(failure: TaskFailure, filings: number, nowMs: number): Step {
    const { act, find } = this.#work.step;
    const lost = this.#with({ filings, unsure: true, lastFailure: failure });
    const unknown = (): Step => lost.#done({ outcome: 'unknown', failure });
    if (filings >= MOST_FILINGS) return unknown();
    // A second filing of a repeat-safe request changes nothing, so any request that is found will do.
    if (act.task.effect !== 'irreversible')
      return lost.#with({ todo: find ? 'find' : 'file', blindLooks: 0, waitUntilMs: nowMs + FIRST_PAUSE_MS });
    if (find && this.#progress.earlier) {
      const findUntilMs = nowMs + LAG_MS;
      return lost.#with({ todo: 'find', findUntilMs, looks: 0, blindLooks: 0, waitUntilMs: nowMs + SETTLE_MS });
    }
    return act.task.repeat && !find ? lost.#with({ waitUntilMs: nowMs + SETTLE_MS }) : unknown();
  }

  #found(response: CallResponse, nowMs: number): Step {
    const { earlier = [], looks, lastFailure, findUntilMs } = this.#progress;
    const blindLooks = this.#progress.blindLooks + 1;
    const matches = response.ok ? this.#matches(response.output) : undefined;
    if (this.#work.step.act.task.effect !== 'irreversible') return this.#foundAny(matches?.at(-1), nowMs);
    if (matches === undefined) {
      const isUnreadable = response.ok || maybeDone(response.failure);
      if (isUnreadable && blindLooks < MOST_BLIND_LOOKS)
        return this.#with({ blindLooks, waitUntilMs: nowMs + pauseMs(blindLooks - 1) });
      return this.#done({
        outcome: 'unknown',
        reason: 'cannotFind',
        failure: response.ok ? lastFailure : response.failure,
      });
    }
    const [handle, ...others] = matches.filter((one) => !earlier.includes(one));
    if (others.length > 0) return this.#done({ outcome: 'unknown', reason: 'severalFound', failure: lastFailure });
    if (handle !== undefined)
      return this.#with({ todo: 'follow', handle, looks: 0, waitUntilMs: nowMs + FIRST_PAUSE_MS });
    if (nowMs < findUntilMs)
      return this.#with({ looks: looks + 1, blindLooks: 0, waitUntilMs: nowMs + pauseMs(looks) });
    return this.#with({ todo: 'file', looks: 0, waitUntilMs: 0 });
  }

  /**
   * If a second filing changes nothing, any request that is found will do, and one that is not found is filed again.
   */
  #foundAny(handle: string | undefined, nowMs: number): Step {
    if (handle === undefined) return this.#with({ todo: 'file', looks: 0, waitUntilMs: 0 });
    const repeated = this.#progress.filings > 1;
    return this.#with({ todo: 'follow', handle, repeated, looks: 0, waitUntilMs: nowMs + FIRST_PAUSE_MS });
  }

  /** Returns the handles of the requests about this user; undefined when the response cannot be read. */
  #matches(output: unknown): string[] | undefined {
    const wanted = this.#wanted;
    const handles = wanted && requestsIn(output, wanted)?.map((one) => idAt(one, wanted.handle));
    return handles?.every((handle) => handle !== undefined) ? handles : undefined;
  }

  get #wanted(): WantedRequests | undefined {
    const { find } = this.#work.step.plan;
    if (!find) return undefined;
    const match = Object.fromEntries(
      this.#work.step.match.map(([path, value]) => [path, this.#work.scope.value(value)]),
    );
    return { ...(find.items !== undefined && { items: find.items }), match, handle: find.handle };
  }

  #looked(response: CallResponse, nowMs: number): Step {
    const { handle: token, looks, proceeded, refusedAtMs = nowMs } = this.#progress;
    const { state, done, failed, absent, patienceMs } = this.#work.step.plan.follow;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** looks, LONGEST_PAUSE_MS);
    const later = { looks: looks + 1, waitUntilMs: nowMs + pause };
    if (!response.ok) {
      if (response.failure.type === 'Task.UnexpectedResponse') return this.#with(later);
      if (nowMs - refusedAtMs < patienceMs) return this.#with({ ...later, refusedAtMs });
      return this.#done({ outcome: 'unknown', reason: 'cannotFollow', token, failure: response.failure });
    }
    const shows = (patterns: typeof done): boolean => showsState(response.output, patterns, state);
    if (shows(absent)) return this.#done({ ...this.#absent(), token });
    if (shows(failed)) return this.#done({ outcome: 'failed', reason: 'requestFailed', token });
    if (shows(done)) return this.#done({ outcome: 'removed', token });
    const { proceed } = this.#work.step.plan;
    if (proceed && !proceeded && shows(proceed.when)) return this.#with({ todo: 'proceed', waitUntilMs: 0 });
    return this.#with({ ...later, refusedAtMs: undefined });
  }

  /** A lost confirmation is repeated only if that is harmless; the request's state shows whether it arrived. */
  #proceeded(response: CallResponse, nowMs: number): Step {
    const { handle: token } = this.#progress;
    const follow = { todo: 'follow', looks: 0 } as const;
    if (response.ok) return this.#with({ ...follow, proceeded: true, waitUntilMs: nowMs + FIRST_PAUSE_MS });
    const { failure } = response;
    if (maybeDone(failure) || failure.perhapsDone) {
      const proceeded = !this.#work.step.proceed?.task.repeat;
      return this.#with({ ...follow, proceeded, lastFailure: failure, waitUntilMs: nowMs + SETTLE_MS });
    }
    return this.#done({ outcome: 'failed', reason: 'notConfirmed', token, failure });
  }

  #absent(): Pick<StepResult, 'outcome' | 'reason'> {
    if (this.#work.knownBefore) return { outcome: 'alreadyGone' };
    return this.#progress.repeated ? { outcome: 'notFound', reason: 'filedMoreThanOnce' } : { outcome: 'notFound' };
  }

  #with(changes: Partial<Progress>): RequestFollowStep {
    return new RequestFollowStep(this.#work, { ...this.#progress, ...changes });
  }

  #done(result: PartialResult): RequestFollowStep {
    return this.#with({ results: [this.#result(result)] });
  }

  #result(result: PartialResult): StepResult {
    return { step: this.name, task: this.task, ...result };
  }
}
