import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { SqlForms } from '../store';

const isoText = (column: string): RawBuilder<string> =>
  sql`to_char(${sql.ref(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The expressions of Postgres. The casts give it the types of parameters that it cannot infer. */
export const postgresForms: SqlForms = {
  rowsOf: (texts) => sql`(select value, (position - 1)::integer as seq
           from jsonb_array_elements_text(${JSON.stringify(texts)}::jsonb) with ordinality as list (value, position))`,
  integersOf: (integers) =>
    sql`(select value::integer from jsonb_array_elements_text(${JSON.stringify(integers)}::jsonb) as list (value))`,
  isOneOf: (column, texts) => sql`${sql.ref(column)} = any(${texts}::text[])`,
  clockMs: () => sql`cast(extract(epoch from clock_timestamp()) * 1000 as double precision)`,
  instant: (time) => sql`cast(${time} as timestamptz)`,
  number: (value) => sql`cast(${value} as double precision)`,
  textAt: (column, position) => sql`${sql.ref(column)}::jsonb->>${sql.lit(position)}`,
  jsonArrayOf: (columns, instants) => {
    const values = columns.map((column) => (instants.includes(column) ? isoText(column) : sql.ref(column)));
    return sql`json_build_array(${sql.join(values)})::text`;
  },
  joinedLines: (text) => sql`string_agg(${text}, chr(10))`,
  exactInstant: (column) => sql`${isoText(column)} as ${sql.ref(column)}`,
  intervalOf: (column, { start, length }) =>
    sql`floor((extract(epoch from ${sql.ref(column)}) * 1000 - ${sql.lit(start)}) / ${sql.lit(length)})::bigint`,
  // The offset keeps the planner from converting the look-ups to one join, for which it would scan the whole table.
  receiptsOfEach: (
    integers,
    condition,
  ) => sql`jsonb_array_elements_text(${JSON.stringify(integers)}::jsonb) as list (value)
        cross join lateral (select * from receipts as r where ${condition} offset 0) as r`,
};
