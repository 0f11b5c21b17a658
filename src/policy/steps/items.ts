import { userItemsGet, userItemsRemove } from '../../tasks/plaid/tasks';
import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';
import { LAG_MS, maybeDone, outcomeWhenEnded, pauseMs, SETTLE_MS } from './step';
import type { CallAnswer, CallMove, ConvergePlan, PlaidUser, Step, StepMove } from './step';

export const ITEMS_STEP = 'plaid.items';

/** So many removals of one user's Items were tried that trying again is no answer. */
const MOST_REMOVALS = 20;

/** So many looks in a row brought no usable answer. */
const MOST_BLIND_LOOKS = 5;

interface Progress {
  /** Items of the last look. */
  listed: readonly string[];
  /** Items of any look that this run is meant to remove. */
  everWanted: ReadonlySet<string>;
  /** Items of which Plaid answered that they are removed, or which a look showed gone after an unanswered removal. */
  removed: ReadonlySet<string>;
  /** Items whose removal was sent and whose answer was lost. */
  unsure: ReadonlySet<string>;
  /** Items whose removal Plaid refused when it was last tried. */
  refused: ReadonlySet<string>;
  /** What comes next: a look, or the removal of these. */
  todo: { kind: 'look' } | { kind: 'remove'; itemIds: readonly string[] } | { kind: 'done'; results: StepResult[] };
  waitUntilMs: number;
  /** Good looks since the last removal. */
  looks: number;
  /** Plaid has answered a look, so it knows the user. */
  userSeen: boolean;
  /** Plaid has answered the last look that it knows no such user. */
  userAbsent: boolean;
  /** When something last changed: an answer to a removal, or a list shorter than any since. */
  changedAtMs: number;
  /** How long the shortest list since the last removal was: lists of copies that lag differently grow again. */
  fewest: number;
  blindLooks: number;
  removals: number;
  requestId?: string;
  lastFailure?: TaskFailure;
}

const START: Progress = {
  listed: [],
  everWanted: new Set(),
  removed: new Set(),
  unsure: new Set(),
  refused: new Set(),
  todo: { kind: 'look' },
  waitUntilMs: 0,
  looks: 0,
  userSeen: false,
  userAbsent: false,
  changedAtMs: 0,
  fewest: Infinity,
  blindLooks: 0,
  removals: 0,
};

/**
 * Removes a user's Items by looking, removing what is listed, and looking again until nothing is left.
 *
 * Plaid's removal is all or nothing and says only that it was done, so the list decides: what was sent and is no
 * longer listed is removed; what was answered as removed is never sent again, however long the list lags; what was sent
 * without an answer is sent again only when it is still listed after {@link SETTLE_MS}.
 */
export class ItemsStep implements Step {
  readonly name = ITEMS_STEP;
  readonly task = userItemsRemove.name;
  readonly #user: PlaidUser;
  readonly #plan: Pick<ConvergePlan, 'itemIds' | 'dryRun' | 'known'>;
  readonly #progress: Progress;

  constructor(
    user: PlaidUser,
    plan: Pick<ConvergePlan, 'itemIds' | 'dryRun' | 'known'>,
    progress: Progress = startOf(plan),
  ) {
    this.#user = user;
    this.#plan = plan;
    this.#progress = progress;
  }

