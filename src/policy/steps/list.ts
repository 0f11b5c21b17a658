import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';
import {
  actInput,
  inParts,
  isSame,
  isWritable,
  resumedProgress,
  savedProgress,
  startOf,
  without,
  NextPage,
} from './list-progress';
import type { ListProgress, ListWork } from './list-progress';
import { lookKey } from './once';
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
import type { CallResponse, CallMove, ItemsInSight, PartialResult, SavedStep, Sight, Step, StepMove } from './step';

/** Maximum number of items of one user that are removed by a call each. */
const MOST_SINGLE_ITEMS = 2_000;

/** Maximum number of rounds of removals for one user. */
const MOST_ROUNDS = 20;

/** Maximum number of consecutive looks without a usable response. */
const MOST_BLIND_LOOKS = 5;

/**
 * Removes a user's items by looking, removing what is listed, and looking again until nothing is left.
 *
 * A removal's response shows only that the removal was done, so the list decides: what was sent and is no longer listed
 * is removed; what was confirmed as removed is never sent again, however long the list lags; what was sent without a
 * response is sent again only when it is still listed after {@link SETTLE_MS}.
 *
 * It looks (all pages of one look), then acts (one or more calls), then looks again. It ends when nothing is listed,
 * when what is still listed cannot be removed for a minute, or when a look or the key is refused. If responses are
 * trusted, it also ends when every removal of the last list had a good one.
 */
export class ListItemsStep implements Step {
  readonly #work: ListWork;
  readonly #progress: ListProgress;

  constructor(work: ListWork, progress: ListProgress = startOf(work)) {
    this.#work = work;
    this.#progress = progress;
  }

  /** Begins the step, or ends it when an ID cannot be written. */
  static begin(work: Omit<ListWork, 'lookInput'>): Step | StepResult {
    const { scope, step } = work;
    return beginIfWritable(step.plan, () => new ListItemsStep({ ...work, lookInput: scope.fill(step.look) }));
  }

  get name(): string {
    return this.#work.step.plan.step;
  }

  get task(): string {
    return this.#work.step.act.name;
  }

  get sight(): Sight {
    const { step, lookInput } = this.#work;
    const { userSeen, userAbsent } = this.#progress;
    const look = step.sharesLook ? lookKey(step.look, lookInput) : '';
    return { look, seen: userSeen, absent: userAbsent };
  }

  get items(): ItemsInSight {
    const { listed, todo } = this.#progress;
    return { listed, acting: todo.kind === 'act' ? todo.items : [] };
  }

