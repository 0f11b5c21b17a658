'use strict';
// Plain JavaScript, so that a worker thread can load this very file from src (in the tests) as well as from dist.
// libSQL is synchronous: on the main thread, a lock held by another process would stop the event loop, and with it
// every timer and heartbeat.

const { randomBytes } = require('node:crypto');
const { chmodSync, closeSync, existsSync, linkSync, openSync, statSync, unlinkSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const Database = require('libsql');

/**
 * @typedef {import('./libsql-protocol').LibsqlRequest} LibsqlRequest
 * @typedef {import('./libsql-protocol').LibsqlAnswer} LibsqlAnswer
 * @typedef {import('./libsql-protocol').LibsqlThreadData} LibsqlThreadData
 */

/** How long to wait before a lock is tried again. The wait is ours and not the database's, so that it can be ended. */
const LOCK_RETRY_MS = 5;

/** More than the ledger has statements; a bound, because one without would be a leak. */
const MOST_STATEMENTS = 200;

const { path: file, stop } = /** @type {LibsqlThreadData} */ (workerData);
const stopped = new Int32Array(stop);

/** @type {import('libsql').Database | undefined} */
let database;
/** @type {Map<string, import('libsql').Statement<unknown[]>>} */
const statements = new Map();

/** Only its owner may read a ledger; its log and index get the rights of the database file. */
const PRIVATE = 0o600;

/**
 * Makes the database file, empty and readable for its owner only, before the database would make it for everyone. It
 * gets its name by a link once it is closed: closing a file that a connection of this process has open would drop the
 * locks of that connection.
 */
function createPrivately() {
  if (file === ':memory:' || existsSync(file)) return;
  const unnamed = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    closeSync(openSync(unnamed, 'wx', PRIVATE));
  } catch {
    // The database says why the folder cannot be written.
    return;
  }
  try {
    chmodSync(unnamed, PRIVATE);
    linkSync(unnamed, file);
  } catch {
    // Another process was faster, or the file system has no links: see `tighten`.
  } finally {
    unlinkSync(unnamed);
  }
}

/** Where there are no links, the database has made the file: before anything is written, and so before log and index. */
function tighten() {
  if (file === ':memory:' || process.getuid === undefined) return;
  const { mode, uid } = statSync(file);
  if ((mode & 0o077) !== 0 && uid === process.getuid()) chmodSync(file, PRIVATE);
}

/** @returns {import('libsql').Database} */
function openDatabase() {
  if (database !== undefined) return database;
  createPrivately();
  const opened = new Database(file);
  tighten();
  // The database is not kept when a pragma fails, so that the next try starts over.
  opened.prepare('pragma busy_timeout = 0').all();
  opened.prepare('pragma journal_mode = wal').all();
  // FULL syncs the log at every commit: a receipt that was acknowledged outlives kill -9 and a power cut. NORMAL
  // would lose the last ones in a power cut, and with them the proof of what was sent.
  opened.exec('pragma synchronous = full');
  // Waves of a sweep change pages all over an index. Copied back every 32 MB of log and not every 4, a page that was changed
  // many times is copied once.
  opened.prepare('pragma wal_autocheckpoint = 8000').all();
  // What is deleted or replaced is overwritten with zeros: users' encrypted ids, and the keys of sweeps.
  opened.prepare('pragma secure_delete = on').all();
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
  const until = performance.now() + request.busyMs;
  for (;;) {
    const given = tryOnce(request);
    if (given.failure !== 'SQLITE_BUSY' || performance.now() >= until || stopped[0] !== 0) return given;
    Atomics.wait(stopped, 0, 0, LOCK_RETRY_MS);
  }
}

/**
 * @param {LibsqlRequest} request
 * @returns {LibsqlAnswer}
 */
function tryOnce(request) {
  try {
    const opened = openDatabase();
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
