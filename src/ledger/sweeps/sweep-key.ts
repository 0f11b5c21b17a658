import { createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { TargetUser } from '../../policy/target-reference';
import type { IdsForm } from '../store';
import { derivedKey, KeyedHash } from '../subject';
import * as cipher from './row-cipher';
import type { RowKeys, Rows } from './row-cipher';
import type { TargetRow } from './snapshot-types';

const KEY_BYTES = 32;
/**
 * Length of a duplicate key in characters of base64url, which are twelve bytes. A collision is expected once in many
 * billion sweeps of a million users.
 */
export const DUPLICATE_KEY_CHARACTERS = 16;
/** Maximum number of cached keys; a process works on few sweeps at a time. */
const MAX_OPEN_KEYS = 100;

/**
 * Creates and unwraps the keys of sweeps with a key derived from `HTTP_TASKS_SUBJECT_KEY`. A second derived key encrypts
 * labels, which are kept after a sweep's own key was destroyed.
 */
export class SweepKeys {
  readonly #wrappingKey: KeyObject;
  readonly #labelKey: KeyObject;
  readonly #open = new Map<string, SweepKey>();

  constructor(subjectKey: string) {
    this.#wrappingKey = derivedKey(subjectKey, 'sweep keys');
    this.#labelKey = derivedKey(subjectKey, 'sweep labels');
  }

  /** Returns a new random key, encrypted, which is the only form in which it is stored. */
  create(sweepId: string): string {
    return encrypt(this.#wrappingKey, ['key', sweepId], randomBytes(KEY_BYTES));
  }

  /**
   * @param next A second key with which some rows are already encrypted; see rekey.ts. The same keys return the same
   * object.
   */
  open(sweepId: string, wrapped: string, next: string | null = null): SweepKey {
    const name = next === null ? wrapped : `${wrapped} ${next}`;
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    if (this.#open.size >= MAX_OPEN_KEYS) this.#open.clear();
    const key = createSecretKey(decrypt(this.#wrappingKey, ['key', sweepId], wrapped));
    const opened = new SweepKey(sweepId, key, next === null ? undefined : this.open(sweepId, next));
    this.#open.set(name, opened);
    return opened;
  }

  /** Encrypts a label, bound to what it describes. */
  encryptLabel(boundTo: readonly unknown[], text: string): string {
    return encrypt(this.#labelKey, boundTo, text);
  }

  /** @throws When the text was changed, or is about something else, or belongs to another subject key. */
  decryptLabel(boundTo: readonly unknown[], text: string): string {
    return decrypt(this.#labelKey, boundTo, text).toString();
  }

  /** Removes a destroyed key from memory. */
  forget(wrapped: string): void {
    for (const name of this.#open.keys()) if (name.startsWith(wrapped)) this.#open.delete(name);
  }
}

/** Minimum number of rows for which a thread is used; fewer are encrypted sooner without one. */
const LEAST_ROWS = 1_000;

/** Time after which an idle thread is ended, in milliseconds. */
const IDLE_MS = 10_000;

interface Pending {
  rows: Rows;
  resolve: (texts: Uint8Array) => void;
}

/**
 * Encrypts the IDs of many users in a thread of this process, so that the next rows of a source are read meanwhile. The
 * thread is started for the first large block and ended when none has come for {@link IDLE_MS}. If it fails, this thread
 * does its work.
 */
class RowEncryption {
  #thread: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  readonly #pending: Pending[] = [];

  async encrypt(rows: Rows): Promise<Uint8Array> {
    if (rows.count < LEAST_ROWS || availableParallelism() < 2) return cipher.encryptRows(rows);
    clearTimeout(this.#idle);
    const thread = (this.#thread ??= this.#start());
    return new Promise((resolve) => {
      this.#pending.push({ rows, resolve });
      thread.ref();
      thread.postMessage(rows);
    });
  }

  #start(): Worker {
    const thread = new Worker(path.join(__dirname, 'row-cipher.js'), { workerData: 'row-cipher' });
    thread.on('message', (texts: Uint8Array) => {
      this.#pending.shift()?.resolve(texts);
      if (this.#pending.length > 0) return;
      thread.unref();
      this.#idle = setTimeout(() => void thread.terminate(), IDLE_MS).unref();
    });
    // It is followed by `exit`.
    thread.on('error', () => undefined);
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
      for (const { rows, resolve } of this.#pending.splice(0)) resolve(cipher.encryptRows(rows));
    });
    return thread;
  }
}

const rowEncryption = new RowEncryption();

/** The key that encrypts one sweep's IDs. */
export class SweepKey {
  readonly #sweepId: string;
  readonly #key: KeyObject;
  readonly #rows: RowKeys;
  readonly #tags: KeyedHash;
  readonly #duplicates: KeyedHash;
  readonly #next: SweepKey | undefined;

  /** @param next A key to try where this one does not match. */
  constructor(sweepId: string, key: KeyObject, next?: SweepKey) {
    this.#sweepId = sweepId;
    this.#key = key;
    this.#next = next;
    this.#rows = { cipher: derivedKey(key, 'row cipher'), tags: derivedKey(key, 'row tags') };
    this.#tags = new KeyedHash(this.#rows.tags);
    this.#duplicates = new KeyedHash(derivedKey(key, 'duplicates'));
  }

  /** Encrypts a user's IDs, bound to the sweep and seq: moved to another row, the text cannot be decrypted. */
  encryptUser(seq: number, user: TargetUser): string {
    return cipher.encrypt(this.#key, cipher.userOf(this.#sweepId, seq), JSON.stringify(user));
  }

  /**
   * Encrypts the IDs of consecutive users, in another thread if there are many.
   *
   * @param first The seq of the first one.
   */
  async encryptUsers(
    first: number,
    users: readonly Pick<TargetRow, 'user' | 'subjects'>[],
    form: IdsForm,
  ): Promise<Uint8Array> {
    if (users.length === 0) return cipher.bytesOf(form.none);
    const lines = users.map(({ user }) => JSON.stringify(user)).join('\n');
    const subjects = form.withSubjects ? users.map((row) => row.subjects.join(',')).join('\n') : undefined;
    const rows = {
      ...this.#rows,
      sweepId: this.#sweepId,
      first,
      lines,
      count: users.length,
      form,
      ...(subjects !== undefined && { subjects }),
    };
    return rowEncryption.encrypt(rows);
  }

  /** @throws When the text was changed, or belongs to another row or sweep. */
  decryptUser(seq: number, text: string): TargetUser {
    return JSON.parse(this.#decrypted(['user', this.#sweepId, seq], text).toString()) as TargetUser;
  }

  /** Encrypts the progress of a user's steps, bound like the user's IDs. */
  encryptProgress(seq: number, progress: unknown): string {
    return encrypt(this.#key, ['progress', this.#sweepId, seq], JSON.stringify(progress));
  }

  /** @throws When the text was changed, or belongs to another row or sweep. */
  decryptProgress(seq: number, text: string): unknown {
    return JSON.parse(this.#decrypted(['progress', this.#sweepId, seq], text).toString());
  }

  encryptPosition(position: string): string {
    return encrypt(this.#key, ['position', this.#sweepId], position);
  }

  decryptPosition(text: string): string {
    return this.#decrypted(['position', this.#sweepId], text).toString();
  }

  #decrypted(boundTo: readonly unknown[], text: string): Buffer {
    try {
      return cipher.isOfBlock(text)
        ? cipher.decryptRow(this.#rows.cipher, this.#tags, JSON.stringify(boundTo), text)
        : decrypt(this.#key, boundTo, text);
    } catch (error) {
      if (this.#next === undefined) throw error;
      return this.#next.#decrypted(boundTo, text);
    }
  }

  /** Returns a keyed hash that is specific to this sweep. */
  duplicateKey(parts: readonly unknown[]): string {
    return this.#duplicates.of(JSON.stringify(parts), DUPLICATE_KEY_CHARACTERS);
  }
}

function encrypt(key: KeyObject, boundTo: readonly unknown[], plain: Buffer | string): string {
  return cipher.encrypt(key, JSON.stringify(boundTo), plain);
}

function decrypt(key: KeyObject, boundTo: readonly unknown[], text: string): Buffer {
  return cipher.decrypt(key, JSON.stringify(boundTo), text);
}
