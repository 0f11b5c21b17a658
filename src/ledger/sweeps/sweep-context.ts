import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { isRefusal } from '../sql-calls';
import type { LedgerDatabase } from '../store';
import { storable, storableOrNull } from '../values';
import {
  SweepBarredError,
  SweepFencedError,
  SweepNotYoursError,
  SweepReleasedError,
  UnknownSweepError,
} from './sweep-errors';
import type { SealKeys } from '../log/seal-key';
import type { KnownKeys } from './known-keys';
import type { SweepKey, SweepKeys } from './sweep-key';
import type { ChunkFence, Opener } from './sweep-types';

/** The context of the functions in this folder. */
export interface SweepContext extends LedgerDatabase {
  keys: SweepKeys;
  /** The keys that sign checkpoints of the log. */
  sealKeys: SealKeys;
  /** Cache of the numbers of sweeps, which never change. */
  numbers: Map<string, number>;
  /** Cache of the keys by which duplicates are found, by number, of sweeps whose sources are read. */
  knownKeys: Map<number, KnownKeys>;
  /** Resolves or rejects within the deadline of one call, and converts database errors to errors of the ledger. */
  inTime<T>(work: () => Promise<T>): Promise<T>;
}

/** Returns the number of a sweep in the tables. @throws UnknownSweepError */
export async function numberOf(context: SweepContext, sweepId: string): Promise<number> {
  const known = context.numbers.get(sweepId);
  if (known !== undefined) return known;
  const row = await context.db
    .selectFrom('sweeps')
    .select('number')
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  context.numbers.set(sweepId, row.number);
  return row.number;
}

/**
 * Returns a sweep's key. Read at each use, because another process may have destroyed it.
 * @throws UnknownSweepError
 * @throws SweepReleasedError
 */
export async function keyOf(context: SweepContext, sweepId: string): Promise<SweepKey> {
  const row = await context.db
    .selectFrom('sweeps')
    .select(['wrapped_key', 'next_wrapped_key'])
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  if (row.wrapped_key === null) throw new SweepReleasedError(sweepId);
  return context.keys.open(storable(sweepId), row.wrapped_key, row.next_wrapped_key);
}

/** Reads with a sweep's key, and again if the key was replaced between reading the key and the rows. */
export async function withKey<T>(
  context: SweepContext,
  sweepId: string,
  read: (key: SweepKey) => Promise<T>,
): Promise<T> {
  const key = await keyOf(context, sweepId);
  try {
    return await read(key);
  } catch (error) {
    const now = await keyOf(context, sweepId);
    if (now === key) throw error;
    return read(now);
  }
}

/** Runs one of the stored writes and converts its refusal to the given error. */
export async function orRefused<T>(write: Promise<T>, refusal: () => Error): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw isRefusal(error) ? refusal() : error;
  }
}

/**
 * Runs a write that records intents of a sweep. libSQL does not report the reason of a refusal, so it is read
 * afterwards. If it no longer applies by then, the refusal is treated as a lost fence, after which the caller checks
 * again where users are left.
 *
 * @throws SweepNotYoursError
 * @throws SweepBarredError
 * @throws SweepFencedError
 */
export async function openedOrRefused<T>(
  context: SweepContext,
  write: Promise<T>,
  opened: ChunkFence & Opener,
): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw isRefusal(error) ? await refusalOf(context, opened) : error;
  }
}

/** The value of `sends` of a caller that sends nothing more than reads for users who are flagged as held. */
const SENDS_NOTHING_FOR_HELD = 2;

/** Returns who opens users, as values of the writes of migrations/0023-held-requests.sql. */
export function openerValues({ claimedBy, sends = true }: Opener): { claimed_by: RawBuilder<unknown>; sends: number } {
  return { claimed_by: sql`cast(${storableOrNull(claimedBy)} as text)`, sends: sends ? SENDS_NOTHING_FOR_HELD : 0 };
}

async function refusalOf(
  { db }: SweepContext,
  { sweepId, chunkId, claimedBy, sends = true }: ChunkFence & Opener,
): Promise<Error> {
  const row = await db
    .selectFrom('sweeps')
    .select(['claimed_by', 'closed_at', 'needs_approval', 'approved_at', 'max_users', 'total'])
    .select((eb) => eb.exists(eb.selectFrom('stops').select('number').where('lifted_at', 'is', null)).as('stopped'))
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) return new UnknownSweepError(sweepId);
  if (row.claimed_by !== (claimedBy === undefined ? null : storable(claimedBy))) return new SweepNotYoursError(sweepId);
  if (row.closed_at !== null || !sends) return new SweepFencedError(chunkId);
  if (row.needs_approval === 1 && row.approved_at === null) return new SweepBarredError(sweepId, 'notApproved');
  if (row.max_users !== null && row.total > row.max_users) return new SweepBarredError(sweepId, 'tooManyUsers');
  return row.stopped ? new SweepBarredError(sweepId, 'stopped') : new SweepFencedError(chunkId);
}