  next(nowMs: number): StepMove {
    const { todo, waitUntilMs } = this.#progress;
    if (todo.kind === 'done') return { kind: 'done', results: todo.results };
    if (nowMs < waitUntilMs) return { kind: 'wait', untilMs: waitUntilMs };
    const { step, lookInput } = this.#work;
    return todo.kind === 'look'
      ? {
          kind: 'call',
          step: this.name,
          task: step.look.name,
          input: todo.page.inputOf(lookInput, step.plan.look.next),
        }
      : { kind: 'call', step: this.name, task: this.task, input: actInput(this.#work, todo.items) };
  }

  responded(_call: CallMove, response: CallResponse, nowMs: number): Step {
    if (!response.ok && response.failure.type === 'Task.Held') return this.#done(this.#broken({ outcome: 'held' }));
    const { todo } = this.#progress;
    if (todo.kind === 'look') return this.#looked(todo.page, response, nowMs);
    return todo.kind === 'act' ? this.#acted(todo, response, nowMs) : this;
  }

  ended(reason: string): StepResult[] {
    const { todo, lastFailure } = this.#progress;
    if (todo.kind === 'done') return todo.results;
    return this.#broken({ outcome: outcomeWhenEnded(reason), reason, failure: lastFailure });
  }

  saved(): SavedStep {
    return savedProgress(this.#progress);
  }

  /** Looks before it removes anything: what was listed in the previous round may have changed since. */
  resumed(saved: SavedStep): Step {
    return this.#with(resumedProgress(saved));
  }

  #looked(page: NextPage, response: CallResponse, nowMs: number): Step {
    const { look, plan } = this.#work.step;
    if (saysAbsent(look, response)) return this.#with({ userAbsent: true }).#absent(response);
    if (!response.ok) return this.#lookFailed(response.failure, nowMs);
    const read = saysFailed(look, response) ? undefined : page.read(response.output, plan.look, nowMs);
    if (read === undefined) return this.#blindLook(undefined, nowMs, response.requestId);
    if (read instanceof NextPage) return this.#with({ todo: { kind: 'look', page: read }, waitUntilMs: 0 });
    return this.#listed(read.items, response.requestId, read.atMs);
  }

  /** @param nowMs When the first page was requested: later events may be missing in it. */
  #listed(listed: readonly string[], requestId: string | undefined, nowMs: number): Step {
    const { only, dryRun, removedBefore } = this.#work;
    const onlyThese = only && new Set(only);
    const wanted = onlyThese ? listed.filter((id) => onlyThese.has(id)) : listed;
    if (dryRun) return this.#dryRun(listed, wanted, requestId);

    const { removed: responded, unsure: open, looks, changedAtMs, fewest } = this.#progress;
    const isListed = new Set(wanted);
    const unsure = new Set([...open].filter((id) => isListed.has(id)));
    const removed = new Set([
      ...responded,
      ...[...open].filter((id) => !isListed.has(id)),
      ...(removedBefore ? wanted.filter((id) => removedBefore.has(id)) : []),
    ]);
    const changed = changedAtMs === 0 || unsure.size < open.size || listed.length < fewest;
    const looked = this.#with({
      listed,
      everWanted: new Set([...this.#progress.everWanted, ...wanted]),
      removed,
      unsure,
      blindLooks: 0,
      looks: looks + 1,
      userSeen: true,
      userAbsent: false,
      changedAtMs: changed ? nowMs : changedAtMs,
      fewest: Math.min(fewest, listed.length),
    });
    return looked.#decide(wanted, nowMs);
  }

  /** After a good look: finishes, removes what is left, or looks again because the list may lag. */
  #decide(wanted: readonly string[], nowMs: number): ListItemsStep {
    const { removed, unsure, changedAtMs, looks, rounds } = this.#progress;
    if (wanted.length === 0) return this.#done(this.#converged());

    const left = wanted.filter((id) => !removed.has(id));
    if (this.#work.step.plan.act.takes === 'item' && left.length > MOST_SINGLE_ITEMS)
      return this.#done(this.#broken({ outcome: 'failed', reason: 'tooManyItems' }));
    const waitedMs = nowMs - changedAtMs;
    const readAgain = (): ListItemsStep =>
      this.#with({ todo: { kind: 'look', page: NextPage.FIRST }, waitUntilMs: nowMs + pauseMs(looks - 1) });

    // The same items would be refused again, unless the list lags behind a removal by another.
    const [items, ...rest] = this.#callsFor(left);
    if (items === undefined && left.length === wanted.length && !left.some((id) => isWritable(this.#work, id)))
      return this.#done(this.#broken({ outcome: 'failed', reason: 'idNotWritable' }));
    if (items === undefined) return waitedMs < LAG_MS ? readAgain() : this.#done(this.#stillListed(left.length === 0));
    if (left.some((id) => unsure.has(id)) && waitedMs < SETTLE_MS) return readAgain();
    if (rounds >= MOST_ROUNDS) return this.#done(this.#stillListed(false));
    return this.#with({ todo: { kind: 'act', items, rest }, waitUntilMs: 0 });
  }

  /** Returns the items of each call to make; none for those that would be refused again. */
  #callsFor(left: readonly string[]): (readonly string[])[] {
    const { takes, most = Infinity, allOrNothing } = this.#work.step.plan.act;
    const { refused } = this.#progress;
    if (allOrNothing) return inParts(left, most).filter((part) => !refused.some((one) => isSame(one, part)));
    const alone = new Set(refused.flatMap((items) => (items.length === 1 ? items : [])));
    const open = left.filter((id) => !alone.has(id) && isWritable(this.#work, id));
    return inParts(open, takes === 'item' ? 1 : most);
  }

  #acted(
    { items: sent, rest }: Extract<ListProgress['todo'], { kind: 'act' }>,
    response: CallResponse,
    nowMs: number,
  ): Step {
    const { removed, unsure } = this.#progress;
    const { act } = this.#work.step;
    if (perhapsDoneBefore(response) && sent.length === 1 && saysAbsent(act, response))
      return this.#with({ unsure: new Set([...unsure, ...sent]) }).#afterCall(rest, nowMs, {});
    const isRefused =
      saysAbsent(act, response) || saysFailed(act, response) || (!response.ok && this.#isRefusal(response.failure));
    if (isRefused) return this.#refused(sent, rest, { response, nowMs });
    const others = this.#refusedWithout(sent);
    if (response.ok) {
      const confirmed = { removed: new Set([...removed, ...sent]), unsure: without(unsure, sent), refused: others };
      return this.#afterCall(rest, nowMs, { ...confirmed, requestId: response.requestId });
    }
    const { failure } = response;
    const lost = this.#with({ unsure: new Set([...unsure, ...sent]), refused: others });
    if (maybeDone(failure)) return lost.#afterCall(rest, nowMs, { lastFailure: failure });
    const after = failure.perhapsDone ? lost.#with({ lastFailure: failure }) : this;
    return after.#done(after.#broken({ outcome: 'failed', failure }));
  }

  /** Refused because of its items: others may succeed. */
  #isRefusal({ type }: TaskFailure): boolean {
    return type === 'Task.Rejected' || (type === 'Task.InvalidInput' && !this.#work.step.plan.act.allOrNothing);
  }

  #refused(
    sent: readonly string[],
    rest: readonly (readonly string[])[],
    { response, nowMs }: { response: CallResponse; nowMs: number },
  ): Step {
    const lastFailure = response.ok ? this.#progress.lastFailure : response.failure;
    if (sent.length > 1 && !this.#work.step.plan.act.allOrNothing) {
      // It may have been refused for one of the items: each half is tried separately, after the others.
      const middle = Math.ceil(sent.length / 2);
      return this.#afterCall([...rest, sent.slice(0, middle), sent.slice(middle)], nowMs, { lastFailure });
    }
    return this.#afterCall(rest, nowMs, { refused: [...this.#refusedWithout(sent), sent], lastFailure });
  }

  /** Returns the refused calls that a new response does not concern. */
  #refusedWithout(sent: readonly string[]): (readonly string[])[] {
    if (this.#work.step.plan.act.allOrNothing) return [];
    return this.#progress.refused.filter((one) => !one.some((id) => sent.includes(id)));
  }

  /** Returns the next call of the round, or the look that ends it. */
  #afterCall(rest: readonly (readonly string[])[], nowMs: number, changes: Partial<ListProgress>): ListItemsStep {
    const [items, ...others] = rest;
    const failed = changes.lastFailure !== undefined;
    const common = {
      ...changes,
      looks: 0,
      changedAtMs: nowMs,
      fewest: this.#progress.listed.length,
      waitUntilMs: failed ? nowMs + pauseMs(0) : Math.min(this.#progress.waitUntilMs, nowMs),
    };
    if (items) return this.#with({ ...common, waitUntilMs: 0, todo: { kind: 'act', items, rest: others } });
    const sent = this.#with(common);
    if (this.#work.trustsResponses && sent.#isAllConfirmed()) return sent.#done(sent.#converged());
    const rounds = this.#progress.rounds + 1;
    return this.#with({ ...common, rounds, todo: { kind: 'look', page: NextPage.FIRST } });
  }

  /** Returns whether all that the last look listed was confirmed as removed. */
  #isAllConfirmed(): boolean {
    const { listed, everWanted, removed, unsure, refused } = this.#progress;
    const isOpen = unsure.size > 0 || refused.length > 0;
    return !isOpen && listed.every((id) => removed.has(id) || !everWanted.has(id));
  }

  #lookFailed(failure: TaskFailure, nowMs: number): Step {
    if (failure.type === 'Task.UnexpectedResponse') return this.#blindLook(failure, nowMs, failure.requestId);
    return this.#done(this.#broken({ outcome: 'failed', failure }));
  }

  /** A look without a usable response shows nothing; it is never an empty list. */
  #blindLook(failure: TaskFailure | undefined, nowMs: number, requestId: string | undefined): Step {
    const blindLooks = this.#progress.blindLooks + 1;
    if (blindLooks < MOST_BLIND_LOOKS) {
      const again = { kind: 'look', page: NextPage.FIRST } as const;
      const lastFailure = failure ?? this.#progress.lastFailure;
      return this.#with({ blindLooks, lastFailure, todo: again, waitUntilMs: nowMs + pauseMs(blindLooks - 1) });
    }
    if (failure) return this.#done(this.#broken({ outcome: 'failed', failure }));
    return this.#done(this.#broken({ outcome: 'failed', reason: 'unreadableList' }, requestId));
  }

  /**
   * The provider does not know the user, so it has no items of the user; requested ones that it never listed stay not
   * found.
   */
  #absent(response: CallResponse): Step {
    const { removed, unsure, everWanted } = this.#progress;
    const requestId = response.ok ? response.requestId : response.failure.requestId;
    if (everWanted.size === 0 && !this.#work.knownBefore)
      return this.#done([
        this.#result({ outcome: 'notFound', requestId, ...(response.ok ? {} : { failure: response.failure }) }),
      ]);
    if (everWanted.size === 0 && !this.#work.only && this.#removedItems === 0)
      return this.#done([this.#result({ outcome: 'alreadyGone', requestId })]);
    const verified = this.#with({ removed: new Set([...removed, ...unsure]), unsure: new Set() });
    return verified.#done(verified.#converged());
  }

  #dryRun(listed: readonly string[], wanted: readonly string[], requestId?: string): Step {
    const looked = this.#with({ listed, everWanted: new Set(wanted), userSeen: true });
    const own = this.#result({ outcome: 'skipped', reason: 'dryRun', items: wanted.length, requestId });
    return looked.#done([own, ...looked.#requestedNotListed()]);
  }

