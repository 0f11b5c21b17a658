'use strict';
// Plain JavaScript, so that a worker thread can load this file from src (in tests) as well as from dist.

const { createCipheriv, createDecipheriv, randomFillSync, timingSafeEqual } = require('node:crypto');
const { parentPort, workerData } = require('node:worker_threads');
const { KeyedHash } = require('../keyed-hash');

/**
 * @typedef {import('node:crypto').KeyObject} KeyObject
 * @typedef {{ cipher: KeyObject, tags: KeyObject }} RowKeys The keys for the IDs of a sweep's users.
 * @typedef {import('../store').IdsForm} IdsForm
 * @typedef {RowKeys & { sweepId: string, first: number, lines: string, count: number, subjects?: string,
 *   form: IdsForm }} Rows JSON texts to
 *   encrypt, one for each line, each bound to the sweep and to its own seq; that of the first is `first`. One text is sent to
 *   a thread faster than thousands, and JSON has no line breaks. `subjects` has what stands before each of them.
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

/*
 * Rows of a block. AES-GCM for each row takes 7 µs, nearly all of it for the object of OpenSSL that each needs. The rows of
 * a block are therefore encrypted with one AES-256-CTR, and each gets a tag of its own, an HMAC-SHA-256 over what it is
 * bound to and its ciphertext (encrypt-then-MAC). A row is stored, read, replaced and deleted without the others:
 *
 *     .NONCE.OFFSET.CIPHERTEXT.TAG
 *
 * NONCE has twelve random bytes and is the same in all rows of the block. OFFSET is the number of bytes of the key stream
 * before the row: no byte of it is used twice. A text that does not begin with a dot has an AES-GCM of its own.
 */

const ROW_CIPHER = 'aes-256-ctr';
const COUNTER_BYTES = 4;
/** What the counter of the key stream counts, in bytes. */
const STEP_BYTES = 16;
/** Length of a tag in characters of base64url: 132 bits. */
const TAG_CHARACTERS = 22;
const ROW_TEXT = /^\.([\w-]{16})\.(\d{1,11})\.([\w-]*)$/;
const LINE_BREAK = 0x0a;

/**
 * Returns what a counter of AES-CTR begins with: the nonce, and the number of steps before.
 * @param {Buffer} nonce
 * @param {number} steps
 */
function counterOf(nonce, steps) {
  const counter = Buffer.alloc(NONCE_BYTES + COUNTER_BYTES);
  nonce.copy(counter);
  counter.writeUInt32BE(steps, NONCE_BYTES);
  return counter;
}

/**
 * Returns what the IDs of a user are bound to.
 * @param {string} sweepId
 * @param {number} seq
 */
function userOf(sweepId, seq) {
  return JSON.stringify(['user', sweepId, seq]);
}

/** The characters of base64url, by their value. */
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const DOT = 0x2e;
const SPACE = 0x20;
/** Length of the largest number of bytes before a row. */
const OFFSET_CHARACTERS = 11;

/**
 * Returns the encrypted texts in the given form, in a buffer of their own. They are written as bytes: strings of them
 * would take longer than their encryption.
 * @param {Rows} rows
 * @returns {Uint8Array<ArrayBuffer>}
 */
function encryptRows({ cipher: key, tags, sweepId, first, lines, count, subjects = '', form }) {
  const plain = Buffer.from(lines);
  const nonce = Buffer.alloc(NONCE_BYTES);
  freshNonce(nonce);
  const sealed = createCipheriv(ROW_CIPHER, key, counterOf(nonce, 0)).update(plain);
  const begin = Buffer.from(`.${nonce.toString('base64url')}.`);
  const tagger = new RowTags(tags, sweepId);
  const [hashes, between] = [Buffer.from(subjects, 'latin1'), Buffer.from(form.between)];
  const most = begin.length + OFFSET_CHARACTERS + 2 * 2 + TAG_CHARACTERS + between.length + 1;
  const out = Buffer.from(
    new ArrayBuffer(
      form.begin.length + count * most + Math.ceil((plain.length * 4) / 3) + hashes.length + form.end.length,
    ),
  );
  let at = out.write(form.begin, 'latin1');
  let hashAt = 0;
  for (let row = 0, from = 0, to = 0; row < count; row++, from = to + 1) {
    to = plain.indexOf(LINE_BREAK, from);
    if (to === -1) to = plain.length;
    if (row > 0) at += between.copy(out, at);
    if (form.withSubjects) {
      for (let byte = hashes[hashAt++]; byte !== undefined && byte !== LINE_BREAK; byte = hashes[hashAt++])
        out[at++] = byte;
      out[at++] = SPACE;
    }
    const start = at;
    at += begin.copy(out, at);
    at = writeNumber(out, at, from);
    out[at++] = DOT;
    at = writeBase64(out, at, sealed, from, to);
    const tag = tagger.tagOf(first + row, out, start, at);
    out[at++] = DOT;
    for (let place = 0; place < TAG_CHARACTERS; place++) out[at++] = tag.charCodeAt(place);
  }
  at += out.write(form.end, at, 'latin1');
  return new Uint8Array(out.buffer.slice(0, at));
}

