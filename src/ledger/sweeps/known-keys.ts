import { sql } from 'kysely';
import type { LedgerDatabase } from '../store';
import { DUPLICATE_KEY_CHARACTERS } from './sweep-key';

/** The characters of base64url in the order in which the databases sort them. */
const ALPHABET = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';

/** The place of each character in {@link ALPHABET}, by its code. */
const PLACES = new Uint8Array(128);
for (let place = 0; place < ALPHABET.length; place++) PLACES[ALPHABET.charCodeAt(place)] = place;

/** Number of recent keys in memory from which they are moved to the table of single keys. */
const MOST_RECENT = 262_144;

/** Blocks whose keys are read with one statement. */
const PAGE = 50;

/** Maximum number of sweeps whose keys are in memory; a process reads few sources at a time. */
const MOST_SWEEPS = 3;

/** What the keys of a block begin with if those of rows with one ID are the beginnings of the hashes of these. */
const DIRECT = '.';

/** Where keys are stored, and those that this process knows, by number of the sweep. */
interface KeyStorage extends LedgerDatabase {
  readonly knownKeys: Map<number, KnownKeys>;
}

/**
 * The duplicate keys of a sweep whose source is being read. Keys are random, so writing each to an index immediately would
 * change another page of the index for every row. Therefore:
 *
 * | keys of | are stored in | and in this process |
 * |---|---|---|
 * | the latest rows | `target_key_blocks`, one row for each block of the source | in sets by their first character |
 * | earlier rows | `target_keys`, one row for each key | in a filter that says which certainly are not there |
 *
 * At {@link MOST_RECENT} keys, those that begin with one character are moved, because they are neighbours in the index;
 * later those of the next character. After the last character, the blocks written before the first move are deleted. A
 * process that takes over reads the blocks, and looks up in `target_keys` the keys that it does not find in them.
 *
 * The key of a row with one ID is the beginning of the keyed hash of this ID, which is stored with the row anyway. A sweep
 * whose reading an earlier version began continues with a second hash; its blocks do not begin with {@link DIRECT}.
 */
export class KnownKeys {
  readonly #recent = Array.from(ALPHABET, () => new Set<string>());
  readonly #sweep: number;
  /** Whether the key of a row with one ID is the beginning of its hash. */
  readonly direct: boolean;
  /** Undefined if `target_keys` has keys that this process did not move. */
  readonly #moved: KeyFilter | undefined;
  #version: number;
  #count = 0;
  #turn = 0;
  #roundVersion = 0;

  private constructor(
    sweep: number,
    { version, direct, moved }: { version: number; direct: boolean; moved: KeyFilter | undefined },
  ) {
    this.#sweep = sweep;
    this.#version = version;
    this.direct = direct;
    this.#moved = moved;
  }

