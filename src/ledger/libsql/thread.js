'use strict';
// Plain JavaScript, so that a worker thread can load this file from src (in tests) as well as from dist. libSQL is
// synchronous: on the main thread, another process's lock would block the event loop and with it all timers and
// heartbeats.

const { randomBytes } = require('node:crypto');
const { chmodSync, closeSync, existsSync, linkSync, openSync, statSync, unlinkSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const Database = require('libsql');

/**
 * @typedef {import('./dialect').LibsqlRequest} LibsqlRequest
 * @typedef {import('./dialect').LibsqlResponse} LibsqlResponse
 * @typedef {import('./dialect').LibsqlThreadData} LibsqlThreadData
 */

/** Delay between attempts to get a lock, in milliseconds. The database's own wait could not be interrupted. */
const LOCK_RETRY_MS = 5;

/** Maximum number of cached statements, which is more than the ledger has. Without a bound the cache could leak. */
const MAX_STATEMENTS = 200;

const SYNCED = 'pragma synchronous = full';
/** A power failure may take the changes of latest statements; the database is whole nevertheless. */
const UNSYNCED = 'pragma synchronous = normal';

const { path: file, stop } = /** @type {LibsqlThreadData} */ (workerData);
const stopped = new Int32Array(stop);

/** @type {import('libsql').Database | undefined} */
let database;
/** @type {Map<string, import('libsql').Statement<unknown[]>>} */
const statements = new Map();

/** File mode of a ledger: read and write for its owner only. Its log and index inherit it. */
const PRIVATE = 0o600;

/**
 * Creates the empty database file with private permissions, because the database would create it readable for all
 * users. The file gets its name by a link after it is closed: closing a file that another connection of this process
 * has open would drop that connection's locks.
 */
function createPrivately() {
  if (file === ':memory:' || existsSync(file)) return;
  const unnamed = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    closeSync(openSync(unnamed, 'wx', PRIVATE));
  } catch {
    // Opening the database reports why the folder is not writable.
    return;
  }
  try {
    chmodSync(unnamed, PRIVATE);
    linkSync(unnamed, file);
  } catch {
    // Another process was faster, or the file system has no hard links: see `tighten`.
  } finally {
    unlinkSync(unnamed);
  }
}

/**
 * Makes a file private that the database itself created, where there are no hard links. Called before anything is
 * written, so before log and index exist.
 */
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
  // If a pragma fails the database is not kept, so that the next attempt opens it again.
  opened.prepare('pragma busy_timeout = 0').all();
  opened.prepare('pragma journal_mode = wal').all();
  // FULL syncs the log at every commit, so that an acknowledged receipt survives kill -9 and a power failure. NORMAL
  // could lose the last receipts in a power failure, and with them the proof of what was sent.
  opened.exec(SYNCED);
  // Waves of a sweep change pages all over an index. With a checkpoint every 32 MB of log instead of every 4, a page
  // that was changed many times is copied once.
  opened.prepare('pragma wal_autocheckpoint = 8000').all();
  // Overwrites deleted and replaced data with zeros: users' encrypted IDs and the keys of sweeps.
  opened.prepare('pragma secure_delete = on').all();
  opened.exec('pragma foreign_keys = on');
  // Otherwise INSERT OR REPLACE would delete rows without running the append-only triggers.
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
    if (statements.size >= MAX_STATEMENTS) statements.clear();
    statement = opened.prepare(sql);
    statements.set(sql, statement);
  }
  return statement;
}

/**
 * @param {LibsqlRequest} request
 * @returns {LibsqlResponse}
 */
function respond(request) {
  const until = performance.now() + request.busyMs;
  for (;;) {
    const result = tryOnce(request);
    if (result.failure !== 'SQLITE_BUSY') return result;
    if (performance.now() >= until || stopped[0] !== 0) {
      reopen();
      return result;
    }
    Atomics.wait(stopped, 0, 0, LOCK_RETRY_MS);
  }
}

/**
 * Replaces the connection after a statement that got no lock. libsql resets such a statement only when it runs again, and
 * until then the database takes it for a write in progress: later writes report success, are never committed, and keep
 * all others out. A transaction that was open is rolled back.
 */
function reopen() {
  statements.clear();
  database?.close();
  database = undefined;
}

/**
 * @param {LibsqlRequest} request
 * @returns {LibsqlResponse}
 */
function tryOnce(request) {
  try {
    const opened = openDatabase();
    const statement = prepare(opened, request.sql);
    const values = request.parameters.map(textOf);
    if (!statement.reader) {
      const { changes } = request.mayBeLost ? runUnsynced(opened, statement, values) : statement.run(values);
      return { id: request.id, rows: [], changes };
    }
    // libsql does not reset a statement that fails while it returns rows. Such a write keeps its transaction open, and
    // later writes report success but are never committed.
    if (/\breturning\b/i.test(request.sql)) return { id: request.id, failure: 'RETURNING_IS_UNSAFE' };
    return { id: request.id, rows: statement.all(values), changes: 0 };
  } catch (error) {
    return { id: request.id, failure: failureCode(error) };
  }
}

/**
 * Runs a statement without waiting until its changes are on the disk.
 * @param {import('libsql').Database} opened
 * @param {import('libsql').Statement<unknown[]>} statement
 * @param {unknown[]} values
 */
function runUnsynced(opened, statement, values) {
  prepare(opened, UNSYNCED).run([]);
  try {
    return statement.run(values);
  } finally {
    prepare(opened, SYNCED).run([]);
  }
}

/** @param {unknown} value */
function textOf(value) {
  return value instanceof Uint8Array ? Buffer.from(value.buffer).toString('latin1') : value;
}

/**
 * Returns only a code, because a message of the database could quote data.
 * @param {unknown} error
 */
function failureCode(error) {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  if (typeof code === 'string' && code !== '') return code;
  // Only for a file that cannot be opened does libsql leave the code empty.
  return database === undefined ? 'SQLITE_CANTOPEN' : 'UNKNOWN';
}

parentPort?.on('message', (/** @type {LibsqlRequest | 'close'} */ message) => {
  if (message !== 'close') {
    parentPort?.postMessage(respond(message));
    return;
  }
  statements.clear();
  database?.close();
  parentPort?.close();
});
