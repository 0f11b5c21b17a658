import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { TaskSender } from '../http/send-task';
import type { SourceColumns } from '../policy/snapshot-report';
import { DEFAULT_MAX_PAGES } from '../policy/source-spec';
import type { PagesSpec, SourceSpec } from '../policy/source-spec';
import type { Catalogue } from '../providers/catalogue';
import type { HttpTask } from '../tasks/define';
import { effectOfHttpRequest, isSafeRequest } from '../tasks/effect';
import type { HttpRequestInput } from '../tasks/effect';
import { rulesOf } from './file-records';
import { ColumnNames, idsInside } from './header';
import { allowedPlaceholders } from './id-rules';
import { SourceError } from './source';
import type { RowsOptions, Source, SourceRow } from './source';
import { toUser } from './to-user';
import type { CellRules, UserCells } from './to-user';
import { UserColumns } from './user-columns';

/** The value with which an API's next page is requested. */
export type Cursor = string | number;

/** Follows the cursors of a paginated list. */
export class Cursors {
  readonly #spec: PagesSpec;
  readonly #seen = new Set<string>();

  constructor(spec: PagesSpec) {
    this.#spec = spec;
  }

  /** Returns the task's input for the page at a cursor, or for the first page. */
  inputFor(cursor: Cursor | undefined): Record<string, unknown> {
    const { input = {}, cursorField } = this.#spec;
    if (cursor === undefined || cursorField === undefined) return input;
    if (this.#spec.task !== 'http.request' || !/^uri(\?.+)?$/.test(cursorField))
      return withValueAt(input, cursorField, cursor);
    return { ...input, uri: nextUri(input['uri'], cursorField.slice('uri?'.length), cursor) };
  }

  /**
   * Returns the cursor of the next page, or undefined after the last page.
   *
   * @throws SourceError when the response lacks a required cursor, or repeats one.
   */
  after(page: unknown): Cursor | undefined {
    const { nextCursorPath, endsWithoutCursor = false } = this.#spec;
    if (nextCursorPath === undefined) return undefined;
    const cursor = valueAt(page, nextCursorPath);
    if (cursor === null || cursor === '' || (cursor === undefined && endsWithoutCursor)) return undefined;
    if (cursor === undefined) {
      throw new SourceError(
        'pages.nextCursorPath',
        'a page has no value there, so it is unknown whether it is the last one. Correct the path, or set endsWithoutCursor if this API omits the cursor on its last page.',
      );
    }
    if (typeof cursor !== 'string' && typeof cursor !== 'number') {
      throw new SourceError('pages.nextCursorPath', 'a page has a value there that is neither a string nor a number.');
    }
    this.follow(cursor);
    return cursor;
  }

  /** Records a cursor. @throws SourceError for a repeated one, because the pages would never end. */
  follow(cursor: Cursor): void {
    // Stores a hash, because an API's cursors may have any length.
    const mark = createHash('sha256')
      .update(`${typeof cursor} ${cursor}`)
      .digest('base64')
      .slice(0, 16);
    if (this.#seen.has(mark))
      throw new SourceError('pages', 'the API repeated a cursor, so its pages would never end.');
    this.#seen.add(mark);
  }
}

/** Returns the URI of the next page. A cursor is either its whole link or a query parameter. */
function nextUri(uri: unknown, parameter: string, cursor: Cursor): string {
  if (typeof uri !== 'string' || !URL.canParse(uri)) throw new SourceError('pages.input.uri', 'is not a URL.');
  const first = new URL(uri);
  if (parameter !== '') {
    first.searchParams.set(parameter, String(cursor));
    return first.href;
  }
  const next = URL.canParse(String(cursor), uri) ? new URL(String(cursor), uri) : undefined;
  // The input's headers, including secrets, are sent to it.
  if (next?.origin !== first.origin)
    throw new SourceError(
      'pages.nextCursorPath',
      'a page links to another origin, or to an invalid URL; only links of the same origin are followed.',
    );
  return next.href;
}

/** Accepts whole numbers as IDs: unlike in a file, the user cannot change an API's numbers to strings. */
const ROW_RULES = { items: 'either', wholeNumbers: true } as const satisfies CellRules;

/** A reading position: the page, the number and checksum of its entries read so far, and the number of all entries. */
interface Place {
  cursor: Cursor | undefined;
  page: number;
  index: number;
  sum: number;
  line: number;
}

/**
 * Users from the pages of an HTTP API, read with a task that only reads. A failed call rejects with the task's failure,
 * whose `nextRetryDelay` is the delay that the API asked for; retry then from the last position. A response that is not
 * a page as described also rejects and never ends the list early.
 */
export class PageSource implements Source {
  readonly kind = 'pages';
  readonly #spec: PagesSpec;
  readonly #task: HttpTask;
  readonly #sender: TaskSender;
  readonly #rules: CellRules;
  readonly #names: ColumnNames<string>;
  readonly #known: UserColumns;

  /** @throws SourceError when the task does not exist or does more than read. */
  constructor(
    spec: PagesSpec,
    { catalogue, sender }: { catalogue: Catalogue; sender: TaskSender },
    {
      ignoreColumns,
      allowPlaceholders,
      known = UserColumns.BASIC,
    }: Pick<SourceSpec, 'ignoreColumns' | 'allowPlaceholders'> & { known?: UserColumns | undefined } = {},
  ) {
    const task = catalogue.find(spec.task);
    if (!task) throw new SourceError('pages.task', 'unknown task.');
    refuseChange(task, spec.input ?? {});
    this.#spec = spec;
    this.#task = task;
    this.#sender = sender;
    this.#known = known;
    this.#rules = { ...ROW_RULES, allowed: allowedPlaceholders(allowPlaceholders), columns: known };
    this.#names = new ColumnNames({
      ...rulesOf(known, spec.fields ?? {}),
      ignore: ignoreColumns,
      field: 'pages',
    });
  }

