import { LedgerUnavailableError } from '../../ledger/ledger';
import type { RateKey, RateLedger, TokenLease } from '../../ledger/sweeps/rate-ledger';
import type { Caller } from '../../policy/rate';
import { LeasedTokens, RecentCalls, UnreportedResponses, WaitQueue } from './key-counts';
import type { RateResponse } from './key-counts';

/**
 * How far ahead a sweep leases calls, in seconds at its current pace, and the share of them that is left when it asks
 * for more. It must not run out while it waits, and must use all of them long before the lease ends, because unused
 * calls are lost to all processes.
 */
const LEASE_AHEAD_SECONDS = 0.6;
const ASK_AT_SHARE = 1 / 3;

/**
 * Approximate pauses, in milliseconds, of callers that got fewer calls than they wanted: short enough to share evenly,
 * long enough to be cheap.
 */
const SWEEP_PAUSE_MS = 100;
const LIVE_PAUSE_MS = 10;
/** Longest pause in milliseconds, whatever the ledger says: the rate may have been changed in the meantime. */
const LONGEST_PAUSE_MS = 900;
const PAUSE_AFTER_FAILURE_MS = 100;
/**
 * Pauses between reports of refusals, in milliseconds. 429s arrive in bursts, and the ledger slows down at most once
 * per second.
 */
const BETWEEN_REPORTS_MS = 50;
const REPORT_AGAIN_MS = 1_000;

type LedgerRequest = Caller | 'report';

/** What a budget is made of. */
export interface KeyBudgetOptions {
  key: RateKey;
  rates: RateLedger;
  documentedLimit: () => number | undefined;
  now: () => number;
}

/**
 * The calls of this process with one key, under the limit that all processes share through the ledger. It makes one
 * request to the ledger at a time: for calls, or, if none are needed, to report refusals. Waiting callers are served
 * first, so that tokens remain only while no caller waits.
 *
 * Modes, of which it is in one at a time:
 * - **idle**: no caller waits, no refusal is unreported. Starts when both have been served. Ends when a caller finds no
 *   token, when a sweep has used so many that it needs more soon, or when a provider refuses a call.
 * - **asking**: one request to the ledger is open. Ends with its response, after which the next request is planned.
 *   Tokens of a response that was asked for before a refusal are void.
 * - **pausing**: something is wanted, but not before a time: the ledger gave fewer calls than were wanted, could not be
 *   reached, or received the report of a refusal a moment ago. A timer ends it.
 * - **closed**: the process is shutting down. Starts with `close`, which refuses those who wait and reports once more;
 *   never ends.
 *
 * Whom a lease is for: live runs first; a waiting sweep gets the turn after each of theirs. All tokens are dropped when
 * a provider asks to wait (`retryAfterMs`) and when the ledger's generation changes, because a limit was set.
 *
 * A failed request refuses every caller who waits with its error, and pauses both kinds of lease and the reports.
 */
