import { databaseCode } from '../sql-failure';
import type { LedgerDatabase } from '../tables';
import { storable } from '../values';
import { SweepReleasedError, UnknownSweepError } from './sweep-errors';
import type { SweepKey, SweepKeys } from './sweep-key';

/** What the functions of this folder work with. */
export interface SweepContext extends LedgerDatabase {
  keys: SweepKeys;
  /** The numbers of sweeps this process has met; they never change. */
  numbers: Map<string, number>;
  /** Answers or rejects within the deadline of one call; what the database refused leaves as an error of the ledger. */
  inTime<T>(work: () => Promise<T>): Promise<T>;
}

/** The number under which the tables know a sweep. @throws UnknownSweepError */
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
 * A sweep's key, asked for at each use: another process may have destroyed it.
 * @throws UnknownSweepError
 * @throws SweepReleasedError
 */
export async function keyOf(context: SweepContext, sweepId: string): Promise<SweepKey> {
  const row = await context.db
    .selectFrom('sweeps')
    .select('wrapped_key')
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  if (row.wrapped_key === null) throw new SweepReleasedError(sweepId);
  return context.keys.open(storable(sweepId), row.wrapped_key);
}

/** The codes by which the writes of migrations/0004-sweep-writes.ts refuse: in libSQL one for all, in Postgres one each. */
const REFUSALS = ['SQLITE_CONSTRAINT_TRIGGER', 'HT001', 'HT002', 'HT003'];

/** Runs one of those writes; its refusal becomes the given error. */
export async function orRefused<T>(write: Promise<T>, refusal: () => Error): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw REFUSALS.includes(databaseCode(error) ?? '') ? refusal() : error;
  }
}
