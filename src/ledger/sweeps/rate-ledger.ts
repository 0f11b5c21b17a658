import { sql } from 'kysely';
import type { Caller } from '../../policy/rate';
import type { LedgerDatabase } from '../store';
import { storable } from '../values';

/** Identifies one call budget. */
export interface RateKey {
  service: string;
  /** The credential's name if the service has several; empty if it has one. */
  keySlot: string;
}

/** Responses since this process's last report. */
export interface ResponseCounts {
  accepted: number;
  /** Responses 429 (too many calls). */
  refused: number;
  /**
   * Number of them that were for calls of sweeps; a limit on sweeps only says nothing about the rate of all calls.
   * @default 0
   */
  refusedSweeps?: number;
  /** The longest delay that the provider asked for. */
  retryAfterMs?: number;
}

/** A request for tokens; each allows one call. */
export interface LeaseTokens extends RateKey {
  /** Number of calls that could be started within a second. */
  want: number;
  /** Who calls: sweeps leave a share to live runs and are also limited by their own rates. */
  caller: Caller;
  /**
   * The provider's documented limit, in calls per minute; a standing limit replaces it. Without either the limit is
   * learned.
   */
  documentedLimit?: number;
  /** Replaces a separate `reportResponses`. */
  responses?: ResponseCounts;
}

/** Tokens granted to a process. */
export interface TokenLease {
  tokens: number;
  /** Unused tokens expire then; by a monotonic clock, counted from before the request. */
  expiresInMs: number;
  /** The earliest time at which another request can succeed. */
  retryInMs: number;
  /** If it differs from the previous one, tokens leased earlier are void. */
  generation: number;
  /** Set if only sweeps may use the tokens, because a limit on sweeps is lower than that on all calls. */
  sweepsOnly?: true;
}

/** How long a sweep's own rates apply after {@link RateLedger.keepSweepRates}, in milliseconds. */
export const SWEEP_RATE_COUNTS_MS = 30_000;

/** A sweep's own rate for one key. */
export interface SweepRate extends RateKey {
  sweepId: string;
  limitPerMinute: number;
}

/** The current state of a budget. */
export interface RateRow extends RateKey {
  /** The limit on all calls, standing or documented; absent while it is learned. */
  limitPerMinute?: number;
  /** The limit that was set with `setLimit`. */
  standingPerMinute?: number;
  /** The rates of the running sweeps, lowest first. The lowest applies. */
  sweeps: readonly Omit<SweepRate, keyof RateKey>[];
  /**
   * Calls per second that the provider accepted when it last refused some: of all calls, or of sweeps if only they have
   * learned. Absent if nothing was learned.
   */
  learnedPerSecond?: number;
  /** The current limit on all calls. */
  callsPerSecond: number;
  /** The current limit on the calls of sweeps. */
  sweepCallsPerSecond: number;
}

/**
 * One call budget per service and key slot, shared by all processes on the ledger. It uses the database's clock, so
 * that the processes' clocks need not agree.
 *
 * All methods reject with `LedgerUnavailableError` when the database is unavailable; then no token was granted, or none
 * that is used.
 */
export interface RateLedger {
  /** Takes up to `want` tokens. If there are none, ask again after `retryInMs`. */
  leaseTokens(lease: LeaseTokens): Promise<TokenLease>;
  /** Reports responses. Refusals slow down all callers (see `policy/rate.ts`) and start a new generation. */
  reportResponses(
    report: RateKey & { responses: ResponseCounts; documentedLimit?: number },
  ): Promise<{ generation: number }>;
  /**
   * Sets the standing limit on all calls, in calls per minute, for the next lease and later ones. Without a value, the
   * documented limit applies again.
   * @throws RangeError unless the limit is above 0.
   */
  setLimit(limit: RateKey & { limitPerMinute?: number }): Promise<void>;
  /**
   * Sets or removes a sweep's own rate. It limits the calls of all sweeps, applies for {@link SWEEP_RATE_COUNTS_MS}
   * after this or the last `keepSweepRates`, and ends with the sweep. Does nothing for a sweep that does not exist or
   * has ended.
   * @throws RangeError unless the limit is above 0.
   */
  setSweepRate(rate: RateKey & { sweepId: string; limitPerMinute?: number }): Promise<void>;
  /** Reports that a sweep is making calls, so that its own rates apply. A terminated run stops reporting. */
  keepSweepRates(sweepId: string): Promise<void>;
  /** Returns the rates that a sweep has or, after its end, had. */
  readSweepRates(sweepId: string): Promise<SweepRate[]>;
  /** Returns every budget that was ever requested. */
  readRates(): Promise<RateRow[]>;
}

