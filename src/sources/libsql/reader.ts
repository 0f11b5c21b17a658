import path from 'node:path';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { databaseFile } from '../../config/database-settings';
import { SourceError, SourceUnavailableError } from '../source';
import { PAGE_DEADLINE_MS, ROWS_PER_PAGE } from '../sql-rows';
import type { SqlPage, SqlReader, SqlRun, SqlType } from '../sql-rows';

/** Data that the main thread passes to the reader thread at its start. */
export interface ReaderData {
  /** A `file:` URI in read-only mode. */
  file: string;
  sql: string;
  values: readonly string[];
  rowsPerPage: number;
  busyMs: number;
}

/**
 * One message of the reader thread. `about` describes only the query; `declared` has the type of each column that a table
 * declares, and null for an expression.
 */
export type ReaderResponse =
  | { columns: string[]; declared: (string | null)[]; rows: unknown[][]; done: boolean; failure?: never }
  | { failure: string; about: string };

/** Maximum wait for another process's lock, in milliseconds. */
const BUSY_MS = 10_000;
/** Maximum wait for a thread to close its database, in milliseconds. */
const CLOSE_MS = 1_000;

/** Reads a libSQL or SQLite file opened read-only, page by page in a separate thread. */
export const libsqlReader: SqlReader = { rows: libsqlRows, placeholder: (number) => `?${number}` };

async function* libsqlRows({ url, sql, values, signal }: SqlRun): AsyncGenerator<SqlPage, void, undefined> {
  signal?.throwIfAborted();
  const file = `${pathToFileURL(databaseFile(url) ?? '').href}?mode=ro`;
  const data: ReaderData = { file, sql, values, rowsPerPage: ROWS_PER_PAGE, busyMs: BUSY_MS };
  const worker = new Worker(path.join(__dirname, 'reader-thread.js'), { workerData: data });
  // A pending `nextPage` also gets the error. Between two pages there is no other listener, and the process would end.
  worker.on('error', () => undefined);
  try {
    for (;;) {
      const response = await nextPage(worker, signal);
      if (response.failure !== undefined) throw explained(response);
      yield { ...response, types: response.declared.map(typeOf) };
      if (response.done) return;
    }
  } finally {
    await close(worker);
  }
}

/**
 * Returns the type of a column by what its table declares. SQLite stores any value in any column, so that only the
 * declaration distinguishes the 1 of a switch, or a day, from an ID; all else is checked by value.
 */
function typeOf(declared: string | null): SqlType {
  const name = declared ?? 'unknown';
  const kind = /BOOL|BLOB/i.test(name) ? 'other' : /DATE|TIME/i.test(name) ? 'moment' : 'text';
  return { name: name.toLowerCase(), kind, isList: false };
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
