import { setTimeout as pause } from 'node:timers/promises';
import { createCallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import type { CallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { RateKey, RateLedger } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import { cleanUp, open } from '../ledger/databases';
import { until } from '../support/offboarding-runs';
import { watch } from './watched-rates';
import type { WatchedRates } from './watched-rates';
import { unhurriedMs } from '../support/unhurried';

describe('the calls that a process may make', () => {
  let opened: OpenedLedger;
  let ledger: RateLedger;
  let watched: WatchedRates;
  let budgets: CallBudgets;
  let key: RateKey;
  let limit: number | undefined;
  /** How far the clock of the process is ahead, as after a time in which it was frozen. */
  let frozenMs: number;
  let keys = 0;

  beforeAll(async () => {
    opened = await open('file::memory:');
    ledger = opened.rates;
  });
  afterAll(cleanUp);
  beforeEach(() => {
    key = { service: 'plaid', keySlot: `slot-${keys++}` };
    limit = 600;
    frozenMs = 0;
    watched = watch(ledger);
    budgets = createCallBudgets({
      rates: watched.rates,
      documentedLimit: () => limit,
      now: () => performance.now() + frozenMs,
    });
  });
  afterEach(() => budgets.close());

  /** Takes what is leased and not used yet. */
  function takeLeft(): number {
    let taken = 0;
    while (budgets.tryAdmit(key, 'sweep')) taken += 1;
    return taken;
  }

  /** Leases more calls than are used at the same time. */
  async function leaseMany(): Promise<void> {
    limit = 120_000;
    for (const calls of [500, 1]) await Promise.all(Array.from({ length: calls }, () => budgets.admit(key, 'sweep')));
    expect(leased()).toBeGreaterThan(600);
  }

  function leased(): number {
    return watched.leases.reduce((sum, { tokens }) => sum + tokens, 0);
  }

  it('are as many as the ledger gives, and the rest wait for the next', async () => {
    const started = performance.now();
    await Promise.all(Array.from({ length: 20 }, () => budgets.admit(key, 'sweep')));
    const seconds = (performance.now() - started) / 1_000;
    // Nine of the bucket's ten, the last of which is for live runs, and then nine and a half in each second.
    expect(seconds).toBeGreaterThan(1);
    // The last asking may have found more than the last of those who wait need.
    expect(leased()).toBeGreaterThanOrEqual(20);
    expect(leased()).toBeLessThan(20 + 12 * 0.6 + 1);
    expect(watched.leases.length).toBeLessThan(5 + 20 * seconds);
    expect(watched.mostConcurrent()).toBe(1);
  });

  it('go to live runs first, and then in the order of asking', async () => {
    const order: string[] = [];
    const ask = (caller: 'live' | 'sweep', name: string) => budgets.admit(key, caller).then(() => order.push(name));
    await ledger.leaseTokens({ ...key, want: 10, caller: 'live', documentedLimit: limit });
    await Promise.all([ask('sweep', 'sweep 1'), ask('sweep', 'sweep 2'), ask('live', 'live 1'), ask('live', 'live 2')]);
    expect(order).toEqual(['live 1', 'live 2', 'sweep 1', 'sweep 2']);
  });

  it('are leased for live runs one by one out of their reserve, and for sweeps besides', async () => {
    await Promise.all(Array.from({ length: 9 }, () => budgets.admit(key, 'sweep')));
    await budgets.admit(key, 'live');
    expect(watched.leases).toMatchObject([
      { want: 1, caller: 'sweep', tokens: 1 },
      { want: 8, caller: 'sweep', tokens: 8 },
      { want: 1, caller: 'live', tokens: 1 },
    ]);
  });

  it('are leased ahead at the pace of a sweep, so that few of them are asked for singly or never used', async () => {
    limit = 60_000;
    const started = performance.now();
    let used = 0;
    while (performance.now() - started < 3_000) {
      const due = Math.floor((performance.now() - started) * 0.4);
      for (; used < due; used += 1) if (!budgets.tryAdmit(key, 'sweep')) await budgets.admit(key, 'sweep');
      await pause(5);
    }
    expect(leased()).toBeLessThan(used * 1.25);
    expect(watched.leases.length).toBeLessThan(used / 10);
  });

  it('end with their lease by the clock of the process, also when it was frozen meanwhile', async () => {
    await leaseMany();
    frozenMs += 1_000;
    expect(budgets.tryAdmit(key, 'sweep')).toBe(false);
  });

  it('are void when the response that brought them came a second late', async () => {
    const release = watched.holdResponses();
    const admitted = budgets.admit(key, 'live');
    await until('the ledger was asked', () => watched.leases.length === 1);
    frozenMs += 1_000;
    release();
    await expect(admitted).resolves.toBe(true);
    expect(watched.leases).toHaveLength(2);
  });

  it('are void once others were refused, as soon as the ledger says so', async () => {
    await leaseMany();
    await ledger.reportResponses({ ...key, responses: { accepted: 0, refused: 1 }, documentedLimit: limit });
    budgets.responded(key, { refused: true, caller: 'sweep' });
    await until('it was reported', () => watched.reports.length === 1);
    expect(takeLeft()).toBe(0);
  });

  it('stop immediately when a provider asks to wait, and in every process once the ledger knows', async () => {
    await leaseMany();
    budgets.responded(key, { refused: true, caller: 'sweep', retryAfterMs: 60_000 });
    expect(budgets.tryAdmit(key, 'live')).toBe(false);
    await until('it was reported', () => watched.reports.length === 1);
    expect(watched.reports[0]).toMatchObject({ refused: 1 });
    const other = await ledger.leaseTokens({ ...key, want: 1, caller: 'live', documentedLimit: limit });
    expect(other.tokens).toBe(0);
    expect(other.retryInMs).toBeGreaterThan(55_000);
  });

  it('are void that were asked for before a provider asked to wait', async () => {
    const release = watched.holdResponses();
    const admitted = budgets.admit(key, 'live');
    await until('the ledger was asked', () => watched.leases.length === 1);
    budgets.responded(key, { refused: true, caller: 'sweep', retryAfterMs: 1_500 });
    const started = performance.now();
    release();
    await admitted;
    expect(performance.now() - started).toBeGreaterThan(1_300);
    expect(watched.leases[1]).toMatchObject({ tokens: 0, responses: { accepted: 0, refused: 1 } });
  });

  it('cost the ledger few queries when hundreds are refused together, and each is reported', async () => {
    for (let call = 0; call < 300; call += 1)
      budgets.responded(key, { refused: true, caller: 'sweep', retryAfterMs: 1_000 });
    for (let call = 0; call < 50; call += 1) budgets.responded(key, { refused: false });
    await until('all were reported', () => watched.reports.reduce((sum, { refused }) => sum + refused, 0) === 300);
    expect(watched.reports.length).toBeLessThan(4);
    expect(watched.mostConcurrent()).toBe(1);
  });

  it('are not waited for any longer when the ledger is away, by any caller; what is to be reported is reported later', async () => {
    watched.away = true;
    budgets.responded(key, { refused: false });
    const refused = [budgets.admit(key, 'sweep'), budgets.admit(key, 'live'), budgets.admit(key, 'sweep')];
    for (const admitted of refused) await expect(admitted).rejects.toThrow(LedgerUnavailableError);
    watched.away = false;
    await expect(budgets.admit(key, 'live')).resolves.toBe(true);
    expect(watched.leases).toMatchObject([{ responses: { accepted: 1, refused: 0 } }]);
  });

  it('are not spent by callers who stop waiting', async () => {
    await expect(budgets.admit(key, 'live', AbortSignal.abort())).resolves.toBe(false);
    expect(watched.leases).toEqual([]);
    await ledger.leaseTokens({ ...key, want: 10, caller: 'live', documentedLimit: limit });
    const stop = new AbortController();
    const given = [
      budgets.admit(key, 'sweep', stop.signal),
      budgets.admit(key, 'sweep', stop.signal),
      budgets.admit(key, 'sweep'),
    ];
    stop.abort();
    await expect(Promise.all(given)).resolves.toEqual([false, false, true]);
    expect(leased()).toBe(1);
  });

  it('follow within a second what a person sets, however long the wait was before', async () => {
    limit = 1;
    await budgets.admit(key, 'live');
    const waiting = Promise.all([budgets.admit(key, 'live'), budgets.admit(key, 'sweep')]);
    await pause(300);
    const tookMs = await unhurriedMs(async () => {
      await ledger.setLimit({ ...key, limitPerMinute: 6_000 });
      await waiting;
    });
    expect(tookMs).toBeLessThan(1_500);
  });

  it('are waited for no longer at the end, when the ledger has every response, and are there for a worker that runs later', async () => {
    await budgets.admit(key, 'live');
    budgets.responded(key, { refused: false });
    limit = 1;
    const waiting = budgets.admit(key, 'sweep');
    await Promise.all([expect(waiting).rejects.toThrow(LedgerUnavailableError), budgets.close()]);
    limit = 600;
    await expect(budgets.admit(key, 'sweep')).resolves.toBe(true);
    const reported = [...watched.reports, ...watched.leases.flatMap(({ responses }) => responses ?? [])];
    expect(reported).toEqual([{ accepted: 1, refused: 0 }]);
  });

  describe("with a sweep's own rate of 600 a minute", () => {
    /**
     * A sweep that takes what it gets, next to live runs that begin this many calls a second; how many calls each got,
     * and how long live ones waited.
     */
    async function beside(livePerSecond: number, seconds: number) {
      const counts = { live: 0, sweep: 0 };
      const waitsMs: number[] = [];
      const begun = performance.now();
      const passed = () => performance.now() - begun;
      const stop = AbortSignal.timeout(seconds * 1_000);
      const sweeping = Array.from({ length: 8 }, async () => {
        while (budgets.tryAdmit(key, 'sweep') || (await budgets.admit(key, 'sweep', stop))) {
          if (passed() >= seconds * 1_000) return;
          counts.sweep += 1;
          // A call takes a while.
          await pause(20);
        }
      });
      const calling: Promise<void>[] = [];
      for (let begunCalls = 0; passed() < seconds * 1_000; await pause(5)) {
        for (; begunCalls < (passed() / 1_000) * livePerSecond; begunCalls += 1) {
          const since = performance.now();
          calling.push(
            budgets.admit(key, 'live').then(() => {
              counts.live += 1;
              waitsMs.push(performance.now() - since);
            }),
          );
        }
      }
      await Promise.all([...sweeping, ...calling]);
      return { ...counts, waitsMs };
    }

    /** The same ledger from so far away that at 100 calls a second some live run always waits; and how long each trip to it took. */
    function fromAfar(trips: number[]): CallBudgets {
      const leaseTokens: RateLedger['leaseTokens'] = async (asked) => {
        const begunAtMs = performance.now();
        await pause(20);
        const leased = await watched.rates.leaseTokens(asked);
        trips.push(performance.now() - begunAtMs);
        return leased;
      };
      return createCallBudgets({ rates: { ...watched.rates, leaseTokens }, documentedLimit: () => limit });
    }

    function medianOf(values: readonly number[]): number {
      return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
    }

    it.each([
      [50, undefined, 'near'],
      [100, undefined, 'near'],
      [100, undefined, 'far'],
      [100, 12_000, 'far'],
    ])(
      'go to it next to %d live calls a second, which do not wait for it (limit: %s, ledger: %s)',
      async (livePerSecond, allLimit, ledgerIs) => {
        const trips: number[] = [];
        if (ledgerIs === 'far') budgets = fromAfar(trips);
        const sweepId = `own-${key.keySlot}`;
        limit = allLimit;
        await opened.sweeps.create({ sweepId, skipDone: false, claimedBy: sweepId });
        await ledger.setSweepRate({ ...key, sweepId, limitPerMinute: 600 });
        const { live, sweep, waitsMs } = await beside(livePerSecond, 6);
        // 581 in 61 seconds is what the ledger gives, so that no minute sees more than 600.
        expect(sweep).toBeGreaterThanOrEqual(0.8 * 10 * 6);
        expect(sweep).toBeLessThanOrEqual(10 * 6);
        expect(live).toBeGreaterThan(0.95 * livePerSecond * 6);
        // Two round trips; on a machine with other work each takes longer than its 20 ms.
        expect(medianOf(waitsMs)).toBeLessThan(Math.max(80, 3 * medianOf(trips)));
        await opened.sweeps.setStatus({ sweepId, status: 'completed' });
      },
    );
  });
});
