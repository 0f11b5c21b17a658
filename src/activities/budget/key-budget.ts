import { LedgerUnavailableError } from '../../ledger/ledger';
import type { RateKey, RateLedger, TokenLease } from '../../ledger/sweeps/rate-ledger';
import type { Caller, RateAnswer } from '../call-budget';
import { LeasedTokens } from './leased-tokens';
import { RecentCalls } from './recent-calls';
import { UntoldAnswers } from './untold-answers';
import { Waiters } from './waiters';

/**
 * A sweep leases calls for so many seconds at its present pace, and asks for more when a third of them is left: enough
 * to go on while it asks, and all used long before the lease ends, since what ends unused is lost to everybody.
 */
const LEASE_AHEAD_SECONDS = 0.6;
const ASK_AT_SHARE = 1 / 3;

/** Sweeps that get less than they want ask again after about so long: often enough to be even, seldom enough to be cheap. */
const SWEEP_PAUSE_MS = 100;
const LIVE_PAUSE_MS = 10;
/** However long the ledger says to wait: a person may have set another rate meanwhile. */
const LONGEST_PAUSE_MS = 900;
const PAUSE_AFTER_FAILURE_MS = 100;
/** Refusals come in crowds, and the ledger slows down once a second at most. */
const BETWEEN_REPORTS_MS = 50;
const REPORT_AGAIN_MS = 1_000;

type Errand = Caller | 'report';

/** What a budget is made of. */
export interface KeyBudgetOptions {
  key: RateKey;
  rates: RateLedger;
  documentedLimit: () => number | undefined;
  now: () => number;
}

/**
 * The calls of this process under one key. It asks the ledger one thing at a time: for calls, or, when it wants none,
 * to hear of refusals.
 *
 * Whoever waits is served first, so that calls are left over only when nobody waits.
 */
export class KeyBudget {
  readonly key: RateKey;
  readonly #rates: RateLedger;
  readonly #documentedLimit: () => number | undefined;
  readonly #now: () => number;
  /**
   * By whom they were leased for. What was leased for a sweep is within the limits of both, and may be used by live runs
   * unless it is out of a pace that only sweeps have; what was leased for live runs is for them.
   */
  readonly #tokens: Record<Caller, LeasedTokens> = { live: new LeasedTokens(), sweep: new LeasedTokens() };
  readonly #untold = new UntoldAnswers();
  readonly #recent = new RecentCalls();
  readonly #waiting = { live: new Waiters(), sweep: new Waiters() };
  readonly #notBeforeMs = { live: 0, sweep: 0, report: 0 };
  /** Whether what is leased for sweeps is for them alone. */
  #sweepsOnly = false;
  /** Whether the last lease was for live runs. */
  #sweepsTurn = false;
  #generation = 0;
  /** A provider asked to wait at this time: calls that were asked for earlier are void. */
  #refusedAtMs = -1;
  /** A sweep asks for more when fewer calls than this are left. */
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
    // The clock is read for each call: a process that was frozen must not go on with what has ended meanwhile.
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

