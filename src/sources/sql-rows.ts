/**
 * Some rows of a query, each a list of cells in the order of `columns`: strings, lists of strings, null, or other
 * values.
 */
export interface SqlPage {
  columns: readonly string[];
  /** The columns' types, if the database reports them before any row. */
  types?: readonly SqlType[];
  rows: readonly (readonly unknown[])[];
}

/** The type of a query's column. */
export interface SqlType {
  /** As written in a cast. */
  name: string;
  /** The kind of its values, or of its entries if it is a list. */
  kind: 'text' | 'padded' | 'integer' | 'numeric' | 'json' | 'moment' | 'time' | 'other';
  isList: boolean;
}

/** A query to run. */
export interface SqlRun {
  url: string;
  /** Whether a Postgres on another machine may be used without TLS. */
  plaintextAllowed: boolean;
  /** With the database's own placeholders. */
  sql: string;
  values: readonly string[];
  signal?: AbortSignal | undefined;
}

/** Reads the rows of queries from one database. */
export interface SqlReader {
  rows(run: SqlRun): AsyncGenerator<SqlPage, void, undefined>;
  /** Returns the placeholder of a time, the `number`-th value from 1. */
  placeholder(number: number): string;
}

/** Number of rows fetched per page. */
export const ROWS_PER_PAGE = 500;

/** Maximum wait for the next rows, in milliseconds. The first ones may require sorting the whole result. */
export const PAGE_DEADLINE_MS = 300_000;
