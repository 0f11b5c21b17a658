import type { NamedQuery } from '../config/database-settings';
import { QUERY_PARAMETERS } from '../config/query-text';
import type { QueryDialect, QueryParameter } from '../config/query-text';
import type { SourceColumns } from '../policy/snapshot-report';
import type { SourceSpec } from '../policy/source-spec';
import { JsonNumber, parseExactly, RepeatedKeyError } from './exact-json';
import { rulesOf } from './file-records';
import { Header } from './header';
import type { Cells } from './header';
import { allowedPlaceholders } from './id-rules';
import { libsqlReader } from './libsql/reader';
import { postgresReader } from './postgres/reader';
import { Progress } from './progress';
import { SourceError } from './source';
import type { GroupedSource, RowsOptions, SourceRow } from './source';
import type { SqlPage, SqlReader, SqlRun, SqlType } from './sql-rows';
import { toUser } from './to-user';
import type { CellRules } from './to-user';
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
      else if (kind === 'json' && typeof cell === 'string') cells[column] = exactOrText(cell);
    }
    return cells;
  }
}

/** Returns the value of a JSON text, or the text where an object in it has a duplicate key. */
function exactOrText(text: string): unknown {
  try {
    return parseExactly(text);
  } catch (error) {
    if (error instanceof RepeatedKeyError) return text;
    throw error;
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

/** The reader of each database. */
const READERS: Readonly<Record<QueryDialect, SqlReader>> = { libsql: libsqlReader, postgres: postgresReader };

/** What is special to one source. */
type QueryOptions = Pick<SourceSpec, 'ignoreColumns' | 'allowPlaceholders'> & { known?: UserColumns | undefined };

/**
 * Users from a configured query, with the same column names as in a file. To continue from a position the query is run
 * again, so it needs an ORDER BY that always gives the same order. If the rows processed before have another order or
 * other rows are between them, continuing is refused.
 */
export class QuerySource implements GroupedSource {
  readonly kind = 'query';
  readonly #query: NamedQuery;
  readonly #run: SqlRun;
  readonly #options: QueryOptions;
  #header: Header<string> | undefined;

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
    return this.#header?.report;
  }

  describe(): string {
    return `the query ${this.#query.name.toLowerCase()}`;
  }

  async *rows(options?: RowsOptions): AsyncGenerator<SourceRow, void, undefined> {
    for await (const group of this.rowGroups(options)) yield* group;
  }

  async *rowGroups({ after, signal }: RowsOptions = {}): AsyncGenerator<Iterable<SourceRow>, void, undefined> {
    const progress = new Progress('query', after);
    this.#header = undefined;
    const run = { ...this.#run, signal };
    const { ignoreColumns: ignore, allowPlaceholders, known = UserColumns.BASIC } = this.#options;
    const rules = { items: 'either', allowed: allowedPlaceholders(allowPlaceholders), columns: known } as const;
    let types: ColumnTypes | undefined;
    for await (const page of READERS[this.#query.dialect].rows(run)) {
      const header = (this.#header ??= new Header(page.columns, { ...rulesOf(known, {}), ignore, field: 'query' }));
      types ??= new ColumnTypes(header, page.types, known);
      yield rowsOf(page, { header, types, rules, progress });
    }
    progress.end();
  }
}

function* rowsOf(
  { rows, types: found = [] }: SqlPage,
  {
    header,
    types,
    rules,
    progress,
  }: { header: Header<string>; types: ColumnTypes; rules: CellRules; progress: Progress },
): Generator<SourceRow, void, undefined> {
  const unusedJson = found.flatMap(({ kind }, index) =>
    kind === 'json' && header.columnAt(index) === undefined ? [index] : [],
  );
  for (const row of rows) {
    for (const index of unusedJson) {
      const cell = row[index];
      if (typeof cell === 'string') header.refuseIdsInside(index, JSON.parse(cell));
    }
    const cells = types.read(header.cells(row));
    const text = JSON.stringify(cells);
    const position = progress.pass(text);
    if (position === undefined) continue;
    const made = toUser(cells, rules);
    const line = progress.count;
    yield 'user' in made
      ? { position, line, user: made.user }
      : { position, line, problem: made.problem, raw: Buffer.from(text) };
  }
}

function withPlaceholders({ dialect, text }: NamedQuery, used: readonly QueryParameter[]): string {
  const placeholder = (name: QueryParameter): string => READERS[dialect].placeholder(used.indexOf(name) + 1);
  return text.parts.reduce((sql, part, index) => {
    const name = text.parameters[index - 1];
    return `${sql}${name === undefined ? '' : placeholder(name)}${part}`;
  });
}