  answered(answer: RateAnswer): void {
    if (!answer.refused) {
      this.#untold.accepted();
      return;
    }
    const nowMs = this.#now();
    this.#untold.refused(answer.caller, answer.retryAfterMs, nowMs);
    if (answer.retryAfterMs !== undefined) {
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

  /** Asks what is due, or sets the timer for it. */
  #plan(): void {
    if (this.#closed || this.#asking !== undefined) return;
    clearTimeout(this.#timer);
    const errand = this.#nextErrand();
    if (errand === undefined) return;
    const waitMs = this.#notBeforeMs[errand] - this.#now();
    if (waitMs <= 0) {
      this.#asking = this.#run(errand);
      return;
    }
    this.#timer = setTimeout(() => this.#plan(), Math.ceil(waitMs));
    // Nobody's call hangs on it.
    if (this.#waiting.live.size + this.#waiting.sweep.size === 0) this.#timer.unref();
  }

  #nextErrand(): Errand | undefined {
    const lease = this.#leaseErrand();
    if (!this.#untold.hasRefusals) return lease;
    return lease !== undefined && this.#notBeforeMs[lease] <= this.#notBeforeMs.report ? lease : 'report';
  }

  /** Live runs first. Sweeps that wait get a turn after each of theirs: where some live run always waits, they would never ask. */
  #leaseErrand(): Caller | undefined {
    const sweepsWait = this.#waiting.sweep.size > 0;
    const sweepsNext = sweepsWait && this.#sweepsTurn && this.#notBeforeMs.sweep <= this.#now();
    if (this.#waiting.live.size > 0 && !sweepsNext) return 'live';
    return sweepsWait || this.#wantsMore ? 'sweep' : undefined;
  }

  async #run(errand: Errand): Promise<void> {
    try {
      await (errand === 'report' ? this.#report() : this.#lease(errand));
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#asking = undefined;
      this.#plan();
    }
  }

  async #lease(caller: Caller): Promise<void> {
    const askedAtMs = this.#now();
    const want = this.#wanted(caller, askedAtMs);
    this.#wantsMore = false;
    if (want === 0) return;
    this.#sweepsTurn = caller === 'live';
    const lease = await this.#telling((told) => this.#rates.leaseTokens({ ...told, want, caller }));
    this.#take(caller, lease, askedAtMs);
    if (lease.tokens < want) this.#pause(caller, lease.retryInMs);
  }

  async #report(): Promise<void> {
    await this.#telling(async ({ answers, ...key }) =>
      answers ? this.#rates.reportAnswers({ ...key, answers }) : undefined,
    );
  }

  /** Asks the ledger, and tells it how calls were answered since it was asked before. */
  async #telling<T extends { generation: number } | undefined>(ask: (told: Told) => Promise<T>): Promise<T> {
    const documentedLimit = this.#documentedLimit();
    const answers = this.#untold.take(this.#now());
    try {
      const answer = await ask({
        ...this.key,
        ...(documentedLimit !== undefined && { documentedLimit }),
        ...(answers && { answers }),
      });
      if (answer !== undefined && answer.generation !== this.#generation) {
        this.#generation = answer.generation;
        this.#dropTokens();
      }
      if (answers?.refused) this.#notBeforeMs.report = this.#now() + BETWEEN_REPORTS_MS;
      return answer;
    } catch (error) {
      if (answers) this.#untold.putBack(answers);
      throw error;
    }
  }

  #wanted(caller: Caller, nowMs: number): number {
    if (caller === 'live') return this.#waiting.live.size;
    const ahead = Math.floor(this.#recent.withinLastSecond(nowMs) * LEASE_AHEAD_SECONDS);
    this.#askAt = Math.floor(ahead * ASK_AT_SHARE);
    return Math.max(this.#waiting.sweep.size, ahead - this.#tokens.sweep.left, 0);
  }

  #take(caller: Caller, { tokens, expiresInMs, sweepsOnly }: TokenLease, askedAtMs: number): void {
    // It differs only from one generation to the next, so that it holds for what was leased before, too.
    if (caller === 'sweep') this.#sweepsOnly = sweepsOnly === true;
    if (askedAtMs > this.#refusedAtMs) this.#tokens[caller].add(tokens, askedAtMs + expiresInMs);
    const nowMs = this.#now();
    this.#waiting.live.admitWhile(() => this.#takeFor('live', nowMs));
    this.#waiting.sweep.admitWhile(() => {
      const taken = this.#takeFor('sweep', nowMs);
      if (taken) this.#recent.add(nowMs);
      return taken;
    });
  }

  /** Pauses differ by chance, so that no process always comes right after another one and finds nothing. */
  #pause(caller: Caller, retryInMs: number): void {
    const leastMs = (caller === 'live' ? LIVE_PAUSE_MS : SWEEP_PAUSE_MS) * (0.5 + Math.random());
    const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(leastMs, retryInMs * (1 + Math.random() / 4)));
    this.#notBeforeMs[caller] = this.#now() + pauseMs;
    // What is not there for live runs is not there for sweeps.
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

type Told = Omit<Parameters<RateLedger['leaseTokens']>[0], 'want' | 'caller'>;

function closedError(): LedgerUnavailableError {
  return new LedgerUnavailableError('This process is ending, and makes no more calls.');
}

function ignoreUnavailable(error: unknown): void {
  if (!(error instanceof LedgerUnavailableError)) throw error;
}