  /** Returns the keys of a sweep whose snapshot has this version; read from the ledger if another process appended to it. */
  static async of(context: KeyStorage, sweep: number, version: number): Promise<KnownKeys> {
    const { db, knownKeys } = context;
    const known = knownKeys.get(sweep);
    if (known !== undefined && known.#version === version) return known;
    knownKeys.delete(sweep);
    const single = await db.selectFrom('target_keys').select('key').where('sweep', '=', sweep).limit(1).execute();
    const last = await db
      .selectFrom('target_key_blocks')
      .select('keys')
      .where('sweep', '=', sweep)
      .orderBy('version', 'desc')
      .limit(1)
      .execute();
    const direct = last[0]?.keys.startsWith(DIRECT) ?? single.length === 0;
    const read = new KnownKeys(sweep, { version, direct, moved: single.length === 0 ? new KeyFilter() : undefined });
    for (let next = 0; ;) {
      const blocks = await db
        .selectFrom('target_key_blocks')
        .select(['version', 'keys'])
        .where('sweep', '=', sweep)
        .where('version', '>=', next)
        .orderBy('version')
        .limit(PAGE)
        .execute();
      for (const block of blocks) read.#add(keysIn(block.keys));
      const end = blocks.at(-1);
      if (end === undefined) break;
      next = end.version + 1;
    }
    for (const other of knownKeys.keys()) if (knownKeys.size >= MOST_SWEEPS) knownKeys.delete(other);
    knownKeys.set(sweep, read);
    return read;
  }

  /** Returns the keys of a block as they are stored: without separators. */
  textOf(keys: readonly string[]): string {
    return keys.length > 0 && this.direct ? DIRECT + keys.join('') : keys.join('');
  }

  /** Returns which of these keys earlier blocks have. */
  async among({ db, store }: KeyStorage, keys: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    const possible: string[] = [];
    for (const key of keys) {
      if (this.#recentOf(key).has(key)) found.add(key);
      else if (this.#moved?.mayHave(key) ?? true) possible.push(key);
    }
    if (possible.length === 0) return found;
    const rows = await db
      .selectFrom('target_keys')
      .select('key')
      .where('sweep', '=', this.#sweep)
      .where(store.isOneOf('key', possible))
      .execute();
    for (const { key } of rows) found.add(key);
    return found;
  }

  /** Adds the keys of a block that was just written, and moves earlier ones if there are too many. */
  async follow(context: KeyStorage, keys: readonly string[]): Promise<void> {
    this.#version += 1;
    this.#add(keys);
    while (this.#count >= MOST_RECENT) await this.#move(context);
  }

  async #move({ db, store, knownKeys }: KeyStorage): Promise<void> {
    if (this.#turn === 0) this.#roundVersion = this.#version;
    const moving = this.#recent[this.#turn] ?? new Set();
    const keys = [...moving].sort();
    try {
      // Not of a sweep that was closed or released meanwhile, whose keys are deleted.
      await sql`insert into target_keys (sweep, key) select ${this.#sweep}, list.value from ${store.rowsOf(keys)} as list
        where exists (select 1 from sweeps where number = ${this.#sweep} and closed_at is null and wrapped_key is not null)
        on conflict do nothing`.execute(db);
      this.#moved?.add(keys);
      this.#recent[this.#turn] = new Set();
      this.#count -= keys.length;
      this.#turn = (this.#turn + 1) % ALPHABET.length;
      if (this.#turn !== 0) return;
      await db
        .deleteFrom('target_key_blocks')
        .where('sweep', '=', this.#sweep)
        // The newest one says how keys are made.
        .where('version', '<', Math.min(this.#roundVersion, this.#version - 1))
        .execute();
    } catch (error) {
      // It is unknown which keys were moved, so the next block reads them from the ledger again.
      knownKeys.delete(this.#sweep);
      throw error;
    }
  }

  #add(keys: readonly string[]): void {
    for (const key of keys) {
      const recent = this.#recentOf(key);
      if (recent.has(key)) continue;
      recent.add(key);
      this.#count += 1;
    }
  }

  #recentOf(key: string): Set<string> {
    const place = placeOf(key, 0);
    const set = this.#recent[place];
    if (set === undefined || ALPHABET.charAt(place) !== key.charAt(0))
      throw new TypeError('A duplicate key is base64url.');
    return set;
  }
}

/** Returns the keys of a block; see {@link KnownKeys.textOf}. */
function keysIn(text: string): string[] {
  const keys: string[] = [];
  for (let at = text.startsWith(DIRECT) ? DIRECT.length : 0; at < text.length; at += DUPLICATE_KEY_CHARACTERS)
    keys.push(text.slice(at, at + DUPLICATE_KEY_CHARACTERS));
  return keys;
}

const FIRST_FILTER_BITS = 2 ** 22;
const LARGEST_FILTER_BITS = 2 ** 30;
const BITS_PER_KEY = 12;
/** Bits that are set for each key: with twelve bits per key, one in 300 keys that were not added seems to be there. */
const BITS_SET = 6;

/** A Bloom filter that grows: further parts are twice as large as the one before. */
class KeyFilter {
  readonly #parts: { bits: Uint8Array; mask: number; left: number }[] = [];

  add(keys: readonly string[]): void {
    for (const key of keys) {
      let part = this.#parts.at(-1);
      if (part === undefined || part.left === 0) {
        const size = part === undefined ? FIRST_FILTER_BITS : Math.min((part.mask + 1) * 2, LARGEST_FILTER_BITS);
        part = { bits: new Uint8Array(size / 8), mask: size - 1, left: Math.floor(size / BITS_PER_KEY) };
        this.#parts.push(part);
      }
      const { bits, mask } = part;
      const [first, step] = hashesOf(key);
      for (let n = 0; n < BITS_SET; n++) {
        const bit = (first + Math.imul(n, step)) & mask;
        bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (1 << (bit & 7));
      }
      part.left -= 1;
    }
  }

  mayHave(key: string): boolean {
    if (this.#parts.length === 0) return false;
    const [first, step] = hashesOf(key);
    return this.#parts.some(({ bits, mask }) => {
      for (let n = 0; n < BITS_SET; n++) {
        const bit = (first + Math.imul(n, step)) & mask;
        if (((bits[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
      }
      return true;
    });
  }
}

/** Keys are hashes already: two numbers of 30 bits from different characters, the second one odd. */
function hashesOf(key: string): [number, number] {
  let [first, step] = [0, 0];
  for (let at = 0; at < 5; at++) {
    first = (first << 6) | placeOf(key, at);
    step = (step << 6) | placeOf(key, at + 5);
  }
  return [first, step | 1];
}

function placeOf(key: string, at: number): number {
  return PLACES[key.charCodeAt(at)] ?? 0;
}
