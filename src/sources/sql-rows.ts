/** Some rows of a query, each a list of cells in the order of `columns`: texts, lists of texts, null, or what is none of them. */
export interface SqlPage {
  columns: readonly string[];
  /** The columns' types, where the database tells them before any row. */
  types?: readonly SqlType[];
  rows: readonly (readonly unknown[])[];
}

/** The type of a query's column. */
export interface SqlType {
  /** As a person would write it in a cast. */
  name: string;
  /** What its values are; of a list, what its entries are. */
  kind: 'text' | 'padded' | 'integer' | 'numeric' | 'json' | 'moment' | 'time' | 'other';
  isList: boolean;
}

/** How a configured query is run. */
export interface SqlRun {
  url: string;
  /** Whether a Postgres beyond this machine may do without TLS. */
  plaintextAllowed: boolean;
  /** With the database's own placeholders. */
  sql: string;
  values: readonly string[];
  signal?: AbortSignal | undefined;
}

/** The rows that are fetched at once. */
export const ROWS_PER_PAGE = 500;

/** How long a database may take for its next rows, in milliseconds; the first ones may need a sort of everything. */
export const PAGE_DEADLINE_MS = 300_000;
