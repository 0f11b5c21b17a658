import { endianness } from 'node:os';
import { DUPLICATE_KEY_CHARACTERS } from './sweep-key';

/** Number of 32-bit words of a key. */
export const KEY_WORDS = 3;
const KEY_BYTES = KEY_WORDS * Uint32Array.BYTES_PER_ELEMENT;
/** Number of keys for which there is room at first; it doubles. */
const FIRST_ROOM = 4_096;
/** Number of places to look for a key for each key for which there is room. */
const SLOTS_PER_KEY = 2;
/** Base64url has the most significant byte of a word first. */
const IS_LITTLE_ENDIAN = endianness() === 'LE';
const INVALID = 64;

/** The value of each character of base64url, by its code. */
const VALUES = new Uint8Array(128).fill(INVALID);
for (const [value, character] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].entries())
  VALUES[character.charCodeAt(0)] = value;

/** The words of the key that was read last: an array for each of millions of keys would be garbage. */
let [first, second, third] = [0, 0, 0];

function valueAt(key: string, at: number): number {
  const value = VALUES[key.charCodeAt(at)] ?? INVALID;
  if (value === INVALID) throw new TypeError('A duplicate key is base64url.');
  return value;
}

function read(key: string): void {
  const [middle, late] = [valueAt(key, 5), valueAt(key, 10)];
  first =
    (valueAt(key, 0) << 26) |
    (valueAt(key, 1) << 20) |
    (valueAt(key, 2) << 14) |
    (valueAt(key, 3) << 8) |
    (valueAt(key, 4) << 2) |
    (middle >> 4);
  second =
    (middle << 28) |
    (valueAt(key, 6) << 22) |
    (valueAt(key, 7) << 16) |
    (valueAt(key, 8) << 10) |
    (valueAt(key, 9) << 4) |
    (late >> 2);
  third =
    (late << 30) |
    (valueAt(key, 11) << 24) |
    (valueAt(key, 12) << 18) |
    (valueAt(key, 13) << 12) |
    (valueAt(key, 14) << 6) |
    valueAt(key, 15);
}

/** Returns the words of keys from their text, which has no separators. */
export function wordsOf(text: string): Uint32Array {
  const words = new Uint32Array((text.length / DUPLICATE_KEY_CHARACTERS) * KEY_WORDS);
  const bytes = Buffer.from(words.buffer);
  if (bytes.write(text, 'base64url') !== bytes.length) throw new TypeError('A duplicate key is base64url.');
  if (IS_LITTLE_ENDIAN) bytes.swap32();
  return words;
}

/** Returns the text of consecutive keys, without separators. */
export function textOf(words: Uint32Array, from = 0, to = words.length / KEY_WORDS): string {
  const bytes = Buffer.from(words.slice(from * KEY_WORDS, to * KEY_WORDS).buffer);
  return (IS_LITTLE_ENDIAN ? bytes.swap32() : bytes).toString('base64url');
}

/**
 * Duplicate keys in the order in which they were added, found by open addressing. As texts in a `Set` they would take
 * several times the memory, and each garbage collection would visit them.
 */
export class KeySet {
  /** Three for each key, with room for more. */
  #words = new Uint32Array(FIRST_ROOM * KEY_WORDS);
  /** The place of a key in the order, plus 1; 0 if there is none. */
  #slots = new Uint32Array(FIRST_ROOM * SLOTS_PER_KEY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param key Its characters after those of a key are ignored. */
  has(key: string): boolean {
    read(key);
    return this.#slots[this.#slotOf()] !== 0;
  }

  /** @returns False for a key that is there already. */
  add(key: string): boolean {
    read(key);
    return this.#add();
  }

  addWords(words: Uint32Array): void {
    for (let at = 0; at < words.length; at += KEY_WORDS) {
      first = words[at] ?? 0;
      second = words[at + 1] ?? 0;
      third = words[at + 2] ?? 0;
      this.#add();
    }
  }

  /** Returns the words of the keys that were added after the first `from` and before the `to`th. */
  words(from: number, to: number): Uint32Array {
    return this.#words.slice(from * KEY_WORDS, to * KEY_WORDS);
  }

