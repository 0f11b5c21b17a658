import { sql } from 'kysely';
import type { LedgerDatabase } from '../store';
import { KeySet, pageOf, PARTS, partsOf, RunFilter, runOf, textOf, wordsOf } from './key-set';
import { SnapshotMovedError } from './sweep-errors';
import { DUPLICATE_KEY_CHARACTERS } from './sweep-key';

/** Number of recent keys in memory from which they are moved to pages. */
const MOST_RECENT = 262_144;

/** Blocks whose keys are read with one statement. */
const BLOCKS = 50;

/** Pages that are read or written with one statement. */
const PAGES = 1_024;

/** Maximum number of sweeps whose keys are in memory; a process reads few sources at a time. */
const MOST_SWEEPS = 3;

/**
 * What the keys of a block begin with: whether those of rows with one ID are the beginnings of the hashes of these. An
 * earlier version must not continue, because it would not find keys in pages: it refuses keys that begin with these.
 */
const MARKS = { direct: '..', hashed: '.,' } as const;
const MARK_CHARACTERS = 2;

/** What blocks of earlier versions begin with if their keys are beginnings of hashes. */
const EARLIER_DIRECT = '.';

const NONE: ReadonlySet<string> = new Set();

/** Where keys are stored, and those that this process knows, by number of the sweep. */
interface KeyStorage extends Pick<LedgerDatabase, 'db' | 'store'> {
  knownKeys: Map<number, KnownKeys>;
  inTime: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * The duplicate keys of a sweep whose source is being read. Keys are random, so writing each to an index immediately would
 * change another page of the index for every row. Therefore:
 *
 * | keys of | are stored in | and in this process |
 * |---|---|---|
 * | the latest rows | `target_key_blocks`, one row for each block of the source | in a set |
 * | earlier rows | `target_key_pages`, one row for each part of a run | in a filter that says in which runs they may be |
 *
 * At {@link MOST_RECENT} keys, all of blocks that were written become a run: they are divided into parts by how they begin,
 * and each part is one row. Nothing that was stored before is changed by that; a key is looked up by its part in each run
 * in which it may be. A process that takes over reads the blocks first and then the pages, since another one may still
 * move keys from the former to the latter.
 *
 * The key of a row with one ID is the beginning of the keyed hash of this ID, which is stored with the row anyway. A sweep
 * whose reading an earlier version began with a second hash continues with it, and a sweep with rows in `target_keys`,
 * which has one for each key, looks up each key there as well.
 */
export class KnownKeys {
  readonly #recent = new KeySet();
  readonly #sweep: number;
  /** Whether the key of a row with one ID is the beginning of its hash. */
  readonly direct: boolean;
  /** Whether `target_keys` has keys of this sweep. */
  readonly #single: boolean;
  readonly #filter = new RunFilter();
  /** By block, in their order, of blocks that are not written yet: how many keys there were before it. */
  readonly #unwritten: number[] = [];
  #runs = 0;
  #version: number;

  private constructor(
    sweep: number,
    { version, direct, single }: { version: number; direct: boolean; single: boolean },
  ) {
    this.#sweep = sweep;
    this.#version = version;
    this.direct = direct;
    this.#single = single;
  }

