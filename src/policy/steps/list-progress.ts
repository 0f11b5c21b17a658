import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';
import type { CompiledList } from '../providers/compiled-plan';
import { itemsAt, valueAt } from '../providers/path';
import type { ListStep } from '../providers/step-plan';
import { UnwritableIdError } from '../providers/template';
import type { RemovedItems, SavedStep, StepScope } from './step';

/** The work of a list step for one user. */
export interface ListWork {
  step: CompiledList;
  scope: StepScope;
  lookInput: Record<string, unknown>;
  /** Only these items; all when absent. */
  only?: readonly string[];
  dryRun: boolean;
  /** Whether the ledger, or this run, knows the user at the provider. */
  knownBefore: boolean;
  /** The ledger has seen or removed an item of the user. */
  hadItems: boolean;
  /** Those of `only` that the ledger has seen or removed. */
  knownItems: readonly string[];
  /** Removed by earlier rounds of the same offboarding. */
  removedBefore?: RemovedItems;
  /** No further look when every removal had a successful response. */
  trustsResponses: boolean;
}

/**
 * How far a list step has come. Its modes are the kinds of `todo`; in each, nothing is called before `waitUntilMs`:
 *
 * - **look**: reads one page of the list. Starts at the beginning, after every round of removals, and when a list may
 *   lag or was unreadable. Ends with the last page: nothing is listed (done), something is left to remove (act), or
 *   what is left waits for the list or for an unsure removal to settle (look again, later). Also ends the step when the
 *   provider does not know the user, when a look is refused, or after the maximum number of unreadable looks.
 * - **act**: removes the items of one call. Starts after a look that listed something to remove. Ends with the
 *   response: the next call of the round (a refused call of several items is halved and queued), the look after the
 *   round, or done where the key is refused or responses are trusted and all were good.
 * - **done**: has results. Starts when nothing is listed, when what is listed cannot be removed for a minute, after the
 *   maximum number of rounds, or when the user is held; never ends.
 *
 * A removal whose response was lost is `unsure` until a look no longer lists it, or lists it after the settle time.
 * A resumed step always starts with a look.
 */
export interface ListProgress {
  /** Items of the last look. */
  listed: readonly string[];
  /** Items of any look that this run is meant to remove. */
  everWanted: ReadonlySet<string>;
  /** Items whose removal was confirmed, or that a look no longer showed after an unconfirmed removal. */
  removed: ReadonlySet<string>;
  /** Items whose removal was sent and whose response was lost. */
  unsure: ReadonlySet<string>;
  /** The items of calls that were refused when they were last tried. */
  refused: readonly (readonly string[])[];
  /** What comes next: a look, or a removal and those that follow it before the next look. */
  todo:
    | { kind: 'look'; page: NextPage }
    | { kind: 'act'; items: readonly string[]; rest: readonly (readonly string[])[] }
    | { kind: 'done'; results: StepResult[] };
  waitUntilMs: number;
  /** Number of good looks since the last removal. */
  looks: number;
  /** A look got a successful response, so the provider knows the user. */
  userSeen: boolean;
  /** The last look's response says that the provider does not know the user. */
  userAbsent: boolean;
  /** When something last changed: a response to a removal, or a list shorter than any since. */
  changedAtMs: number;
  /** Length of the shortest list since the last removal: lists of replicas that lag differently grow again. */
  fewest: number;
  blindLooks: number;
  rounds: number;
  requestId?: string;
  lastFailure?: TaskFailure;
}

/** Before the first look. */
export function startOf({ only = [], removedBefore }: ListWork): ListProgress {
  const removed = new Set(removedBefore ? only.filter((id) => removedBefore.has(id)) : []);
  return {
    listed: [],
    everWanted: removed,
    removed,
    unsure: new Set(),
    refused: [],
    todo: { kind: 'look', page: NextPage.FIRST },
    waitUntilMs: 0,
    looks: 0,
    userSeen: false,
    userAbsent: false,
    changedAtMs: 0,
    fewest: Infinity,
    blindLooks: 0,
    rounds: 0,
  };
}

/** Returns the progress of a list step as JSON. */
export function savedProgress(progress: ListProgress): SavedStep {
  const { everWanted, removed, unsure, todo, fewest, ...rest } = progress;
  return {
    ...rest,
    everWanted: [...everWanted],
    removed: [...removed],
    unsure: [...unsure],
    ...(Number.isFinite(fewest) && { fewest }),
    ...(todo.kind === 'done' && { results: todo.results }),
  };
}

/** Returns what {@link savedProgress} saved; a look comes next. */
export function resumedProgress(saved: SavedStep): Partial<ListProgress> {
  const { everWanted, removed, unsure, results, fewest, ...rest } = saved as Partial<
    Omit<ListProgress, 'everWanted' | 'removed' | 'unsure' | 'todo'> & {
      everWanted: readonly string[];
      removed: readonly string[];
      unsure: readonly string[];
      results: StepResult[];
    }
  >;
  return {
    ...rest,
    everWanted: new Set(everWanted),
    removed: new Set(removed),
    unsure: new Set(unsure),
    fewest: fewest ?? Infinity,
    todo: results ? { kind: 'done', results } : { kind: 'look', page: NextPage.FIRST },
  };
}

