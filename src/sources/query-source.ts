import type { NamedQuery } from '../config/database-settings';
import { QUERY_PARAMETERS } from '../config/query-text';
import type { QueryParameter } from '../config/query-text';
import type { SourceColumns } from '../policy/snapshot-report';
import type { SourceSpec } from '../policy/source-spec';
import { rulesOf } from './file-records';
import { Header } from './header';
import { allowedPlaceholders } from './id-rules';
import { libsqlRows } from './libsql-rows';
import { postgresRows } from './postgres-rows';
import { ColumnTypes } from './column-types';
import { Progress } from './progress';
import { SourceError } from './source';
import type { RowsOptions, Source, SourceRow } from './source';
import type { SqlRun } from './sql-rows';
import { toUser } from './to-user';
import { UserColumns } from './user-columns';

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
