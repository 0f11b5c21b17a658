'use strict';
// Plain JavaScript, so that a worker thread can load this file from src (in tests) as well as from dist. libSQL is
// synchronous: a query that sorts for a minute would block all timers and heartbeats of the main thread.

const { parentPort, workerData } = require('node:worker_threads');
const Database = require('libsql');

/**
 * @typedef {import('./reader').ReaderData} ReaderData
 * @typedef {import('./reader').ReaderResponse} ReaderResponse
 */

const { file, sql, values, rowsPerPage, busyMs } = /** @type {ReaderData} */ (workerData);

/** @type {import('libsql').Database | undefined} */
let database;
/** @type {Iterator<unknown> | undefined} */
let rows;
/** @type {string[]} */
let columns = [];
/** @type {(string | null)[]} */
let declared = [];
let stage = /** @type {'open' | 'prepare' | 'read'} */ ('open');

function open() {
  // The library ignores its readonly option, but SQLite respects the mode in the URI.
  database = new Database(file);
  database.prepare(`pragma busy_timeout = ${busyMs}`).all();
  // Prevents writes to temporary tables and to databases that the query might attach.
  database.prepare('pragma query_only = on').all();
  stage = 'prepare';
  const statement = database.prepare(sql);
  if (!statement.reader) throw Object.assign(new Error('it returns no rows'), { code: 'NO_ROWS' });
  const described = statement.columns();
  columns = described.map(({ name }) => name);
  declared = described.map(({ type }) => type);
  stage = 'read';
  // Without safeIntegers, whole numbers above 2^53 would be rounded to another user's ID.
  rows = statement
    .raw(true)
    .safeIntegers(true)
    .iterate([...values]);
}

/** @returns {ReaderResponse} */
function nextPage() {
  try {
    if (rows === undefined) open();
    /** @type {unknown[][]} */
    const page = [];
    while (page.length < rowsPerPage) {
      const next = /** @type {Iterator<unknown>} */ (rows).next();
      if (next.done) return { columns, declared, rows: page, done: true };
      page.push(
        /** @type {unknown[]} */ (next.value).map((cell) => (typeof cell === 'bigint' ? cell.toString() : cell)),
      );
    }
    return { columns, declared, rows: page, done: false };
  } catch (error) {
    return failureOf(error);
  }
}

/**
 * @param {unknown} error
 * @returns {ReaderResponse}
 */
function failureOf(error) {
  const { code, message } = /** @type {{ code?: unknown, message?: unknown }} */ (error);
  // While a query is prepared no row has been read, so the message can quote only the query.
  const about = stage === 'prepare' && typeof message === 'string' ? message.slice(0, 200) : '';
  // Only for a file that cannot be opened does libsql leave the code empty.
  return { failure: typeof code === 'string' && code !== '' ? code : 'SQLITE_CANTOPEN', about };
}

parentPort?.on('message', (/** @type {'next' | 'close'} */ message) => {
  if (message === 'next') {
    parentPort?.postMessage(nextPage());
    return;
  }
  rows = undefined;
  database?.close();
  parentPort?.close();
});