  get columns(): SourceColumns {
    return this.#names.report;
  }

  describe(): string {
    return `the pages of ${this.#task.name}`;
  }

  async *rows({ after, signal }: RowsOptions = {}): AsyncGenerator<SourceRow, void, undefined> {
    const cursors = new Cursors(this.#spec);
    let done = after === undefined ? undefined : placeOf(after);
    let place: Place = {
      cursor: done?.cursor,
      page: done?.page ?? 1,
      index: 0,
      sum: 0,
      line: (done?.line ?? 0) - (done?.index ?? 0),
    };
    if (place.cursor !== undefined) cursors.follow(place.cursor);
    for (;;) {
      this.#refuseTooMany(place.page);
      const response = await this.#fetch(cursors.inputFor(place.cursor), signal);
      const next = cursors.after(response);
      for (const entry of listIn(response, this.#spec.itemsPath)) {
        const content = JSON.stringify(entry);
        place = { ...place, index: place.index + 1, line: place.line + 1, sum: crc32(content, place.sum) };
        if (done && place.index === done.index && place.sum !== done.sum) refuseChanged();
        if (!done || place.index > done.index) yield this.#row(entry, content, place);
      }
      if (done && place.index < done.index) refuseChanged();
      done = undefined;
      if (next === undefined) {
        // Skipped for a resumed reading, because the columns found before are not known.
        if (after === undefined) this.#names.refuseUnmet();
        return;
      }
      place = { cursor: next, page: place.page + 1, index: 0, sum: 0, line: place.line };
    }
  }

  async #fetch(input: Record<string, unknown>, signal: AbortSignal | undefined): Promise<unknown> {
    // Checked for each page, because the API's cursor is part of the input.
    refuseChange(this.#task, input);
    const response = await this.#sender.send(
      this.#task,
      this.#task.generic ? { ...input, keepBody: true } : input,
      signal ? { signal } : {},
    );
    // Statuses from 300, and 206, have already failed. Any other than 200 means that this is not the whole page.
    if (response.status !== 200)
      throw new SourceError('pages', `the API responded with status ${response.status} instead of 200 and a page.`);
    return response.output;
  }

  #row(entry: unknown, content: string, place: Place): SourceRow {
    const { fields = {} } = this.#spec;
    const cells: UserCells = {};
    for (const column of this.#known.names) {
      const path = fields[column] ?? column;
      cells[column] = valueAt(entry, path);
      if (cells[column] === undefined) continue;
      if (this.#names.meet(path) === undefined) cells[column] = undefined;
    }
    const paths = this.#known.names.map((column) => fields[column] ?? column);
    const heads = new Set(paths.map((path) => path.split('.')[0]));
    for (const [name, value] of fieldsOf(entry)) {
      if (!heads.has(name)) this.#names.meet(name);
      for (const inside of idsInside(value, name, paths, (inner) => this.#known.resembles(inner)))
        this.#names.meet(inside);
    }
    const made = toUser(cells, this.#rules, fields);
    const at = { position: positionOf(place), line: place.line };
    return 'user' in made ? { ...at, user: made.user } : { ...at, problem: made.problem, raw: Buffer.from(content) };
  }

  #refuseTooMany(page: number): void {
    const { maxPages = DEFAULT_MAX_PAGES } = this.#spec;
    if (page > maxPages)
      throw new SourceError('pages.maxPages', `the list has more than ${maxPages} pages; allow more if that is right.`);
  }
}

function fieldsOf(entry: unknown): [name: string, value: unknown][] {
  return typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? Object.entries(entry) : [];
}

/**
 * Throws unless the call only reads. For `http.request` only safe methods count, whatever the input claims or the
 * operator lists.
 */
function refuseChange(task: HttpTask, input: HttpRequestInput): void {
  const reads = task.generic ? isSafeRequest(input) && effectOfHttpRequest(input) === 'read' : task.effect === 'read';
  if (reads) return;
  const allowed = task.generic ? ' Use GET or HEAD, and name no other method in headers, query or body.' : '';
  throw new SourceError(
    'pages.task',
    `${task.name} does not only read with this input, and a source must change nothing.${allowed}`,
  );
}

function listIn(response: unknown, path: string | undefined): readonly unknown[] {
  const list = valueAt(response, path);
  if (Array.isArray(list)) return list;
  throw new SourceError(
    'pages.itemsPath',
    'a page has no list there. Correct the path, unless the API returned something other than a page.',
  );
}

function refuseChanged(): never {
  throw new SourceError(
    'pages',
    'the page to continue from has other entries than before, so users could be missing. Start again.',
  );
}

function positionOf({ cursor, page, index, sum, line }: Place): string {
  return JSON.stringify([cursor ?? null, page, index, sum, line]);
}

function placeOf(position: string): Place {
  let parts: unknown;
  try {
    parts = JSON.parse(position);
  } catch {
    parts = undefined;
  }
  const [cursor, ...counts] = Array.isArray(parts) ? (parts as unknown[]) : [];
  const [page, index, sum, line] = counts.filter((count) => typeof count === 'number');
  const isCursor = cursor === null || typeof cursor === 'string' || typeof cursor === 'number';
  if (!isCursor || page === undefined || index === undefined || sum === undefined || line === undefined) {
    throw new SourceError('pages', 'the position to continue from does not belong to this source.');
  }
  return { cursor: cursor ?? undefined, page, index, sum, line };
}

/**
 * Returns the value at a dotted path of fields and list positions, such as `data.users` or `links.0.href`, or
 * undefined. Inherited properties are never returned.
 */
function valueAt(value: unknown, path: string | undefined): unknown {
  if (path === undefined) return value;
  let found = value;
  for (const name of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

/** Returns a copy of an object with another value at a dotted path, creating missing objects on the path. */
function withValueAt(object: Readonly<Record<string, unknown>>, path: string, value: unknown): Record<string, unknown> {
  const [name = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...object, [name]: value };
  const inner = Object.hasOwn(object, name) ? object[name] : undefined;
  const copied =
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as Record<string, unknown>) : {};
  return { ...object, [name]: withValueAt(copied, rest.join('.'), value) };
}
