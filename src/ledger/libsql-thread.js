'use strict';
// Plain JavaScript, so that a worker thread can load this very file from src (in the tests) as well as from dist.
// libSQL is synchronous: on the main thread, a lock held by another process would stop the event loop, and with it
// every timer and heartbeat.

const { parentPort, workerData } = require('node:worker_threads');
const Database = require('libsql');

/**
 * @typedef {import('./libsql-protocol').LibsqlRequest} LibsqlRequest
 * @typedef {import('./libsql-protocol').LibsqlAnswer} LibsqlAnswer
 * @typedef {import('./libsql-protocol').LibsqlThreadData} LibsqlThreadData
 */

/** More than the ledger has statements; a bound, because one without would be a leak. */
const MOST_STATEMENTS = 200;

const { path: file } = /** @type {LibsqlThreadData} */ (workerData);

/** @type {import('libsql').Database | undefined} */
let database;
let busyMs = -1;
/** @type {Map<string, import('libsql').Statement<unknown[]>>} */
const statements = new Map();

/** @returns {import('libsql').Database} */
function openDatabase() {
  if (database !== undefined) return database;
  const opened = new Database(file);
  // The database is not kept when a pragma fails, so that the next call starts over.
  opened.prepare('pragma busy_timeout = 1000').all();
  opened.prepare('pragma journal_mode = wal').all();
  // FULL syncs the log at every commit: a receipt that was acknowledged outlives kill -9 and a power cut. NORMAL
  // would lose the last ones in a power cut, and with them the proof of what was sent.
  opened.exec('pragma synchronous = full');
  opened.exec('pragma foreign_keys = on');
  // Otherwise INSERT OR REPLACE would delete rows without asking the append-only triggers.
  opened.exec('pragma recursive_triggers = on');
  database = opened;
  return opened;
}

/**
 * @param {import('libsql').Database} opened
 * @param {string} sql
 */
function prepare(opened, sql) {
  let statement = statements.get(sql);
  if (statement === undefined) {
    if (statements.size >= MOST_STATEMENTS) statements.clear();
    statement = opened.prepare(sql);
    statements.set(sql, statement);
  }
  return statement;
}

/**
 * @param {LibsqlRequest} request
 * @returns {LibsqlAnswer}
 */
function answer(request) {
  try {
    const opened = openDatabase();
    if (request.busyMs !== busyMs) {
      opened.prepare(`pragma busy_timeout = ${request.busyMs}`).all();
      busyMs = request.busyMs;
    }
    const statement = prepare(opened, request.sql);
    if (!statement.reader) {
      const { changes } = statement.run([...request.parameters]);
      return { id: request.id, rows: [], changes };
    }
    // libsql does not reset a statement that fails while it returns rows. A write left like that keeps its
    // transaction open, and later writes are answered as done but are never committed.
    if (/\breturning\b/i.test(request.sql)) return { id: request.id, failure: 'RETURNING_IS_UNSAFE' };
    return { id: request.id, rows: statement.all([...request.parameters]), changes: 0 };
  } catch (error) {
    return { id: request.id, failure: failureCode(error) };
  }
}

/**
 * Only codes leave the thread: a message of the database could quote data.
 * @param {unknown} error
 */
function failureCode(error) {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  if (typeof code === 'string' && code !== '') return code;
  // Opening a file that cannot be opened is the one failure that libsql gives an empty code.
  return database === undefined ? 'SQLITE_CANTOPEN' : 'UNKNOWN';
}

parentPort?.on('message', (/** @type {LibsqlRequest | 'close'} */ message) => {
  if (message !== 'close') {
    parentPort?.postMessage(answer(message));
    return;
  }
  statements.clear();
  database?.close();
  parentPort?.close();
});
