import path from 'node:path';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { databaseFile } from '../config/database-settings';
import type { NamedQuery } from '../config/database-settings';
import { QUERY_PARAMETERS } from '../config/query-text';
import type { QueryParameter } from '../config/query-text';
import type { SourceColumns } from '../policy/snapshot-report';
import type { SourceSpec } from '../policy/source-spec';
import { JsonNumber } from './exact-json';
import { rulesOf } from './file-records';
import { Header } from './header';
import type { Cells } from './header';
import { allowedPlaceholders } from './id-rules';
import { postgresRows } from './postgres-rows';
import { Progress } from './progress';
import { SourceError, SourceUnavailableError } from './source';
import type { RowsOptions, Source, SourceRow } from './source';
import { PAGE_DEADLINE_MS, ROWS_PER_PAGE } from './sql-rows';
import type { SqlPage, SqlRun, SqlType } from './sql-rows';
import { toUser } from './to-user';
import { UserColumns } from './user-columns';
import type { ColumnKind } from './user-columns';

/** What each kind of column accepts. Other types also have a text form, but not that of an ID. */
const WANTED: Readonly<Record<ColumnKind, string>> = {
  id: 'a text, a uuid or a whole number',
  ids: 'a text, a list of texts, uuids or whole numbers, or a JSON list of texts',
  label: 'a text, a uuid, a number or a time',
  moment: 'a text or a timestamp with time zone',
};

/** Converts cells by the types of a query's columns. */
export class ColumnTypes {
  readonly #types: ReadonlyMap<string, SqlType>;
  readonly #columns: UserColumns;

  /**
   * @param types Absent for a database that reports the type of each value instead.
   * @throws SourceError naming the column and its type, when its values cannot be IDs.
   */
  constructor(header: Header<string>, types: readonly SqlType[] = [], columns = UserColumns.BASIC) {
    this.#columns = columns;
    const found = types.flatMap((type, index) => {
      const column = header.columnAt(index);
      return column === undefined ? [] : [[column, type] as const];
    });
    for (const [column, type] of found) {
      if (takes(columns.kindOf(column), type)) continue;
      throw new SourceError(
        'query',
        `the column ${column} has the type ${type.name}, which is not supported; it must be ${WANTED[columns.kindOf(column)]}.`,
      );
    }
    this.#types = new Map(found);
  }

