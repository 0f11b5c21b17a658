import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createCallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import type { CallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import type { Caller } from 'temporal-http-tasks/internal/policy/rate';
import type { RateLedger } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import { LEASE_MS, lease, report, startRate } from 'temporal-http-tasks/internal/policy/rate';

/** The provider's limit, and what is done under it. */
export interface SimulatedWork {
  /** Accepted calls of the sweep. */
  calls: number;
  /** Worker processes that share them. */
  processes: number;
  callsAMinute: number;
  burst: number;
  /** Whether the limit is set; otherwise it has to be learned. */
  given: boolean;
}

/** What came of it, by the simulated clock. */
export interface SimulatedEnd {
  /** The time that it took ÷ the time in which the limit allows as many calls. */
  ofLimit: number;
  /** Share of the calls that were refused, in percent. */
  refused: number;
  /** Waiting that a call of live runs had to do, at the 95th percentile, in milliseconds. */
  liveWaitMs: number;
}

const KEY = { service: 'plaid', keySlot: '' };
const STEP_MS = 5;
/** Calls in flight with one key, in each process. */
const LANES = 64;
const RESPONSE_MS = 80;
const LEDGER_MS = 5;
/** How often a user is offboarded live, and with how many calls. */
const LIVE = { everyMs: 5_000, calls: 6 };
/** Temporal's first pause before it retries a refused call. */
const RETRY_MS = 1_000;
const PERCENTILE = 0.95;

/**
 * Simulates a sweep and live runs under a provider's limit, with the budgets and the policy that workers use and with a
 * simulated clock for them, the ledger and the provider.
 */
export async function simulateRates(work: SimulatedWork): Promise<SimulatedEnd> {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    return await new Simulation(work).run();
  } finally {
    mock.timers.reset();
  }
}

class Simulation {
  readonly #work: SimulatedWork;
  readonly #provider: Provider;
  readonly #budgets: readonly CallBudgets[];
  readonly #liveWaits: number[] = [];
  #nowMs = 0;
  #accepted = 0;

  constructor(work: SimulatedWork) {
    this.#work = work;
    const now = (): number => this.#nowMs;
    const rates = createLedger(work, now);
    this.#provider = new Provider(work, now);
    this.#budgets = Array.from({ length: work.processes }, () =>
      createCallBudgets({ rates, documentedLimit: () => undefined, now }),
    );
  }

  async run(): Promise<SimulatedEnd> {
    const { callsAMinute, burst } = this.#work;
    for (const budgets of this.#budgets) for (let lane = 0; lane < LANES; lane += 1) void this.#sweep(budgets);
    void this.#live();
    while (this.#accepted < this.#work.calls) {
      this.#nowMs += STEP_MS;
      mock.timers.tick(STEP_MS);
      await turn();
    }
    const { accepted, refused } = this.#provider;
    const limitMs = ((accepted - burst) / callsAMinute) * 60_000;
    const waits = this.#liveWaits.sort((a, b) => a - b);
    return {
      ofLimit: this.#nowMs / limitMs,
      refused: (refused / (accepted + refused)) * 100,
      liveWaitMs: waits[Math.floor(waits.length * PERCENTILE)] ?? Number.NaN,
    };
  }

  /** One of the calls in flight of a sweep. A user whose call was refused is tried later, and another takes the place. */
  async #sweep(budgets: CallBudgets): Promise<void> {
    while (this.#accepted < this.#work.calls) {
      await budgets.admit(KEY, 'sweep');
      if (await this.#call(budgets, 'sweep')) this.#accepted += 1;
    }
  }

  async #live(): Promise<void> {
    for (let run = 0; this.#accepted < this.#work.calls; run += 1) {
      await delay(LIVE.everyMs);
      const budgets = this.#budgets[run % this.#budgets.length];
      if (budgets) void this.#liveRun(budgets);
    }
  }

  async #liveRun(budgets: CallBudgets): Promise<void> {
    for (let call = 0; call < LIVE.calls; call += 1) {
      const beganMs = this.#nowMs;
      let waitedMs = 0;
      for (let tries = 0; ; tries += 1) {
        await budgets.admit(KEY, 'live');
        waitedMs = this.#nowMs - beganMs;
        if (await this.#call(budgets, 'live')) break;
        await delay(RETRY_MS * 2 ** tries);
      }
      this.#liveWaits.push(waitedMs);
    }
  }

  async #call(budgets: CallBudgets, caller: Caller): Promise<boolean> {
    const accepted = this.#provider.admits();
    await delay(RESPONSE_MS);
    budgets.responded(KEY, accepted ? { refused: false } : { refused: true, caller });
    return accepted;
  }
}

/** A token bucket that starts full. */
class Provider {
  accepted = 0;
  refused = 0;
  readonly #perMs: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #atMs = 0;

  constructor({ callsAMinute, burst }: SimulatedWork, now: () => number) {
    this.#perMs = callsAMinute / 60_000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#now = now;
  }

  admits(): boolean {
    const nowMs = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    const isAccepted = this.#tokens >= 1;
    if (isAccepted) this.#tokens -= 1;
    this[isAccepted ? 'accepted' : 'refused'] += 1;
    return isAccepted;
  }
}

/** The rates of a ledger whose responses take a while, with the policy of a real one. */
function createLedger({ given, callsAMinute }: SimulatedWork, now: () => number): RateLedger {
  let state = startRate(given ? { all: callsAMinute } : {}, now());
  const unused = (): Promise<never> => Promise.reject(new Error('Not simulated.'));
  return {
    leaseTokens: async ({ want, caller, responses }) => {
      await delay(LEDGER_MS);
      const nowMs = now();
      const leased = lease(responses ? report(state, { ...responses, nowMs }) : state, { want, caller, nowMs });
      state = leased.state;
      await delay(LEDGER_MS);
      const { tokens, retryInMs, sweepsOnly } = leased;
      const { generation } = leased.state;
      return { tokens, retryInMs, expiresInMs: LEASE_MS, generation, ...(sweepsOnly && { sweepsOnly }) };
    },
    reportResponses: async ({ responses }) => {
      await delay(LEDGER_MS);
      state = report(state, { ...responses, nowMs: now() });
      const { generation } = state;
      await delay(LEDGER_MS);
      return { generation };
    },
    keepSweepRates: () => Promise.resolve(),
    setLimit: unused,
    setSweepRate: unused,
    readSweepRates: unused,
    readRates: unused,
  };
}

/** By the simulated clock. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
