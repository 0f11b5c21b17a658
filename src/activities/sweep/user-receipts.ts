import type { TargetRow } from '../../ledger/sweeps/snapshot-types';
import type { OpenUser, StepReceipt } from '../../ledger/sweeps/sweep-types';
import type { CallResponse } from '../../policy/converge';
import type { StepResult } from '../../policy/offboard-result';
import type { CompiledList } from '../../policy/providers/compiled-plan';
import { maybeDone, saysAbsent } from '../../policy/steps/step';
import type { EndedEntry, Step } from '../../policy/steps/step';
import type { TaskFailure } from '../../tasks/failure';
import type { ChunkDependencies } from './sweep-dependencies';
import { environmentOf, hashedIds } from './plan-user';
import type { UserDependencies } from './plan-user';
import type { SweepSteps } from './sweep-steps';

export type Known = UserDependencies & { steps: SweepSteps };

/** What the calls of a user's steps have met. */
export interface Met {
  /** By list step. */
  items: ReadonlyMap<string, UserItems>;
  /** By step that makes its calls for each ID of a list. */
  entries: ReadonlyMap<string, readonly EndedEntry[]>;
}

/** Why the user was deferred. */
export interface Deferral {
  step: string;
  task: string;
  failure: TaskFailure;
}

/**
 * Returns the receipts of a user's steps. They contain keyed hashes of its items: of removed ones first, then of the
 * others. A step that made its calls for each ID of a list has a receipt under the hash of each.
 */
export function receiptsOf(
  user: OpenUser,
  results: readonly StepResult[],
  { items, entries }: Met,
  known: Known,
): StepReceipt[] {
  const left = new Map(
    [...items].map(([step, own]) => [step, { removed: own.removed, others: notIn(own.seen, own.removed) }]),
  );
  return results.flatMap((result) => {
    const ended = entries.get(result.step);
    if (ended) return entryReceipts(result, ended, user, known);
    const receipt = receiptOfStep(result, user, known);
    const own = left.get(result.step);
    if (!own || result.itemIds !== undefined) return [receipt];
    if (result.outcome === 'removed') {
      const { removed } = own;
      own.removed = [];
      return [withItems(receipt, removed, known)];
    }
    const rest = [...own.removed, ...own.others];
    [own.removed, own.others] = [[], []];
    return [withItems(receipt, rest, known)];
  });
}

/** The first receipt is the row of the result; the others say the same of the other IDs, each of which is known by them. */
function entryReceipts(result: StepResult, ended: readonly EndedEntry[], user: OpenUser, known: Known): StepReceipt[] {
  const own = ended.filter((entry) => entry.result.outcome === result.outcome && entry.result.reason === result.reason);
  const [first, ...others] = own;
  if (!first) return [receiptOfStep(result, user, known)];
  return [
    receiptOfStep(result, user, known, first.value),
    ...others.map((entry) => ({ ...receiptOfStep(entry.result, user, known, entry.value), isRow: false })),
  ];
}

/**
 * Returns the receipts of a user who is tried again later: the steps that have ended, what is known of the items, and
 * the reason of the deferral. None of them is the final outcome of its step. A next round that starts over learns from
 * them which items must not be sent again.
 */
export function deferredReceipts(
  user: OpenUser,
  done: readonly StepResult[],
  deferral: Deferral | undefined,
  met: Met,
  known: Known,
): StepReceipt[] {
  const ended = receiptsOf(user, done, met, known);
  const looked = [...met.items].flatMap(([step, own]) => itemsSoFar(user, done, step, own, known));
  return [...ended, ...looked, ...(deferral ? [deferralReceipt(user, deferral, known)] : [])];
}

function itemsSoFar(
  user: OpenUser,
  done: readonly StepResult[],
  step: string,
  { removed, requestId, seen }: UserItems,
  known: Known,
): StepReceipt[] {
  const planned = known.steps.find(step);
  if (planned?.kind !== 'list') return [];
  const results = done.filter((result) => result.step === step);
  const receipts: StepReceipt[] = [];
  if (removed.length > 0 && !results.some(({ outcome }) => outcome === 'removed')) {
    const result = { step, task: planned.act.name, outcome: 'removed', requestId } as const;
    receipts.push(withItems(receiptOfStep(result, user, known), removed, known));
  }
  const others = notIn(seen, removed);
  if (others.length > 0 && results.length === 0) {
    const look = receiptOfStep({ step, task: planned.look.name, outcome: 'skipped' }, user, known);
    receipts.push(withItems({ ...look, outcome: 'read' }, others, known));
  }
  return receipts;
}

/**
 * The outcome of a call whose response was lost is unknown, whatever the outcome of the next one (see
 * docs/decisions/0013).
 */
function deferralReceipt(user: OpenUser, deferral: Deferral, known: Known): StepReceipt {
  const { perhapsDone, requestId } = deferral.failure;
  return receiptOfStep({ ...deferral, outcome: perhapsDone ? 'unknown' : 'failed', requestId }, user, known);
}

function withItems(receipt: StepReceipt, ids: readonly string[], { hasher, services }: Known): StepReceipt {
  if (ids.length === 0) return receipt;
  const { service } = receipt;
  const environment = environmentOf(services, service);
  return { ...receipt, items: ids.map((id) => hasher.item(service, environment, id)) };
}