  next(nowMs: number): StepMove {
    const { todo, waitUntilMs } = this.#progress;
    if (todo.kind === 'done') return { kind: 'done', results: todo.results };
    if (nowMs < waitUntilMs) return { kind: 'wait', untilMs: waitUntilMs };
    return todo.kind === 'look'
      ? { kind: 'call', step: this.name, task: userItemsGet.name, input: { ...this.#user } }
      : {
          kind: 'call',
          step: this.name,
          task: userItemsRemove.name,
          input: { ...this.#user, item_ids: [...todo.itemIds] },
        };
  }

  answered(call: CallMove, answer: CallAnswer, nowMs: number): Step {
    if (!answer.ok && answer.failure.type === 'Task.Held') return this.#done(this.#broken({ outcome: 'held' }));
    return call.task === userItemsGet.name ? this.#looked(answer, nowMs) : this.#removalAnswered(call, answer, nowMs);
  }

  ended(reason: string): StepResult[] {
    const { todo, lastFailure } = this.#progress;
    if (todo.kind === 'done') return todo.results;
    return this.#broken({ outcome: outcomeWhenEnded(reason), reason, failure: lastFailure });
  }

  /** Whether this run has seen the user at Plaid, which tells "already gone" from "never there". */
  get sawUser(): boolean {
    return this.#progress.userSeen;
  }

  /** Whether Plaid last said that it knows no such user. */
  get userAbsent(): boolean {
    return this.#progress.userAbsent;
  }

  #looked(answer: CallAnswer, nowMs: number): Step {
    if (!answer.ok) return this.#lookFailed(answer.failure, nowMs);
    const listed = listedItemIds(answer.output);
    const asked = this.#plan.itemIds && new Set(this.#plan.itemIds);
    const wanted = asked ? listed.filter((id) => asked.has(id)) : listed;
    if (this.#plan.dryRun) return this.#dryRun(listed, wanted, answer.requestId);

    const { removed: answered, unsure: open, looks, changedAtMs, fewest } = this.#progress;
    const isListed = new Set(wanted);
    const unsure = new Set([...open].filter((id) => isListed.has(id)));
    const before = this.#plan.known.removedBefore;
    const removed = new Set([
      ...answered,
      ...[...open].filter((id) => !isListed.has(id)),
      ...(before ? wanted.filter((id) => before.has(id)) : []),
    ]);
    const firstLook = changedAtMs === 0;
    const changed = firstLook || unsure.size < open.size || listed.length < fewest;
    const looked = this.#with({
      listed,
      everWanted: new Set([...this.#progress.everWanted, ...wanted]),
      removed,
      unsure,
      blindLooks: 0,
      looks: looks + 1,
      userSeen: true,
      changedAtMs: changed ? nowMs : changedAtMs,
      fewest: Math.min(fewest, listed.length),
    });
    return looked.#decide(wanted, nowMs);
  }

  /** After a good look: finish, remove what is left, or look again because the list may lag. */
  #decide(wanted: readonly string[], nowMs: number): ItemsStep {
    const { removed, unsure, refused, changedAtMs, looks, removals } = this.#progress;
    if (wanted.length === 0) return this.#done(this.#converged());

    const left = wanted.filter((id) => !removed.has(id));
    const waitedMs = nowMs - changedAtMs;
    const lookAgain = (): ItemsStep => this.#with({ todo: { kind: 'look' }, waitUntilMs: nowMs + pauseMs(looks - 1) });

    const onlyLagging = left.length === 0;
    const stillUnsure = left.some((id) => unsure.has(id)) && waitedMs < SETTLE_MS;
    // The same Items would be refused again, unless the list lags behind a removal by somebody else.
    const wouldBeRefused = left.length > 0 && left.length === refused.size && left.every((id) => refused.has(id));
    if (onlyLagging || wouldBeRefused) {
      return waitedMs < LAG_MS ? lookAgain() : this.#done(this.#stillListed(onlyLagging));
    }
    if (stillUnsure) return lookAgain();
    if (removals >= MOST_REMOVALS) return this.#done(this.#stillListed(false));
    return this.#with({ todo: { kind: 'remove', itemIds: left }, waitUntilMs: 0 });
  }

  #lookFailed(failure: TaskFailure, nowMs: number): Step {
    if (failure.type === 'Task.Rejected' && userItemsGet.absentCodes.includes(failure.code ?? '')) {
      return this.#with({ userAbsent: true }).#userAbsent(failure);
    }
    const blindLooks = this.#progress.blindLooks + 1;
    if (failure.type === 'Task.UnexpectedResponse' && blindLooks < MOST_BLIND_LOOKS) {
      return this.#with({ blindLooks, lastFailure: failure, waitUntilMs: nowMs + pauseMs(blindLooks - 1) });
    }
    return this.#done(this.#broken({ outcome: 'failed', failure }));
  }

  /** Plaid does not know the user, so it has no Items of theirs either; asked ones that it never listed stay not found. */
  #userAbsent(failure: TaskFailure): Step {
    const { removed, unsure, everWanted } = this.#progress;
    const { requestId } = failure;
    const known = everWanted.size > 0 || this.#plan.known.steps.some((step) => step.startsWith('plaid.'));
    if (!known) return this.#done([this.#result({ outcome: 'notFound', requestId, failure })]);
    if (everWanted.size === 0 && !this.#plan.itemIds && this.#removedItems === 0)
      return this.#done([this.#result({ outcome: 'alreadyGone', requestId })]);
    const gone = this.#with({ removed: new Set([...removed, ...unsure]), unsure: new Set() });
    return gone.#done(gone.#converged());
  }

  #removalAnswered(call: CallMove, answer: CallAnswer, nowMs: number): Step {
    const sent = call.input.item_ids as string[];
    const removals = this.#progress.removals + 1;
    const look = {
      todo: { kind: 'look' } as const,
      waitUntilMs: 0,
      looks: 0,
      changedAtMs: nowMs,
      fewest: this.#progress.listed.length,
      removals,
    };
    if (answer.ok) {
      const removed = new Set([...this.#progress.removed, ...sent]);
      const unsure = without(this.#progress.unsure, sent);
      return this.#with({ ...look, removed, unsure, refused: new Set(), requestId: answer.requestId });
    }
    const { failure } = answer;
    const later = { ...look, lastFailure: failure, waitUntilMs: nowMs + pauseMs(0) };
    if (maybeDone(failure)) {
      return this.#with({ ...later, unsure: new Set([...this.#progress.unsure, ...sent]), refused: new Set() });
    }
    if (failure.type === 'Task.Rejected') return this.#with({ ...later, refused: new Set(sent) });
    return this.#done(this.#broken({ outcome: 'failed', failure }));
  }

  #dryRun(listed: readonly string[], wanted: readonly string[], requestId?: string): Step {
    const looked = this.#with({ listed, everWanted: new Set(wanted), userSeen: true });
    return looked.#done([
      this.#result({ outcome: 'skipped', reason: 'dryRun', items: wanted.length, requestId }),
      ...looked.#askedButNotListed(),
    ]);
  }

