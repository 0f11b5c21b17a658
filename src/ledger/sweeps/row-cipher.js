'use strict';
// Plain JavaScript, so that a worker thread can load this file from src (in tests) as well as from dist.

const { createCipheriv, createDecipheriv, randomFillSync } = require('node:crypto');
const { parentPort, workerData } = require('node:worker_threads');

/**
 * @typedef {import('node:crypto').KeyObject} KeyObject
 * @typedef {{ key: KeyObject, sweepId: string, first: number, texts: readonly string[] }} Rows JSON texts to encrypt, each
 *   bound to the sweep and to its own seq; that of the first is `first`.
 * @typedef {Omit<Rows, 'texts'> & { lines: string }} SentRows The same with the texts as lines: one text is sent to a thread
 *   faster than thousands. These JSON texts have no line breaks.
 */

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What stands before the encrypted bytes: the nonce and the tag. */
const HEAD_BYTES = NONCE_BYTES + TAG_BYTES;
/** Number of nonces that are made together: each request for random bytes costs as much as half a row. */
const NONCES_TOGETHER = 1_024;

const nonces = Buffer.alloc(NONCES_TOGETHER * NONCE_BYTES);
let nextNonce = nonces.length;

/**
 * Writes random bytes that were never used before to the beginning of a buffer.
 * @param {Buffer} to
 */
function freshNonce(to) {
  if (nextNonce === nonces.length) {
    randomFillSync(nonces);
    nextNonce = 0;
  }
  nonces.copy(to, 0, nextNonce, nextNonce + NONCE_BYTES);
  nextNonce += NONCE_BYTES;
}

/**
 * @param {KeyObject} key
 * @param {string} boundTo What the text is about: the result can be decrypted only with the same.
 * @param {string | Buffer} plain
 */
function encrypt(key, boundTo, plain) {
  const text = typeof plain === 'string' ? Buffer.from(plain) : plain;
  const sealed = Buffer.allocUnsafe(HEAD_BYTES + text.length);
  freshNonce(sealed);
  const cipher = createCipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES));
  cipher.setAAD(Buffer.from(boundTo));
  // In this mode `final` returns nothing more.
  sealed.set(cipher.update(text), HEAD_BYTES);
  cipher.final();
  sealed.set(cipher.getAuthTag(), NONCE_BYTES);
  return sealed.toString('base64url');
}

/**
 * @param {KeyObject} key
 * @param {string} boundTo
 * @param {string} text
 */
function decrypt(key, boundTo, text) {
  const bytes = Buffer.from(text, 'base64url');
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(boundTo));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, HEAD_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES)), decipher.final()]);
}

/**
 * Returns what the IDs of a user are bound to.
 * @param {string} sweepId
 * @param {number} seq
 */
function userOf(sweepId, seq) {
  return JSON.stringify(['user', sweepId, seq]);
}

/** @param {Rows} rows */
function encryptRows({ key, sweepId, first, texts }) {
  return texts.map((text, index) => encrypt(key, userOf(sweepId, first + index), text));
}

// Only in the thread that sweep-key.ts starts.
if (workerData === 'row-cipher')
  parentPort?.on('message', (/** @type {SentRows} */ { lines, ...rows }) =>
    parentPort?.postMessage(encryptRows({ ...rows, texts: lines.split('\n') }).join('\n')),
  );

module.exports = { decrypt, encrypt, encryptRows, userOf };