function notIn(ids: readonly string[], others: readonly string[]): string[] {
  if (others.length === 0) return [...ids];
  const known = new Set(others);
  return ids.filter((id) => !known.has(id));
}

/** The service of what no provider did, as the final outcome of a user. */
const OUR_OWN = 'http-tasks';

/** What a receipt contains about the provider. */
type ReceiptContext = Pick<ChunkDependencies, 'services' | 'providers'> & { steps?: SweepSteps };

/**
 * Returns the receipt of a step, under the hash of the ID that the step's provider knows.
 *
 * @param entry The ID that it is about, of a step that makes its calls for each ID of a list. @default the first
 */
export function receiptOfStep(
  result: StepResult,
  user: TargetRow,
  context: ReceiptContext,
  entry?: string,
): StepReceipt {
  const { step, task, outcome, reason, requestId, token, failure } = result;
  const [provider = '', rest = ''] = splitAtDot(step);
  const planned = context.steps?.find(step)?.plan;
  const main = planned?.provider ?? serviceOf(task, provider, context);
  const service = context.providers.serviceNameAt(main, user.user.account);
  const keySlot = planned?.keySlot ?? context.services.get(service)?.keySlots.find((slot) => slot === rest);
  return {
    step,
    task,
    subject: service === OUR_OWN ? (user.subjects[0] ?? '') : subjectOf(step, main, user, context, entry),
    service,
    environment: service === OUR_OWN ? '' : environmentOf(context.services, service),
    ...(keySlot !== undefined && { keySlot }),
    outcome,
    reason,
    failureType: failure?.type,
    status: failure?.status,
    code: failure?.code,
    requestId,
    token,
  };
}

/**
 * Returns the hash of the first ID that the step is about; of the user's first one at the provider if that is not
 * known.
 */
function subjectOf(
  step: string,
  service: string,
  row: TargetRow,
  context: ReceiptContext,
  entry: string | undefined,
): string {
  const own = hashedIds(row, context.providers).filter(({ provider }) => provider === service);
  const ids = context.steps?.find(step)?.plan.ids ?? [];
  const about = own.filter(({ id }) => ids.includes(id));
  return (about.find(({ value }) => value === entry) ?? about[0] ?? own[0])?.subject ?? '';
}

function serviceOf(task: string, provider: string, { providers }: ReceiptContext): string {
  const [service, operation] = splitAtDot(task);
  if (operation !== undefined && service !== undefined) return service;
  return providers.find(provider) ? provider : OUR_OWN;
}

function splitAtDot(name: string): string[] {
  const at = name.indexOf('.');
  return at === -1 ? [name] : [name.slice(0, at), name.slice(at + 1)];
}

/** See {@link UserItems}; JSON. */
export interface SavedItems {
  seen: readonly string[];
  answered: readonly string[];
  lost: readonly string[];
  listed: readonly string[];
  requestId?: string | undefined;
}

/** The items of a user that the calls of one list step have met, for receipts. */
export class UserItems {
  readonly #step: CompiledList;
  readonly #seen: Set<string>;
  readonly #confirmed: Set<string>;
  readonly #lost: Set<string>;
  #listed: readonly string[];
  #requestId: string | undefined;

  constructor(step: CompiledList, saved?: SavedItems) {
    this.#step = step;
    this.#seen = new Set(saved?.seen);
    this.#confirmed = new Set(saved?.answered);
    this.#lost = new Set(saved?.lost);
    this.#listed = saved?.listed ?? [];
    this.#requestId = saved?.requestId;
  }

  /**
   * Records what a response shows about the items.
   *
   * @param step The step as it was when the call was made.
   * @param after The step after the response.
   */
  note(step: Step, response: CallResponse, after: Step): void {
    const { acting = [] } = step.items ?? {};
    if (acting.length > 0) this.#removal(acting, response);
    else if (saysAbsent(this.#step.look, response)) this.#look([]);
    else this.#look(after.items?.listed ?? []);
  }

  /** Undefined when there is nothing to save. */
  get saved(): SavedItems | undefined {
    if (this.#seen.size + this.#confirmed.size + this.#lost.size === 0) return undefined;
    const requestId = this.#requestId;
    return {
      seen: [...this.#seen],
      answered: [...this.#confirmed],
      lost: [...this.#lost],
      listed: this.#listed,
      ...(requestId !== undefined && { requestId }),
    };
  }

  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** Confirmed as removed, or sent and no longer listed. */
  get removed(): readonly string[] {
    if (this.#lost.size === 0) return [...this.#confirmed];
    const listed = new Set(this.#listed);
    return [...new Set([...this.#confirmed, ...[...this.#lost].filter((id) => !listed.has(id))])];
  }

  /** Of the last removal with a successful response. */
  get requestId(): string | undefined {
    return this.#requestId;
  }

  #look(listed: readonly string[]): void {
    this.#listed = listed;
    for (const id of listed) this.#seen.add(id);
  }

  #removal(sent: readonly string[], response: CallResponse): void {
    if (response.ok) {
      for (const id of sent) this.#confirmed.add(id);
      this.#requestId = response.requestId;
    } else if (maybeDone(response.failure)) {
      for (const id of sent) this.#lost.add(id);
    }
  }
}