  #converged(): StepResult[] {
    const { removed, everWanted, requestId } = this.#progress;
    const removedItems = this.#removedItems;
    const gone = [...everWanted].filter((id) => !removed.has(id)).length;
    const notListed = this.#askedButNotListed();
    const results: StepResult[] = [];
    if (removedItems > 0) results.push(this.#result({ outcome: 'removed', items: removedItems, requestId }));
    if (gone > 0) results.push(this.#result({ outcome: 'alreadyGone', items: gone }));
    if (results.length > 0 || notListed.length > 0) return [...results, ...notListed];
    return this.#plan.known.hadItems
      ? [this.#result({ outcome: 'alreadyGone' })]
      : [this.#result({ outcome: 'skipped', reason: 'noItems' })];
  }

  /** Still listed after everything was tried and waited for. */
  #stillListed(answeredAsRemoved: boolean): StepResult[] {
    const { requestId, lastFailure } = this.#progress;
    if (!answeredAsRemoved) return this.#broken({ outcome: 'failed', failure: lastFailure });
    return [
      this.#result({ outcome: 'unknown', reason: 'stillListed', requestId, items: this.#removedItems }),
      ...this.#askedButNotListed(),
    ];
  }

  /** The step could not be brought to its end: what is removed all the same, what is not known, and what is not done. */
  #broken(end: Pick<StepResult, 'outcome' | 'reason' | 'failure'>): StepResult[] {
    const { removed, unsure, everWanted, listed, userSeen, requestId, lastFailure } = this.#progress;
    const left = listed.filter((id) => everWanted.has(id) && !removed.has(id) && !unsure.has(id)).length;
    const results: StepResult[] = [];
    if (this.#removedItems > 0)
      results.push(this.#result({ outcome: 'removed', items: this.#removedItems, requestId }));
    if (unsure.size > 0) {
      const sent = { requestId: lastFailure?.requestId, failure: end.failure ?? lastFailure };
      results.push(this.#result({ ...end, outcome: 'unknown', items: unsure.size, ...sent }));
    }
    if (left > 0) results.push(this.#result({ ...end, items: left, requestId: end.failure?.requestId }));
    // Before the first good look nothing can be said about any asked Item, nor about others than those of earlier rounds.
    if (userSeen) results.push(...this.#askedButNotListed());
    return userSeen && results.length > 0
      ? results
      : [...results, this.#result({ ...end, requestId: end.failure?.requestId })];
  }

  /** How many Items are removed, with those of earlier rounds that are no longer listed. */
  get #removedItems(): number {
    const { removed } = this.#progress;
    const before = this.#plan.known.removedBefore;
    return before ? before.size + [...removed].filter((id) => !before.has(id)).length : removed.size;
  }

  #askedButNotListed(): StepResult[] {
    const missing = (this.#plan.itemIds ?? []).filter((id) => !this.#progress.everWanted.has(id));
    const known = new Set(this.#plan.known.itemIds);
    const seenBefore = missing.filter((id) => known.has(id));
    const neverSeen = missing.filter((id) => !known.has(id));
    const results: StepResult[] = [];
    if (seenBefore.length > 0) results.push(this.#result({ outcome: 'alreadyGone', items: seenBefore.length }));
    if (neverSeen.length > 0) {
      results.push(this.#result({ outcome: 'notFound', items: neverSeen.length, itemIds: neverSeen }));
    }
    return results;
  }

  #result(result: Omit<StepResult, 'step' | 'task'>): StepResult {
    const task = result.outcome === 'notFound' || result.reason === 'noItems' ? userItemsGet.name : this.task;
    return { step: this.name, task, ...result };
  }

  #done(results: StepResult[]): ItemsStep {
    return this.#with({ todo: { kind: 'done', results } });
  }

  #with(changes: Partial<Progress>): ItemsStep {
    return new ItemsStep(this.#user, this.#plan, { ...this.#progress, ...changes });
  }
}

function startOf({ itemIds = [], known: { removedBefore } }: Pick<ConvergePlan, 'itemIds' | 'known'>): Progress {
  if (!removedBefore) return START;
  const removed = new Set(itemIds.filter((id) => removedBefore.has(id)));
  return { ...START, removed, everWanted: removed };
}

function listedItemIds(output: unknown): string[] {
  const { items } = userItemsGet.output.parse(output);
  return [...new Set(items.map(({ item_id }) => item_id))];
}

function without(set: ReadonlySet<string>, gone: readonly string[]): Set<string> {
  const left = new Set(set);
  for (const id of gone) left.delete(id);
  return left;
}
