import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';
import type { Outcome } from '../outcome';
import type { CompiledCall, CompiledOnce } from '../providers/compiled-plan';
import { UnwritableIdError } from '../providers/template';
import {
  beginIfWritable,
  maybeDone,
  outcomeWhenEnded,
  pauseMs,
  perhapsDoneBefore,
  saysAbsent,
  saysFailed,
  SETTLE_MS,
} from './step';
import type {
  CallResponse,
  CallMove,
  EndedEntry,
  PartialResult,
  SavedStep,
  Sight,
  Step,
  StepMove,
  StepScope,
} from './step';

/** Maximum number of further calls, or failed looks, after a lost response. */
const MOST_RESENDS = 4;

/** A call with the input for one user. */
interface FilledCall extends CompiledCall {
  input: Record<string, unknown>;
}

interface OnceCalls {
  step: CompiledOnce;
  act: FilledCall;
  look?: FilledCall;
  dryRun: boolean;
  /** Whether this ledger, or this run, has seen what the call is about. */
  knownBefore: boolean;
}

interface Progress {
  calls: number;
  /** A call was sent and its response was lost. */
  unsure: boolean;
  /** The next call is the look. */
  toLook: boolean;
  waitUntilMs: number;
  lastFailure?: TaskFailure;
  sight?: Pick<Sight, 'seen' | 'absent'>;
  results?: StepResult[];
}

/**
 * A step that is done by one call. A lost response is resolved by a look if there is one; otherwise, or when the look
 * shows that nothing was done, by sending the call again.
 *
 * It looks at the start (`lookFirst`, dry run) and after each lost response, calls when the look shows that there is
 * something to remove, and ends with the first conclusive response.
 */
export class OnceCallStep implements Step {
  readonly #calls: OnceCalls;
  readonly #progress: Progress;

  constructor(calls: OnceCalls, progress?: Progress) {
    const looksFirst = calls.look !== undefined && (calls.dryRun || calls.step.plan.lookFirst);
    this.#calls = calls;
    this.#progress = progress ?? { calls: 0, unsure: false, toLook: looksFirst, waitUntilMs: 0 };
  }

  /** Begins the step, or ends it when an ID cannot be written. A bulk call takes the IDs that a single one cannot. */
  static begin(
    step: CompiledOnce,
    scope: StepScope,
    { id, dryRun, knownBefore }: { id: string | undefined; dryRun: boolean; knownBefore: boolean },
  ): Step | StepResult {
    const fill = (call: CompiledCall, special = {}): FilledCall => ({ ...call, input: scope.fill(call, special) });
    return beginIfWritable(step.plan, () => {
      const act = actOf(step, fill, id);
      const look = step.look && act.name === step.act.name ? fill(step.look) : undefined;
      if (dryRun && !look) return { step: step.plan.step, task: act.name, outcome: 'skipped', reason: 'dryRun' };
      return new OnceCallStep({ step, act, ...(look && { look }), dryRun, knownBefore });
    });
  }

  get name(): string {
    return this.#calls.step.plan.step;
  }

  get task(): string {
    return this.#calls.act.name;
  }

  get sight(): Sight | undefined {
    const { step, look } = this.#calls;
    const { sight } = this.#progress;
    return sight && { ...sight, look: step.sharesLook && look ? lookKey(look, look.input) : '' };
  }

  next(nowMs: number): StepMove {
    const { results, waitUntilMs, toLook } = this.#progress;
    const { look, act } = this.#calls;
    if (results) return { kind: 'done', results };
    if (nowMs < waitUntilMs) return { kind: 'wait', untilMs: waitUntilMs };
    const { name: task, input } = look && toLook ? look : act;
    return { kind: 'call', step: this.name, task, input };
  }