  /** Converts the cells of one row in place and returns them. `toUser` checks that a numeric is whole. */
  read(cells: Cells<string>): Cells<string> {
    for (const [column, { kind, isList }] of this.#types) {
      const cell = cells[column];
      if (kind === 'padded')
        cells[column] = isList && Array.isArray(cell) ? cell.map(withoutPadding) : withoutPadding(cell);
      else if (kind === 'numeric' && this.#columns.kindOf(column) === 'id' && typeof cell === 'string')
        cells[column] = new JsonNumber(cell);
      else if (kind === 'json' && typeof cell === 'string') cells[column] = JSON.parse(cell);
    }
    return cells;
  }
}

function takes(wanted: ColumnKind, { kind, isList }: SqlType): boolean {
  if (wanted === 'ids')
    return kind === 'text' || kind === 'padded' || kind === 'integer' || (kind === 'json' && !isList);
  if (isList || kind === 'json' || kind === 'other') return false;
  if (wanted === 'moment') return kind === 'text' || kind === 'moment';
  return wanted === 'label' || (kind !== 'time' && kind !== 'moment');
}

/** Removes the blanks with which a char(n) is padded. */
function withoutPadding(cell: unknown): unknown {
  if (typeof cell !== 'string') return cell;
  let end = cell.length;
  while (cell[end - 1] === ' ') end -= 1;
  return cell.slice(0, end);
}

/** Data that the main thread passes to the reader thread at its start. */
export interface ReaderData {
  /** A `file:` URI in read-only mode. */
  file: string;
  sql: string;
  values: readonly string[];
  rowsPerPage: number;
  busyMs: number;
}

/** One message of the reader thread. `about` describes only the query. */
export type ReaderResponse =
  { columns: string[]; rows: unknown[][]; done: boolean; failure?: never } | { failure: string; about: string };

/** Maximum wait for another process's lock, in milliseconds. */
const BUSY_MS = 10_000;
/** Maximum wait for a thread to close its database, in milliseconds. */
const CLOSE_MS = 1_000;

/** Streams the rows of a query from a libSQL or SQLite file opened read-only, page by page in a separate thread. */
export async function* libsqlRows({ url, sql, values, signal }: SqlRun): AsyncGenerator<SqlPage, void, undefined> {
  signal?.throwIfAborted();
  const file = `${pathToFileURL(databaseFile(url) ?? '').href}?mode=ro`;
  const data: ReaderData = { file, sql, values, rowsPerPage: ROWS_PER_PAGE, busyMs: BUSY_MS };
  const worker = new Worker(path.join(__dirname, 'libsql-reader-thread.js'), { workerData: data });
  // A pending `nextPage` also gets the error. Between two pages there is no other listener, and the process would end.
  worker.on('error', () => undefined);
  try {
    for (;;) {
      const response = await nextPage(worker, signal);
      if (response.failure !== undefined) throw explained(response);
      yield response;
      if (response.done) return;
    }
  } finally {
    await close(worker);
  }
}

async function nextPage(worker: Worker, signal: AbortSignal | undefined): Promise<ReaderResponse> {
  const deadline = AbortSignal.timeout(PAGE_DEADLINE_MS);
  const received = once(worker, 'message', { signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
  worker.postMessage('next');
  try {
    const [response] = (await received) as [ReaderResponse];
    return response;
  } catch {
    signal?.throwIfAborted();
    throw new SourceUnavailableError(
      deadline.aborted
        ? 'The database of the query did not respond in time.'
        : 'The thread that reads the query failed.',
    );
  }
}

async function close(worker: Worker): Promise<void> {
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.postMessage('close');
  // A thread in a database call gets the message only after the statement, and holds no lock that blocks others. It is
  // left to end by itself, because terminating it would end the whole process.
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
  worker.unref();
}

const UNAVAILABLE = /^SQLITE_(BUSY|LOCKED|IOERR|FULL|INTERRUPT|PROTOCOL|NOMEM)(_|$)/;

function explained({ failure, about }: Extract<ReaderResponse, { failure: string }>): Error {
  if (UNAVAILABLE.test(failure))
    return new SourceUnavailableError(`The database of the query is locked or cannot be read right now (${failure}).`);
  if (failure.startsWith('SQLITE_CANTOPEN'))
    return new SourceError('query', 'its database file does not exist, or this process may not read it.');
  if (failure.startsWith('SQLITE_READONLY'))
    return new SourceError('query', `the database refused it because it would change something (${failure}).`);
  return new SourceError('query', `the database refused it (${failure})${about === '' ? '' : `: ${about}`}.`);
}

/** What is special to one source. */
type QueryOptions = Pick<SourceSpec, 'ignoreColumns' | 'allowPlaceholders'> & { known?: UserColumns | undefined };

/**
 * Users from a configured query, with the same column names as in a file. To continue from a position the query is run
 * again, so it needs an ORDER BY that always gives the same order. If the rows processed before have another order or
 * other rows are between them, continuing is refused.
 */
export class QuerySource implements Source {
  readonly kind = 'query';
  readonly #query: NamedQuery;
  readonly #run: SqlRun;
  readonly #options: QueryOptions;
  #columns: SourceColumns | undefined;

  /**
   * @param times The Schedule's nominal time of the sweep and of the previous run (see `SweepLedger.joinSeries`), in
   * ISO form.
   * @param options Which columns to ignore, and which placeholders are valid IDs.
   * @throws SourceError when the query needs a time that is not given.
   */
  constructor(
    query: NamedQuery,
    times: { [Name in QueryParameter]?: string | undefined } = {},
    options: QueryOptions = {},
  ) {
    this.#query = query;
    this.#options = options;
    const used = QUERY_PARAMETERS.filter((name) => query.text.parameters.includes(name));
    const values = used.map((name) => {
      const value = times[name];
      if (value === undefined)
        throw new SourceError('query', `the query ${query.name.toLowerCase()} uses :${name}, and no time is given.`);
      return value;
    });
    this.#run = {
      url: query.url,
      plaintextAllowed: query.plaintextAllowed,
      sql: withPlaceholders(query, used),
      values,
    };
  }

  get columns(): SourceColumns | undefined {
    return this.#columns;
  }

  describe(): string {
    return `the query ${this.#query.name.toLowerCase()}`;
  }

  async *rows({ after, signal }: RowsOptions = {}): AsyncGenerator<SourceRow, void, undefined> {
    const progress = new Progress('query', after);
    const run = { ...this.#run, signal };
    const { ignoreColumns: ignore, allowPlaceholders, known = UserColumns.BASIC } = this.#options;
    const rules = { items: 'either', allowed: allowedPlaceholders(allowPlaceholders), columns: known } as const;
    let header: Header<string> | undefined;
    let types: ColumnTypes | undefined;
    for await (const page of this.#query.dialect === 'postgres' ? postgresRows(run) : libsqlRows(run)) {
      header ??= new Header(page.columns, { ...rulesOf(known, {}), ignore, field: 'query' });
      types ??= new ColumnTypes(header, page.types, known);
      this.#columns = header.report;
      for (const row of page.rows) {
        const cells = types.read(header.cells(row));
        const position = progress.pass(JSON.stringify(cells));
        if (position === undefined) continue;
        const made = toUser(cells, rules);
        const line = progress.count;
        yield 'user' in made
          ? { position, line, user: made.user }
          : { position, line, problem: made.problem, raw: Buffer.from(JSON.stringify(cells)) };
      }
    }
    progress.end();
  }
}

function withPlaceholders({ dialect, text }: NamedQuery, used: readonly QueryParameter[]): string {
  const placeholder = (name: QueryParameter): string => {
    const number = used.indexOf(name) + 1;
    // Without the cast Postgres infers the type, and reads "$1 - interval" as a subtraction of intervals.
    return dialect === 'postgres' ? `($${number}::timestamptz)` : `?${number}`;
  };
  return text.parts.reduce((sql, part, index) => {
    const name = text.parameters[index - 1];
    return `${sql}${name === undefined ? '' : placeholder(name)}${part}`;
  });
}