  /**
   * Returns the keys of a sweep whose snapshot has this version, for one reader alone: read from the ledger unless this
   * process gave them back at this version. They contain keys of blocks that may fail to be written, so that no other
   * reader may use them before {@link giveBack}.
   */
  static async take(context: KeyStorage, sweep: number, version: number): Promise<KnownKeys> {
    const { db, knownKeys, inTime } = context;
    const known = knownKeys.get(sweep);
    knownKeys.delete(sweep);
    if (known !== undefined && known.#version === version) return known;
    const last = await inTime(() =>
      db
        .selectFrom('target_key_blocks')
        .select('keys')
        .where('sweep', '=', sweep)
        .orderBy('version', 'desc')
        .limit(1)
        .executeTakeFirst(),
    );
    const recent = await readBlocks(context, sweep);
    const one = await inTime(() =>
      db.selectFrom('target_keys').select('key').where('sweep', '=', sweep).limit(1).executeTakeFirst(),
    );
    const single = one !== undefined;
    const direct = last === undefined ? !single : isDirect(last.keys);
    const read = new KnownKeys(sweep, { version, direct, single });
    for (const words of recent) read.#recent.addWords(words);
    await read.#readPages(context);
    return read;
  }

  /** Keeps the keys for the next reader in this process. All blocks whose keys were added have been written. */
  giveBack({ knownKeys }: KeyStorage): void {
    if (this.#unwritten.length > 0) throw new Error('Keys of blocks that are not written cannot be given back.');
    for (const other of knownKeys.keys()) if (knownKeys.size >= MOST_SWEEPS) knownKeys.delete(other);
    knownKeys.set(this.#sweep, this);
  }

  /**
   * Returns which of these keys are known. While it waits for the ledger, keys may be moved there: what it returns is
   * complete, whatever {@link has} says afterwards.
   */
  async known({ db, store }: KeyStorage, keys: readonly string[]): Promise<ReadonlySet<string>> {
    if (this.#runs === 0 && !this.#single) return NONE;
    const found = new Set<string>();
    const possible: string[] = [];
    const pages = new Set<number>();
    for (const key of keys) {
      if (this.#recent.has(key)) found.add(key);
      else if (this.#filter.addPages(key, pages) || this.#single) possible.push(key);
    }
    if (pages.size > 0) {
      const rows = await db
        .selectFrom('target_key_pages')
        .select('keys')
        .where('sweep', '=', this.#sweep)
        .where('page', 'in', store.integersOf([...pages]))
        .execute();
      const stored = new KeySet();
      for (const row of rows) stored.addWords(wordsOf(row.keys));
      for (const key of possible) if (stored.has(key)) found.add(key);
    }
    if (this.#single && possible.length > 0) {
      const rows = await db
        .selectFrom('target_keys')
        .select('key')
        .where('sweep', '=', this.#sweep)
        .where(store.isOneOf('key', possible.map(beginOf)))
        .execute();
      const stored = new Set(rows.map(({ key }) => key));
      for (const key of possible) if (stored.has(beginOf(key))) found.add(key);
    }
    return found;
  }

  /** Returns whether a key is among the recent ones; others may be {@link known}. */
  has(key: string): boolean {
    return this.#recent.has(key);
  }

  /** Begins the next block. Its keys are those that {@link add} adds from now on. */
  beginBlock(): void {
    this.#unwritten.push(this.#recent.size);
  }

  /**
   * Adds a key that is not {@link known}, before its block is written.
   *
   * @param key Its characters after those of a key are ignored.
   * @returns False for a key that is among the recent ones already.
   */
  add(key: string): boolean {
    return this.#recent.add(key);
  }

  /** Returns the keys of the block that was begun last, as they are stored: without separators. */
  get text(): string {
    const from = this.#unwritten.at(-1) ?? this.#recent.size;
    const keys = textOf(this.#recent.words(from, this.#recent.size));
    return keys === '' ? '' : `${this.direct ? MARKS.direct : MARKS.hashed}${keys}`;
  }

  /** The first block whose keys were added was written: moves the keys of such blocks if there are too many. */
  async follow(context: KeyStorage): Promise<void> {
    this.#version += 1;
    this.#unwritten.shift();
    // A key in the pages without its row would make a duplicate of that row when it is read again.
    const written = this.#unwritten[0] ?? this.#recent.size;
    if (written >= MOST_RECENT) await this.#move(context, written);
  }

  async #move({ db, store }: KeyStorage, count: number): Promise<void> {
    const words = this.#recent.words(0, count);
    const parts = partsOf(words);
    // A process that takes over finds keys of pages whose run is not complete in their blocks as well.
    for (let from = 0; from < PARTS; from += PAGES) {
      // A value and no literal: each text of a statement is prepared and kept with its values.
      const first = sql`cast(${pageOf(this.#runs, from)} as integer)`;
      // Not of a sweep that was closed or released meanwhile, whose keys are deleted, nor after another process moved any.
      const { numAffectedRows } = await sql`
        insert into target_key_pages (sweep, page, keys)
        select ${this.#sweep}, ${first} + list.seq, list.value
        from ${store.rowsOf(parts.slice(from, from + PAGES))} as list
        where exists (select 1 from sweeps where number = ${this.#sweep} and closed_at is null and wrapped_key is not null)
          and not exists (select 1 from target_key_pages where sweep = ${this.#sweep} and page >= ${first})
        order by list.seq`.execute(db);
      if (numAffectedRows === undefined || numAffectedRows === 0n) throw new SnapshotMovedError();
    }
    this.#filter.add(this.#runs, words);
    this.#runs += 1;
    // Meanwhile keys may have been added.
    this.#recent.removeFirst(count);
    for (const [block, before] of this.#unwritten.entries()) this.#unwritten[block] = before - count;
    await db
      .deleteFrom('target_key_blocks')
      .where('sweep', '=', this.#sweep)
      .where('version', '<', this.#version)
      // The newest one says how keys are made.
      .where('version', '<', (eb) =>
        eb
          .selectFrom('target_key_blocks as b')
          .select((of) => of.fn.max('b.version').as('newest'))
          .where('b.sweep', '=', this.#sweep),
      )
      .execute();
  }

  async #readPages({ db, inTime }: KeyStorage): Promise<void> {
    for (let next = 0; ;) {
      const from = next;
      const rows = await inTime(() =>
        db
          .selectFrom('target_key_pages')
          .select(['page', 'keys'])
          .where('sweep', '=', this.#sweep)
          .where('page', '>=', from)
          .orderBy('page')
          .limit(PAGES)
          .execute(),
      );
      for (const { page, keys } of rows) this.#filter.add(runOf(page), wordsOf(keys));
      const end = rows.at(-1);
      if (end === undefined) return;
      this.#runs = runOf(end.page) + 1;
      next = end.page + 1;
    }
  }
}

/** Returns the words of the keys in the blocks of a sweep. */
async function readBlocks({ db, inTime }: KeyStorage, sweep: number): Promise<Uint32Array[]> {
  const read: Uint32Array[] = [];
  for (let next = 0; ;) {
    const from = next;
    const blocks = await inTime(() =>
      db
        .selectFrom('target_key_blocks')
        .select(['version', 'keys'])
        .where('sweep', '=', sweep)
        .where('version', '>=', from)
        .orderBy('version')
        .limit(BLOCKS)
        .execute(),
    );
    for (const { keys } of blocks) read.push(wordsOf(keys.slice(markOf(keys).length)));
    const end = blocks.at(-1);
    if (end === undefined) return read;
    next = end.version + 1;
  }
}

/** Returns what the keys of a block begin with. */
function markOf(text: string): string {
  const mark = text.slice(0, MARK_CHARACTERS);
  if (mark === MARKS.direct || mark === MARKS.hashed) return mark;
  return text.startsWith(EARLIER_DIRECT) ? EARLIER_DIRECT : '';
}

function isDirect(text: string): boolean {
  const mark = markOf(text);
  return mark === MARKS.direct || mark === EARLIER_DIRECT;
}

function beginOf(key: string): string {
  return key.slice(0, DUPLICATE_KEY_CHARACTERS);
}