  /** Removes the keys that were added first. */
  removeFirst(count: number): void {
    const left = this.words(count, this.#size);
    this.#size = 0;
    this.#slots.fill(0);
    this.addWords(left);
  }

  #add(): boolean {
    const slot = this.#slotOf();
    if (this.#slots[slot] !== 0) return false;
    const at = this.#size * KEY_WORDS;
    this.#words[at] = first;
    this.#words[at + 1] = second;
    this.#words[at + 2] = third;
    this.#slots[slot] = this.#size += 1;
    if (this.#size * KEY_WORDS === this.#words.length) this.#grow();
    return true;
  }

  /** Returns where the key that was read is, or would be. */
  #slotOf(): number {
    const [words, slots] = [this.#words, this.#slots];
    const mask = slots.length - 1;
    for (let slot = third & mask; ; slot = (slot + 1) & mask) {
      const place = slots[slot] ?? 0;
      if (place === 0) return slot;
      const at = (place - 1) * KEY_WORDS;
      if (words[at] === first >>> 0 && words[at + 1] === second >>> 0 && words[at + 2] === third >>> 0) return slot;
    }
  }

  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let place = 1; place <= this.#size; place++) {
      let slot = (words[place * KEY_WORDS - 1] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = place;
    }
    this.#slots = slots;
  }
}

/** Number of texts into which the keys of a run are divided, by how they begin. */
export const PARTS = 8_192;
const PART_SHIFT = 32 - Math.log2(PARTS);

/** Returns the texts of a run of keys, by part. */
export function partsOf(words: Uint32Array): string[] {
  const ends = new Uint32Array(PARTS + 1);
  for (let at = 0; at < words.length; at += KEY_WORDS) {
    const part = (words[at] ?? 0) >>> PART_SHIFT;
    ends[part + 1] = (ends[part + 1] ?? 0) + 1;
  }
  for (let part = 0; part < PARTS; part++) ends[part + 1] = (ends[part + 1] ?? 0) + (ends[part] ?? 0);
  const next = ends.slice();
  const sorted = new Uint32Array(words.length);
  for (let at = 0; at < words.length; at += KEY_WORDS) {
    const part = (words[at] ?? 0) >>> PART_SHIFT;
    const place = next[part] ?? 0;
    next[part] = place + 1;
    for (let word = 0; word < KEY_WORDS; word++) sorted[place * KEY_WORDS + word] = words[at + word] ?? 0;
  }
  const bytes = Buffer.from(sorted.buffer);
  if (IS_LITTLE_ENDIAN) bytes.swap32();
  return Array.from({ length: PARTS }, (_, part) =>
    bytes.toString('base64url', (ends[part] ?? 0) * KEY_BYTES, (ends[part + 1] ?? 0) * KEY_BYTES),
  );
}

/** Size of the filter of a run: with sixteen bits for each of its keys, one in 1,000 others seems to be there. */
const FILTER_BITS = 2 ** 22;
const FILTER_MASK = FILTER_BITS - 1;
/** Bits that are set for each key. */
const BITS_SET = 6;
const RUNS_TOGETHER = 8;

/**
 * A Bloom filter for each run of keys: it says of a key in which runs it may be. Those of eight runs are side by side, so
 * that a look-up reads one byte for all of them.
 */
export class RunFilter {
  readonly #groups: Uint8Array[] = [];

  /** @param words Some keys of the run. */
  add(run: number, words: Uint32Array): void {
    const group = Math.floor(run / RUNS_TOGETHER);
    while (this.#groups.length <= group) this.#groups.push(new Uint8Array(FILTER_BITS));
    const bytes = this.#groups[group] ?? new Uint8Array();
    const bit = 1 << (run % RUNS_TOGETHER);
    for (let at = 0; at < words.length; at += KEY_WORDS) {
      let place = (words[at + 1] ?? 0) & FILTER_MASK;
      const step = ((words[at + 2] ?? 0) & FILTER_MASK) | 1;
      for (let n = 0; n < BITS_SET; n++) {
        bytes[place] = (bytes[place] ?? 0) | bit;
        place = (place + step) & FILTER_MASK;
      }
    }
  }

  /** Adds the number of each page in which a key may be; see {@link pageOf}. */
  addPages(key: string, pages: Set<number>): boolean {
    read(key);
    let may = false;
    let group = 0;
    for (const bytes of this.#groups) {
      const firstRun = group * RUNS_TOGETHER;
      group += 1;
      let place = second & FILTER_MASK;
      const step = (third & FILTER_MASK) | 1;
      let runs = 0xff;
      for (let n = 0; n < BITS_SET && runs !== 0; n++) {
        runs &= bytes[place] ?? 0;
        place = (place + step) & FILTER_MASK;
      }
      if (runs === 0) continue;
      may = true;
      for (let bit = 0; bit < RUNS_TOGETHER; bit++)
        if (((runs >> bit) & 1) === 1) pages.add(pageOf(firstRun + bit, first >>> PART_SHIFT));
    }
    return may;
  }
}

/** Returns the number of the page with a part of a run. */
export function pageOf(run: number, part = 0): number {
  return run * PARTS + part;
}

/** Returns the run of a page. */
export function runOf(page: number): number {
  return Math.floor(page / PARTS);
}