export class KeyBudget {
  readonly key: RateKey;
  readonly #rates: RateLedger;
  readonly #documentedLimit: () => number | undefined;
  readonly #now: () => number;
  /**
   * By the caller they were leased for. Tokens leased for sweeps are within the limits of both, so live runs may use
   * them unless they come from a rate that applies only to sweeps; tokens leased for live runs are only for live runs.
   */
  readonly #tokens: Record<Caller, LeasedTokens> = { live: new LeasedTokens(), sweep: new LeasedTokens() };
  readonly #unreported = new UnreportedResponses();
  readonly #recent = new RecentCalls();
  readonly #waiting = { live: new WaitQueue(), sweep: new WaitQueue() };
  readonly #notBeforeMs = { live: 0, sweep: 0, report: 0 };
  /** Whether tokens leased for sweeps are only for sweeps. */
  #sweepsOnly = false;
  /** Whether the last lease was for live runs. */
  #sweepsTurn = false;
  #generation = 0;
  /** When a provider last asked to wait; tokens requested before that are void. */
  #refusedAtMs = -1;
  /** A sweep asks for more when it has fewer tokens than this. */
  #askAt = 0;
  #wantsMore = false;
  #asking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ key, rates, documentedLimit, now }: KeyBudgetOptions) {
    this.key = key;
    this.#rates = rates;
    this.#documentedLimit = documentedLimit;
    this.#now = now;
  }

  tryAdmit(caller: Caller): boolean {
    if (this.#tokens.sweep.left === 0 && (caller === 'sweep' || this.#tokens.live.left === 0)) return false;
    // The clock is read for each call, because a process that was frozen must not use expired tokens.
    const nowMs = this.#now();
    if (!this.#takeFor(caller, nowMs)) return false;
    if (caller === 'sweep') this.#used(nowMs);
    return true;
  }

  async admit(caller: Caller, signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted) return false;
    if (this.#closed) throw closedError();
    if (this.tryAdmit(caller)) return true;
    const admitted = this.#waiting[caller].wait(signal);
    this.#plan();
    return admitted;
  }

  responded(response: RateResponse): void {
    if (!response.refused) {
      this.#unreported.accepted();
      return;
    }
    const nowMs = this.#now();
    this.#unreported.refused(response.caller, response.retryAfterMs, nowMs);
    if (response.retryAfterMs !== undefined) {
      this.#refusedAtMs = nowMs;
      this.#dropTokens();
    }
    this.#plan();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#refuseAll(closedError());
    await this.#asking;
    await this.#report().catch(ignoreUnavailable);
  }

  #takeFor(caller: Caller, nowMs: number): boolean {
    if (caller === 'live' && this.#tokens.live.take(nowMs)) return true;
    return (caller === 'sweep' || !this.#sweepsOnly) && this.#tokens.sweep.take(nowMs);
  }

  #dropTokens(): void {
    this.#tokens.live.drop();
    this.#tokens.sweep.drop();
  }

  #used(nowMs: number): void {
    this.#recent.add(nowMs);
    if (this.#wantsMore || this.#tokens.sweep.left >= this.#askAt) return;
    this.#wantsMore = true;
    this.#plan();
  }

  /** Makes the next request, or sets the timer for it. */
  #plan(): void {
    if (this.#closed || this.#asking !== undefined) return;
    clearTimeout(this.#timer);
    const request = this.#nextRequest();
    if (request === undefined) return;
    const waitMs = this.#notBeforeMs[request] - this.#now();
    if (waitMs <= 0) {
      this.#asking = this.#run(request);
      return;
    }
    this.#timer = setTimeout(() => this.#plan(), Math.ceil(waitMs));
    // No caller is waiting; do not keep the process alive.
    if (this.#waiting.live.size + this.#waiting.sweep.size === 0) this.#timer.unref();
  }

  #nextRequest(): LedgerRequest | undefined {
    const lease = this.#nextLease();
    if (!this.#unreported.hasRefusals) return lease;
    return lease !== undefined && this.#notBeforeMs[lease] <= this.#notBeforeMs.report ? lease : 'report';
  }

  /**
   * Returns for whom to lease next. Live runs go first, but waiting sweeps get a turn after each of theirs, so that
   * constant live traffic does not starve them.
   */
  #nextLease(): Caller | undefined {
    const sweepsWait = this.#waiting.sweep.size > 0;
    const sweepsNext = sweepsWait && this.#sweepsTurn && this.#notBeforeMs.sweep <= this.#now();
    if (this.#waiting.live.size > 0 && !sweepsNext) return 'live';
    return sweepsWait || this.#wantsMore ? 'sweep' : undefined;
  }

  async #run(request: LedgerRequest): Promise<void> {
    try {
      await (request === 'report' ? this.#report() : this.#lease(request));
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#asking = undefined;
      this.#plan();
    }
  }

  async #lease(caller: Caller): Promise<void> {
    const requestedAtMs = this.#now();
    const want = this.#wanted(caller, requestedAtMs);
    this.#wantsMore = false;
    if (want === 0) return;
    this.#sweepsTurn = caller === 'live';
    const lease = await this.#reporting((report) => this.#rates.leaseTokens({ ...report, want, caller }));
    this.#take(caller, lease, requestedAtMs);
    if (lease.tokens < want) this.#pause(caller, lease.retryInMs);
  }

  async #report(): Promise<void> {
    await this.#reporting(async ({ responses, ...key }) =>
      responses ? this.#rates.reportResponses({ ...key, responses }) : undefined,
    );
  }

  /** Makes a request to the ledger, and reports the responses to calls since the previous one. */
  async #reporting<T extends { generation: number } | undefined>(
    request: (report: LedgerReport) => Promise<T>,
  ): Promise<T> {
    const documentedLimit = this.#documentedLimit();
    const responses = this.#unreported.take(this.#now());
    try {
      const response = await request({
        ...this.key,
        ...(documentedLimit !== undefined && { documentedLimit }),
        ...(responses && { responses }),
      });
      if (response !== undefined && response.generation !== this.#generation) {
        this.#generation = response.generation;
        this.#dropTokens();
      }
      if (responses?.refused) this.#notBeforeMs.report = this.#now() + BETWEEN_REPORTS_MS;
      return response;
    } catch (error) {
      if (responses) this.#unreported.putBack(responses);
      throw error;
    }
  }

  #wanted(caller: Caller, nowMs: number): number {
    if (caller === 'live') return this.#waiting.live.size;
    const ahead = Math.floor(this.#recent.withinLastSecond(nowMs) * LEASE_AHEAD_SECONDS);
    this.#askAt = Math.floor(ahead * ASK_AT_SHARE);
    return Math.max(this.#waiting.sweep.size, ahead - this.#tokens.sweep.left, 0);
  }

  #take(caller: Caller, { tokens, expiresInMs, sweepsOnly }: TokenLease, requestedAtMs: number): void {
    // Only changes with the generation, so it also applies to earlier leases.
    if (caller === 'sweep') this.#sweepsOnly = sweepsOnly === true;
    if (requestedAtMs > this.#refusedAtMs) this.#tokens[caller].add(tokens, requestedAtMs + expiresInMs);
    const nowMs = this.#now();
    this.#waiting.live.admitWhile(() => this.#takeFor('live', nowMs));
    this.#waiting.sweep.admitWhile(() => {
      const taken = this.#takeFor('sweep', nowMs);
      if (taken) this.#recent.add(nowMs);
      return taken;
    });
  }

  /** Pauses are randomized, so that no process always asks right after another one and gets nothing. */
  #pause(caller: Caller, retryInMs: number): void {
    const leastMs = (caller === 'live' ? LIVE_PAUSE_MS : SWEEP_PAUSE_MS) * (0.5 + Math.random());
    const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(leastMs, retryInMs * (1 + Math.random() / 4)));
    this.#notBeforeMs[caller] = this.#now() + pauseMs;
    // If no tokens are left for live runs, none are left for sweeps.
    if (caller === 'live') this.#notBeforeMs.sweep = Math.max(this.#notBeforeMs.sweep, this.#notBeforeMs.live);
  }

  #failed(error: Error): void {
    this.#wantsMore = false;
    const nowMs = this.#now();
    this.#notBeforeMs.live = nowMs + PAUSE_AFTER_FAILURE_MS;
    this.#notBeforeMs.sweep = nowMs + PAUSE_AFTER_FAILURE_MS;
    this.#notBeforeMs.report = nowMs + REPORT_AGAIN_MS;
    this.#refuseAll(error);
  }

  #refuseAll(error: Error): void {
    this.#waiting.live.refuseAll(error);
    this.#waiting.sweep.refuseAll(error);
  }
}

type LedgerReport = Omit<Parameters<RateLedger['leaseTokens']>[0], 'want' | 'caller'>;

function closedError(): LedgerUnavailableError {
  return new LedgerUnavailableError('This process is shutting down and makes no more calls.');
}

function ignoreUnavailable(error: unknown): void {
  if (!(error instanceof LedgerUnavailableError)) throw error;
}