/** Items in their order, in as few calls as `most` allows. */
export function inParts(items: readonly string[], most: number): (readonly string[])[] {
  if (items.length <= most) return items.length === 0 ? [] : [items];
  const parts: (readonly string[])[] = [];
  for (let from = 0; from < items.length; from += most) parts.push(items.slice(from, from + most));
  return parts;
}

/** Whether two calls are about the same items. */
export function isSame(one: readonly string[], other: readonly string[]): boolean {
  const items = new Set(one);
  return items.size === other.length && other.every((id) => items.has(id));
}

/** The set without these. */
export function without(set: ReadonlySet<string>, removed: readonly string[]): Set<string> {
  const left = new Set(set);
  for (const id of removed) left.delete(id);
  return left;
}

/**
 * Returns the input of a call that removes items.
 *
 * @throws UnwritableIdError
 */
export function actInput({ scope, step }: ListWork, items: readonly string[]): Record<string, unknown> {
  return scope.fill(step.act, step.plan.act.takes === 'items' ? { items } : { item: items[0] ?? '' });
}

/** Whether a call can take the item: the provider's ID of it may be another than the call's field allows. */
export function isWritable(work: ListWork, item: string): boolean {
  try {
    actInput(work, [item]);
    return true;
  } catch (error) {
    if (error instanceof UnwritableIdError) return false;
    throw error;
  }
}

/** Maximum number of pages of a list. */
const MOST_PAGES = 1_000;

type ListLook = ListStep['look'];

/** All pages of a look. */
interface WholeList {
  /** Without duplicates. */
  items: string[];
  /** When the first page was requested, in milliseconds since 1970. */
  atMs: number;
}

/** The next page of a list to read, with the items of the pages before it. */
export class NextPage {
  /** The first page of any list. */
  static readonly FIRST = new NextPage();

  readonly #cursors: readonly unknown[];
  readonly #items: readonly string[];
  readonly #beganAtMs: number | undefined;

  private constructor(cursors: readonly unknown[] = [], items: readonly string[] = [], beganAtMs?: number) {
    this.#cursors = cursors;
    this.#items = items;
    this.#beganAtMs = beganAtMs;
  }

  /** Returns the input of the call that reads the page. */
  inputOf(input: Record<string, unknown>, next: ListLook['next']): Record<string, unknown> {
    const cursor = this.#cursors.at(-1);
    return cursor === undefined || !next ? { ...input } : { ...input, [next.cursor]: cursor };
  }

  /**
   * Reads the page from its response.
   *
   * @returns The page after it, or the whole list; undefined when the response, or the cursor of the next page, cannot
   *   be read.
   */
  read(output: unknown, { items: path, next }: ListLook, nowMs: number): NextPage | WholeList | undefined {
    const own = itemsAt(output, path);
    if (own === undefined) return undefined;
    const atMs = this.#beganAtMs ?? nowMs;
    const items = this.#items.length === 0 ? own : [...new Set([...this.#items, ...own])];
    const raw = next && valueAt(output, next.path);
    if (!next || raw === undefined || raw === null || raw === '') return { items, atMs };
    const cursor = cursorIn(raw, next);
    const isRepeated = this.#cursors.includes(cursor);
    if (cursor === undefined || isRepeated || this.#cursors.length + 1 >= MOST_PAGES) return undefined;
    return new NextPage([...this.#cursors, cursor], items, atMs);
  }
}

/** An address, also one without its host. A text that begins with a slash and has no query is a cursor, in base64 for example. */
const LIKE_URL = /^(?:[a-z][a-z\d+.-]*:\/\/|\/[^?]*\?|\?)/i;

/** Returns the cursor in the form that the field requires; of a URL, its parameter. A number beyond 2^53 stays a text. */
function cursorIn(raw: unknown, { cursor: field, number }: NonNullable<ListLook['next']>): string | number | undefined {
  if (typeof raw !== 'string') return Number.isSafeInteger(raw) ? toForm(String(raw), number) : undefined;
  if (!LIKE_URL.test(raw)) return toForm(raw, number);
  if (!URL.canParse(raw, 'http://list.invalid')) return undefined;
  const parameter = new URL(raw, 'http://list.invalid').searchParams.get(field);
  return parameter === null || parameter === '' ? undefined : toForm(parameter, number);
}

function toForm(cursor: string, number: boolean | undefined): string | number | undefined {
  if (!number) return cursor;
  if (!/^\d+$/.test(cursor)) return undefined;
  return Number.isSafeInteger(Number(cursor)) ? Number(cursor) : cursor;
}