/** The tags of the rows of a sweep. */
class RowTags {
  /** @readonly */
  #hash;
  /** What `userOf` returns, up to the seq. @readonly */
  #begin;

  /**
   * @param {KeyObject} key
   * @param {string} sweepId
   */
  constructor(key, sweepId) {
    this.#hash = new KeyedHash(key);
    this.#begin = Buffer.from(userOf(sweepId, 0).slice(0, -'0]'.length));
  }

  /**
   * Returns the tag of a row.
   * @param {number} seq
   * @param {Buffer} bytes Have the text of the row.
   * @param {number} from
   * @param {number} to
   */
  tagOf(seq, bytes, from, to) {
    const { room, textAt } = this.#hash;
    if (textAt + this.#begin.length + OFFSET_CHARACTERS + 1 + to - from > room.length)
      return this.#hash.of(`${this.#begin.toString()}${seq}]${bytes.toString('latin1', from, to)}`, TAG_CHARACTERS);
    let at = textAt + this.#begin.copy(room, textAt);
    at = writeNumber(room, at, seq);
    room[at++] = BRACKET;
    at += bytes.copy(room, at, from, to);
    return this.#hash.ofBytes(at - textAt, TAG_CHARACTERS);
  }
}

const BRACKET = 0x5d;
const ZERO = 0x30;

/**
 * Writes a whole number and returns where it ends.
 * @param {Buffer} out
 * @param {number} at
 * @param {number} number
 */
function writeNumber(out, at, number) {
  let end = at + 1;
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) end += 1;
  for (let place = end, rest = number; place > at; rest = Math.floor(rest / 10)) out[--place] = ZERO + (rest % 10);
  return end;
}

/**
 * Writes bytes as base64url and returns where they end.
 * @param {Buffer} out
 * @param {number} at
 * @param {Buffer} bytes
 * @param {number} from
 * @param {number} to
 */
function writeBase64(out, at, bytes, from, to) {
  let next = at;
  for (let place = from; place < to; place += 3) {
    // Behind them are those of the next row.
    const second = place + 1 < to ? (bytes[place + 1] ?? 0) : 0;
    const third = place + 2 < to ? (bytes[place + 2] ?? 0) : 0;
    const three = ((bytes[place] ?? 0) << 16) | (second << 8) | third;
    out[next] = BASE64[three >> 18] ?? 0;
    out[next + 1] = BASE64[(three >> 12) & 63] ?? 0;
    out[next + 2] = BASE64[(three >> 6) & 63] ?? 0;
    out[next + 3] = BASE64[three & 63] ?? 0;
    next += 4;
  }
  return at + Math.ceil(((to - from) * 4) / 3);
}

/**
 * Returns a text of ASCII in a buffer of its own, which can be given to another thread.
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
function bytesOf(text) {
  const bytes = new Uint8Array(text.length);
  Buffer.from(bytes.buffer).write(text, 'latin1');
  return bytes;
}

/** @param {string} text */
function isOfBlock(text) {
  return text.startsWith('.');
}

/**
 * Decrypts a row of a block.
 * @param {KeyObject} key
 * @param {KeyedHash} tags
 * @param {string} boundTo
 * @param {string} text
 * @throws When the text was changed, or belongs to another row or sweep.
 */
function decryptRow(key, tags, boundTo, text) {
  const end = text.lastIndexOf('.');
  const body = text.slice(0, end);
  const tag = Buffer.from(text.slice(end + 1));
  const wanted = Buffer.from(tags.of(boundTo + body, TAG_CHARACTERS));
  const [, nonce = '', from = '', sealed = ''] = ROW_TEXT.exec(body) ?? [];
  if (nonce === '' || tag.length !== wanted.length || !timingSafeEqual(tag, wanted))
    throw new Error('Unable to authenticate the IDs of a user.');
  const offset = Number(from);
  const before = offset % STEP_BYTES;
  const counter = counterOf(Buffer.from(nonce, 'base64url'), (offset - before) / STEP_BYTES);
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(sealed, 'base64url')]);
  return createDecipheriv(ROW_CIPHER, key, counter).update(bytes).subarray(before);
}

// Only in the thread that sweep-key.ts starts.
if (workerData === 'row-cipher')
  parentPort?.on('message', (/** @type {Rows} */ rows) => {
    const texts = encryptRows(rows);
    parentPort?.postMessage(texts, [texts.buffer]);
  });

module.exports = { bytesOf, decrypt, decryptRow, encrypt, encryptRows, isOfBlock, userOf };