  responded(_call: CallMove, response: CallResponse, nowMs: number): Step {
    const { act, look } = this.#calls;
    if (look && this.#progress.toLook) return this.#looked(look, response, nowMs);
    if (saysAbsent(act, response)) return this.#absent(response);
    if (response.ok) {
      const { requestId, token } = response;
      if (!saysFailed(act, response)) return this.#done({ outcome: act.task.means, requestId, token });
      const unsure = this.#progress.unsure || perhapsDoneBefore(response);
      return this.#done({ outcome: unsure ? 'unknown' : 'failed', reason: 'refused', requestId, token });
    }
    const { failure } = response;
    // A hold forbids to send again; what was sent before it may have been carried out.
    if (failure.type === 'Task.Held')
      return this.#done(failure.perhapsDone ? { outcome: 'unknown', failure } : this.#unfinished({ outcome: 'held' }));
    if (maybeDone(failure)) return this.#lost(failure, nowMs);
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

  saved(): SavedStep | undefined {
    return { ...this.#progress };
  }

  resumed(saved: SavedStep): Step {
    return this.#with(saved);
  }

  /** Ends the step without a response: a lost call makes it unknown. */
  #unfinished(end: Pick<StepResult, 'outcome' | 'reason'>): PartialResult {
    const { unsure, lastFailure } = this.#progress;
    return unsure ? { ...end, outcome: 'unknown', failure: lastFailure, requestId: lastFailure?.requestId } : end;
  }

  #looked(look: CompiledCall, response: CallResponse, nowMs: number): Step {
    const { unsure } = this.#progress;
    const requestId = response.ok ? response.requestId : response.failure.requestId;
    if (saysAbsent(look, response)) {
      // What this step's own call has removed says nothing of what another step is for.
      const absent = !(unsure && look.distinct);
      const seen = this.#with({ sight: { seen: this.#progress.sight?.seen ?? false, absent } });
      // Absent after a call whose response was lost: that call did it.
      return unsure ? seen.#done({ outcome: 'removed', requestId }) : seen.#absent(response);
    }
    if (response.ok && !saysFailed(look, response)) {
      const seen = this.#with({ toLook: false, sight: { seen: true, absent: false } });
      return this.#calls.dryRun ? seen.#done({ outcome: 'skipped', reason: 'dryRun', items: 1, requestId }) : seen;
    }
    if (!response.ok && maybeDone(response.failure)) return this.#lookLater(response.failure, nowMs);
    return this.#done({
      outcome: unsure ? 'unknown' : 'failed',
      ...(response.ok ? { reason: 'unreadableLook' } : { failure: response.failure }),
      requestId,
    });
  }

  #absent(response: CallResponse): Step {
    const { absentAfterLost } = this.#calls.step.plan;
    const failure = response.ok ? undefined : response.failure;
    const requestId = response.ok ? response.requestId : response.failure.requestId;
    if (this.#progress.unsure || perhapsDoneBefore(response))
      return this.#done({ outcome: absentAfterLost, requestId });
    if (this.#calls.knownBefore) return this.#done({ outcome: 'alreadyGone', requestId });
    return this.#done({ outcome: 'notFound', requestId, ...(failure && { failure }) });
  }

  /** Looks or sends again, unless nothing could be learned or done by it. */
  #lost(failure: TaskFailure, nowMs: number): Step {
    const { look, act } = this.#calls;
    if (!look && !act.task.repeat) return this.#done({ outcome: 'unknown', failure, requestId: failure.requestId });
    return this.#again(failure, { nowMs, unsure: true });
  }

  #lookLater(failure: TaskFailure, nowMs: number): Step {
    return this.#again(failure, { nowMs, unsure: this.#progress.unsure });
  }

  #again(failure: TaskFailure, { nowMs, unsure }: { nowMs: number; unsure: boolean }): Step {
    const { look, act, step } = this.#calls;
    const calls = this.#progress.calls + 1;
    const outcome = unsure ? 'unknown' : 'failed';
    if (calls > MOST_RESENDS) return this.#done({ outcome, failure, requestId: failure.requestId });
    // An irreversible call may still be in progress at the provider, or in a suspended process.
    const settleMs = look ? (step.plan.look?.lagMs ?? SETTLE_MS) : SETTLE_MS;
    const leastMs = unsure && act.task.effect === 'irreversible' ? settleMs : 0;
    return this.#with({
      calls,
      unsure,
      toLook: look !== undefined,
      waitUntilMs: nowMs + Math.max(pauseMs(calls - 1), leastMs),
      lastFailure: failure,
    });
  }

  #with(changes: Partial<Progress>): OnceCallStep {
    return new OnceCallStep(this.#calls, { ...this.#progress, ...changes });
  }

  #done(result: PartialResult): OnceCallStep {
    return this.#with({ results: [this.#result(result)] });
  }

  #result(result: PartialResult): StepResult {
    return { step: this.name, task: this.task, ...result };
  }
}

/** Returns the single call, or the bulk call with this one ID if the single one cannot take it. */
function actOf(
  { act, bulk, plan }: CompiledOnce,
  fill: (call: CompiledCall, special?: object) => FilledCall,
  id: string | undefined,
): FilledCall {
  try {
    return fill(act);
  } catch (error) {
    if (!(error instanceof UnwritableIdError) || !bulk || plan.each !== undefined || id === undefined) throw error;
    return fill(bulk, { ids: [id] });
  }
}

/** Returns the key of a look: looks with the same task and input show the same, unless their conditions differ. */
export function lookKey({ name, distinct, absent }: CompiledCall, input: unknown): string {
  return `${name} ${JSON.stringify(input)}${distinct ? ` ${JSON.stringify(absent)}` : ''}`;
}

