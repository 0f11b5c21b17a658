import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { Tables } from './tables';

/** The letters HTTP as a number: separates these advisory locks from those of other software in the same database. */
const LOCK_CLASS = 1214606444;

class TransactionLock {
  constructor(private readonly lock: number) {}

  /** Waits for the lock and holds it until the transaction ends. */
  async take(transaction: Transaction<Tables>): Promise<void> {
    await sql`select pg_advisory_xact_lock(${sql.lit(LOCK_CLASS)}, ${sql.lit(this.lock)})`.execute(transaction);
  }
}

/** Held while the schema is brought up to date. */
export const MIGRATION_LOCK = new TransactionLock(1);

/** Held while a hold is set; recording an intent takes the same one shared, inside `ledger_record_intent`. */
export const HOLD_LOCK = new TransactionLock(2);

/** Held while leaves of the log are numbered. */
export const LOG_LOCK = new TransactionLock(3);