  #converged(): StepResult[] {
    const { removed, everWanted, requestId } = this.#progress;
    const removedItems = this.#removedItems;
    const alreadyGone = [...everWanted].filter((id) => !removed.has(id)).length;
    const notListed = this.#requestedNotListed();
    const results: StepResult[] = [];
    if (removedItems > 0) results.push(this.#result({ outcome: 'removed', items: removedItems, requestId }));
    if (alreadyGone > 0) results.push(this.#result({ outcome: 'alreadyGone', items: alreadyGone }));
    if (results.length > 0 || notListed.length > 0) return [...results, ...notListed];
    return this.#work.hadItems
      ? [this.#result({ outcome: 'alreadyGone' })]
      : [this.#result({ outcome: 'skipped', reason: 'noItems' })];
  }

  /** Ends the step: items are still listed after everything was tried and waited for. */
  #stillListed(isConfirmed: boolean): StepResult[] {
    const { requestId, lastFailure, removed, listed } = this.#progress;
    const { allOrNothing } = this.#work.step.plan.act;
    const lagging = listed.filter((id) => removed.has(id));
    if (allOrNothing || lagging.length === 0) {
      if (!isConfirmed) return this.#broken({ outcome: 'failed', failure: lastFailure });
      return [
        this.#result({ outcome: 'unknown', reason: 'stillListed', requestId, items: this.#removedItems }),
        ...this.#requestedNotListed(),
      ];
    }
    const without = this.#with({ removed: new Set([...removed].filter((id) => !lagging.includes(id))) });
    const rest = without.#with({ listed: listed.filter((id) => !lagging.includes(id)) });
    const unknown = this.#result({ outcome: 'unknown', reason: 'stillListed', requestId, items: lagging.length });
    const others = isConfirmed ? rest.#removedRow() : rest.#broken({ outcome: 'failed', failure: lastFailure });
    return [...others, unknown];
  }

  #removedRow(): StepResult[] {
    const { requestId } = this.#progress;
    const row = this.#result({ outcome: 'removed', items: this.#removedItems, requestId });
    return [...(row.items === 0 ? [] : [row]), ...this.#requestedNotListed()];
  }

  /** Ends the step early: with what is removed nevertheless, what is unknown, and what is not done. */
  #broken(end: Pick<StepResult, 'outcome' | 'reason' | 'failure'>, requestId?: string): StepResult[] {
    const { removed, unsure, everWanted, listed, userSeen, lastFailure } = this.#progress;
    const left = listed.filter((id) => everWanted.has(id) && !removed.has(id) && !unsure.has(id)).length;
    const results: StepResult[] = [];
    const endId = end.failure?.requestId ?? requestId;
    if (this.#removedItems > 0)
      results.push(
        this.#result({ outcome: 'removed', items: this.#removedItems, requestId: this.#progress.requestId }),
      );
    if (unsure.size > 0) {
      const sent = { requestId: lastFailure?.requestId, failure: end.failure ?? lastFailure };
      results.push(this.#result({ ...end, outcome: 'unknown', items: unsure.size, ...sent }));
    }
    if (left > 0) results.push(this.#result({ ...end, items: left, requestId: endId }));
    // Before the first good look nothing is known of any requested item, nor of others than those of earlier rounds.
    if (userSeen) results.push(...this.#requestedNotListed());
    return userSeen && results.length > 0 ? results : [...results, this.#result({ ...end, requestId: endId })];
  }

  /** Number of removed items, with those of earlier rounds that are no longer listed. */
  get #removedItems(): number {
    const { removed } = this.#progress;
    const before = this.#work.removedBefore;
    return before ? before.size + [...removed].filter((id) => !before.has(id)).length : removed.size;
  }

  #requestedNotListed(): StepResult[] {
    const missing = (this.#work.only ?? []).filter((id) => !this.#progress.everWanted.has(id));
    const known = new Set(this.#work.knownItems);
    const seenBefore = missing.filter((id) => known.has(id));
    const neverSeen = missing.filter((id) => !known.has(id));
    const results: StepResult[] = [];
    if (seenBefore.length > 0) results.push(this.#result({ outcome: 'alreadyGone', items: seenBefore.length }));
    if (neverSeen.length > 0) {
      results.push(this.#result({ outcome: 'notFound', items: neverSeen.length, itemIds: neverSeen }));
    }
    return results;
  }

  #result(result: PartialResult): StepResult {
    const shownByLook = result.outcome === 'notFound' || result.reason === 'noItems';
    return { step: this.name, task: shownByLook ? this.#work.step.look.name : this.task, ...result };
  }

  #done(results: StepResult[]): ListItemsStep {
    return this.#with({ todo: { kind: 'done', results } });
  }

  #with(changes: Partial<ListProgress>): ListItemsStep {
    return new ListItemsStep(this.#work, { ...this.#progress, ...changes });
  }
}