/** An entry of the list that is left, with its calls. */
interface LeftEntry {
  value: string;
  step: Step;
}

interface EachProgress {
  /** The remaining entries, the current one first. */
  left: readonly LeftEntry[];
  /** In the order in which they ended; the values are missing for those that an earlier version saved. */
  done: readonly { value?: string | undefined; result: StepResult }[];
}

/** Makes one call for each ID of a list, one after the other; a result for each outcome. */
export class EachStep implements Step {
  readonly name: string;
  readonly task: string;
  readonly #progress: EachProgress;

  constructor(name: string, task: string, progress: EachProgress) {
    this.name = name;
    this.task = task;
    this.#progress = progress;
  }

  static begin(
    step: CompiledOnce,
    entries: readonly { value: string; begun: Step | StepResult }[],
  ): Step | StepResult[] {
    const done = entries.flatMap(({ value, begun }) => ('next' in begun ? [] : [{ value, result: begun }]));
    const left = entries.flatMap(({ value, begun }) => ('next' in begun ? [{ value, step: begun }] : []));
    if (left.length === 0) return grouped(done);
    return new EachStep(step.plan.step, step.plan.task, { left, done });
  }

  get entries(): readonly EndedEntry[] {
    return this.#progress.done.flatMap(({ value, result }) => (value === undefined ? [] : [{ value, result }]));
  }

  next(nowMs: number): StepMove {
    const { left, done } = this.#progress;
    const [current] = left;
    return current ? current.step.next(nowMs) : { kind: 'done', results: grouped(done) };
  }

  responded(call: CallMove, response: CallResponse, nowMs: number): Step {
    const [current, ...rest] = this.#progress.left;
    if (!current) return this;
    const { value } = current;
    const after = current.step.responded(call, response, nowMs);
    const move = after.next(nowMs);
    if (move.kind !== 'done') return this.#with({ left: [{ value, step: after }, ...rest] });
    const done = [...this.#progress.done, ...move.results.map((result) => ({ value, result }))];
    const stopped = move.results.find(({ outcome, failure }) => outcome === 'held' || isKeyRefused(failure));
    if (!stopped) return this.#with({ left: rest, done });
    // A hold or a refused key concerns all of them, of which nothing was sent.
    const { failure } = stopped;
    const outcome = stopped.outcome === 'held' ? 'held' : 'failed';
    const others = rest.map(({ value: other, step }) => ({
      value: other,
      result: { step: step.name, task: step.task, outcome, failure } as const,
    }));
    return this.#with({ left: [], done: [...done, ...others] });
  }

  ended(reason: string): StepResult[] {
    const { left, done } = this.#progress;
    return grouped([...done, ...left.flatMap(({ step }) => step.ended(reason).map((result) => ({ result })))]);
  }

  saved(): SavedStep | undefined {
    const { left, done } = this.#progress;
    const [current] = left;
    return {
      left: left.length,
      done: done.map(({ result }) => result),
      values: done.map(({ value }) => value ?? null),
      current: current?.step.saved(),
    };
  }

  /** Entries are begun in their order, so the remaining ones are the last. */
  resumed(saved: SavedStep): Step {
    const { left, done: results, values = [], current } = saved as unknown as SavedEach;
    const done = results.map((result, index) => ({ value: values[index] ?? undefined, result }));
    const [first, ...rest] = this.#progress.left.slice(this.#progress.left.length - left);
    if (left === 0 || !first) return this.#with({ left: [], done });
    const { value, step } = first;
    return this.#with({ left: [{ value, step: current ? step.resumed(current) : step }, ...rest], done });
  }

  #with(changes: Partial<EachProgress>): EachStep {
    return new EachStep(this.name, this.task, { ...this.#progress, ...changes });
  }
}

/** See {@link EachStep.saved}. */
interface SavedEach {
  left: number;
  done: readonly StepResult[];
  /** Of `done`, by index; absent in what an earlier version saved. */
  values?: readonly (string | null)[];
  current?: SavedStep;
}

function isKeyRefused(failure: TaskFailure | undefined): boolean {
  return failure?.type === 'Task.Unauthorized';
}

/** Returns one result for each outcome and reason, with its number of IDs and the evidence of the first of them. */
function grouped(entries: readonly Pick<EndedEntry, 'result'>[]): StepResult[] {
  const rows = new Map<`${Outcome}/${string}`, StepResult>();
  for (const { result } of entries) {
    const key = `${result.outcome}/${result.reason ?? ''}` as const;
    const row = rows.get(key);
    if (row) row.items = (row.items ?? 0) + 1;
    else rows.set(key, { ...result, items: 1 });
  }
  return [...rows.values()];
}
