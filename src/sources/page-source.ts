import { crc32 } from 'node:zlib';
import { DEFAULT_MAX_PAGES } from '../policy/source-spec';
import type { SourceColumns } from '../policy/snapshot-report';
import type { PagesSpec, SourceSpec } from '../policy/source-spec';
import type { TaskSender } from '../http/send-task';
import type { Catalogue } from '../tasks/catalogue';
import type { HttpTask } from '../tasks/define';
import { effectOfHttpRequest, isSafeRequest } from '../tasks/http/effect';
import type { HttpRequestInput } from '../tasks/http/effect';
import { rulesOf } from './file-records';
import { ColumnNames, idsInside } from './header';
import { allowedPlaceholders } from './id-rules';
import { Cursors } from './page-cursor';
import type { Cursor } from './page-cursor';
import { SourceError } from './source';
import type { RowsOptions, Source, SourceRow } from './source';
import { toUser } from './to-user';
import type { CellRules, UserCells } from './to-user';
import { UserColumns } from './user-columns';
import { valueAt } from './value-at';

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
    // Statuses from 300 have already failed. Any other than 200 means that this is not the whole page.
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
