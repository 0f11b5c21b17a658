import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { SqlForms } from '../store';

function rowsOf(texts: readonly string[]): RawBuilder<{ value: string; seq: number }> {
  return sql`(select value, key as seq from json_each(${JSON.stringify(texts)}))`;
}

/** The expressions of libSQL. Times are ISO texts. */
export const libsqlForms: SqlForms = {
  rowsOf,
  integersOf: (integers) => sql`(select value from json_each(${JSON.stringify(integers)}))`,
  isOneOf: (column, texts) => sql`${sql.ref(column)} in (select value from ${rowsOf(texts)} as list)`,
  clockMs: () => sql`unixepoch('subsec') * 1000`,
  instant: (time) => sql`${time}`,
  number: (value) => sql`${value}`,
  textAt: (column, position) => sql`${sql.ref(column)}->>${sql.lit(position)}`,
  jsonArrayOf: (columns) => sql`json_array(${sql.join(columns.map((column) => sql.ref(column)))})`,
  joinedLines: (text) => sql`group_concat(${text}, char(10))`,
  exactInstant: (column) => sql`${sql.ref(column)}`,
  intervalOf: (column, { start, length }) =>
    sql`(cast(round(unixepoch(${sql.ref(column)}, 'subsec') * 1000) as integer) - ${sql.lit(start)}) / ${sql.lit(length)}`,
  receiptsOfEach: (integers, condition) =>
    sql`json_each(${JSON.stringify(integers)}) as list cross join receipts as r on ${condition}`,
};
