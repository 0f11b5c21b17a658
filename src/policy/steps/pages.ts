import { itemsAt, valueAt } from '../providers/path';
import type { ListStep } from '../providers/step-plan';

/** Maximum number of pages of a list. */
const MOST_PAGES = 1_000;

type ListLook = ListStep['look'];

/** All pages of a look. */
export interface WholeList {
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