/*
 * Sweeps' own rates. A row applies until a time by the database's clock, which the processes that make the sweep's
 * calls extend, because a terminated or reset run cannot remove its rates. Zero marks the end of the sweep permanently.
 */

/** See `RateLedger.setSweepRate`. One statement, so that a late writer cannot give an ended sweep a rate. */
export async function setSweepRate(
  { db, store }: LedgerDatabase,
  rate: RateKey & { sweepId: string; limitPerMinute?: number },
): Promise<void> {
  const { limitPerMinute } = rate;
  requireLimit(limitPerMinute);
  const [sweepId, service, keySlot] = [storable(rate.sweepId), storable(rate.service), storable(rate.keySlot)];
  if (limitPerMinute === undefined) {
    await db
      .deleteFrom('sweep_rates')
      .where('sweep_id', '=', sweepId)
      .where('service', '=', service)
      .where('key_slot', '=', keySlot)
      .execute();
    return;
  }
  const countsUntilMs = sql<number>`${store.clockMs()} + ${sql.lit(SWEEP_RATE_COUNTS_MS)}`;
  await sql`
    insert into sweep_rates (sweep_id, service, key_slot, limit_per_minute, counts_until_ms)
    select s.sweep_id, ${service}, ${keySlot}, ${store.number(limitPerMinute)}, ${countsUntilMs}
    from sweeps as s where s.sweep_id = ${sweepId} and s.ended_at is null
    on conflict (sweep_id, service, key_slot) do update set limit_per_minute = excluded.limit_per_minute, counts_until_ms = excluded.counts_until_ms
  `.execute(db);
}

/** See `RateLedger.keepSweepRates`. */
export async function keepSweepRates({ db, store }: LedgerDatabase, sweepId: string): Promise<void> {
  await db
    .updateTable('sweep_rates')
    .set({ counts_until_ms: sql<number>`${store.clockMs()} + ${sql.lit(SWEEP_RATE_COUNTS_MS)}` })
    .where('sweep_id', '=', storable(sweepId))
    .where('counts_until_ms', '>', 0)
    .execute();
}

/** Ends the rates of an ended sweep. They stay readable for its report. */
export async function endSweepRates({ db }: Pick<LedgerDatabase, 'db'>, sweepId: string): Promise<void> {
  await db.updateTable('sweep_rates').set({ counts_until_ms: 0 }).where('sweep_id', '=', storable(sweepId)).execute();
}

/** See `RateLedger.readSweepRates`. */
export async function readSweepRates({ db }: LedgerDatabase, sweepId: string): Promise<SweepRate[]> {
  const rows = await db
    .selectFrom('sweep_rates')
    .selectAll()
    .where('sweep_id', '=', storable(sweepId))
    .orderBy('service')
    .orderBy('key_slot')
    .execute();
  return rows.map(toSweepRate);
}

/** Returns the rates that currently apply, lowest first. */
export async function readCountingRates({ db, store }: LedgerDatabase): Promise<SweepRate[]> {
  const rows = await db
    .selectFrom('sweep_rates')
    .selectAll()
    .where('counts_until_ms', '>', store.clockMs())
    .orderBy('limit_per_minute')
    .orderBy('sweep_id')
    .execute();
  return rows.map(toSweepRate);
}

/** @throws RangeError */
export function requireLimit(limitPerMinute: number | undefined): void {
  if (limitPerMinute === undefined || (Number.isFinite(limitPerMinute) && limitPerMinute > 0)) return;
  throw new RangeError(`limitPerMinute must be above 0 calls per minute, and is ${limitPerMinute}.`);
}

function toSweepRate(row: {
  sweep_id: string;
  service: string;
  key_slot: string;
  limit_per_minute: number;
}): SweepRate {
  return { sweepId: row.sweep_id, service: row.service, keySlot: row.key_slot, limitPerMinute: row.limit_per_minute };
}
