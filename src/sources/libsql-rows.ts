import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { databaseFile } from '../config/source-settings';
import { PAGE_DEADLINE_MS, ROWS_PER_PAGE } from './sql-rows';
import type { SqlPage, SqlRun } from './sql-rows';
import { SourceError, SourceUnavailableError } from './source';

/** What the main thread hands to the thread that reads. */
export interface ReaderData {
  /** A `file:` URI that says to only read. */
  file: string;
  sql: string;
  values: readonly string[];
  rowsPerPage: number;
  busyMs: number;
}

/** One answer of the thread that reads; `about` speaks of the query only. */
export type ReaderAnswer =
  { columns: string[]; rows: unknown[][]; done: boolean; failure?: never } | { failure: string; about: string };

/** How long another process's lock is waited for, in milliseconds. */
const BUSY_MS = 10_000;
/** How long a thread may take to close its database, in milliseconds. */
const CLOSE_MS = 1_000;

/** Streams a query from a libSQL or SQLite file that is opened for reading only, page by page in a thread of its own. */
export async function* libsqlRows({ url, sql, values, signal }: SqlRun): AsyncGenerator<SqlPage, void, undefined> {
  signal?.throwIfAborted();
  const file = `${pathToFileURL(databaseFile(url) ?? '').href}?mode=ro`;
  const data: ReaderData = { file, sql, values, rowsPerPage: ROWS_PER_PAGE, busyMs: BUSY_MS };
  const worker = new Worker(path.join(__dirname, 'libsql-reader-thread.js'), { workerData: data });
  // Whoever waits for an answer hears of it too; between two answers nobody does, and the process would end.
  worker.on('error', () => undefined);
  try {
    for (;;) {
      const answer = await nextPage(worker, signal);
      if (answer.failure !== undefined) throw explained(answer);
      yield answer;
      if (answer.done) return;
    }
  } finally {
    await close(worker);
  }
}

async function nextPage(worker: Worker, signal: AbortSignal | undefined): Promise<ReaderAnswer> {
  const deadline = AbortSignal.timeout(PAGE_DEADLINE_MS);
  const answered = once(worker, 'message', { signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
  worker.postMessage('next');
  try {
    const [answer] = (await answered) as [ReaderAnswer];
    return answer;
  } catch {
    signal?.throwIfAborted();
    throw new SourceUnavailableError(
      deadline.aborted
        ? 'The database of the query did not answer in time.'
        : 'The thread that reads the query failed.',
    );
  }
}

async function close(worker: Worker): Promise<void> {
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.postMessage('close');
  // A thread inside the database hears nothing before the statement is over; it holds no lock that anybody needs. It is
  // left to end by itself: terminating it there would end the whole process.
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
  worker.unref();
}

const UNAVAILABLE = /^SQLITE_(BUSY|LOCKED|IOERR|FULL|INTERRUPT|PROTOCOL|NOMEM)(_|$)/;

function explained({ failure, about }: Extract<ReaderAnswer, { failure: string }>): Error {
  if (UNAVAILABLE.test(failure))
    return new SourceUnavailableError(`The database of the query is locked or cannot be read right now (${failure}).`);
  if (failure.startsWith('SQLITE_CANTOPEN'))
    return new SourceError('query', 'its database file is not there, or this process may not read it.');
  if (failure.startsWith('SQLITE_READONLY'))
    return new SourceError('query', `the database refused it because it would change something (${failure}).`);
  return new SourceError('query', `the database refused it (${failure})${about === '' ? '' : `: ${about}`}.`);
}
