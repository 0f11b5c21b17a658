import fc from 'fast-check';
import { LEASE_MS, lease, report, startRate, sweepPace, underLimits } from 'temporal-http-tasks/internal/policy/rate';
import type { RateState } from 'temporal-http-tasks/internal/policy/rate';
import { Provider, T0, responsesFor, mostInAMinute, run } from './rated-provider';

describe('the rate of sweeps where no limit is known', () => {
  /** What two processes that ask in turn, and want as much as they can get, are given in each second. */
  function perSecond(state: RateState, seconds: number): { given: number[]; state: RateState } {
    const given = Array.from({ length: seconds }, () => 0);
    let now = state;
    const fromMs = state.atMs;
    for (let ms = 0; ms < seconds * 1_000; ms += 50) {
      const response = lease(now, { want: 5_000, caller: 'sweep', nowMs: fromMs + ms });
      now = report(response.state, { accepted: response.tokens, refused: 0, nowMs: fromMs + ms });
      given[Math.floor(ms / 1_000)] = (given[Math.floor(ms / 1_000)] ?? 0) + response.tokens;
    }
    return { given, state: now };
  }

  it('starts at 10 calls a second for all processes together, and doubles every 10 seconds', () => {
    const { given } = perSecond(startRate({}, T0), 40);
    expect(Math.max(...given.slice(0, 10))).toBeLessThanOrEqual(13);
    const tens = [0, 10, 20, 30].map((from) => given.slice(from, from + 10).reduce((sum, calls) => sum + calls, 0));
    const [first = 0, second = 0, third = 0, fourth = 0] = tens;
    expect(first).toBeGreaterThan(90);
    expect(first).toBeLessThan(110);
    for (const [later, earlier] of [
      [second, first],
      [third, second],
      [fourth, third],
    ] as const) {
      expect(later / earlier).toBeGreaterThan(1.8);
      expect(later / earlier).toBeLessThan(2.2);
    }
  });

  it('does not hold live runs back, and is not raised by them', () => {
    let state = perSecond(startRate({}, T0), 2).state;
    const live = lease(state, { want: 80, caller: 'live', nowMs: state.atMs + 50 });
    expect(live.tokens).toBe(80);
    state = run(live.state, new Provider(10_000), 5, undefined, 'live');
    const { given } = perSecond(state, 5);
    expect(Math.max(...given)).toBeLessThanOrEqual(15);
  });

  it('does not rise while sweeps want less', () => {
    let state = startRate({}, T0);
    for (let second = 1; second <= 120; second++) {
      state = lease(state, { want: 2, caller: 'sweep', nowMs: T0 + second * 1_000 }).state;
    }
    const { given } = perSecond(state, 5);
    expect(Math.max(...given)).toBeLessThanOrEqual(15);
  });

  it('ends at the first refusal: half of what was accepted, and a fifth of it more each second', () => {
    const { state } = perSecond(startRate({}, T0), 25);
    const refused = report(state, { accepted: 0, refused: 1, refusedSweeps: 1, nowMs: state.atMs + 10 });
    expect(sweepPace(refused)).toBeGreaterThan(15);
    expect(sweepPace(refused)).toBeLessThan(23);
    const { given } = perSecond(refused, 5);
    const rises = given.slice(1).map((calls, index) => calls - (given[index] ?? 0));
    for (const rise of rises) expect(rise).toBeGreaterThanOrEqual(5);
    for (const rise of rises) expect(rise).toBeLessThanOrEqual(11);
  });

  it('is not learned again by the next sweep, a day later or after one with a rate of its own', () => {
    const learned = report(perSecond(startRate({}, T0), 25).state, {
      accepted: 0,
      refused: 1,
      refusedSweeps: 1,
      nowMs: T0 + 25_000,
    });
    const nextDay = { ...learned, atMs: learned.atMs + 86_400_000 };
    const [first = 0] = perSecond(nextDay, 1).given;
    expect(first).toBeGreaterThan(15);
    expect(first).toBeLessThan(45);
    const limited = underLimits(learned, { sweeps: 60 }, learned.atMs);
    expect(perSecond(limited, 10).given.reduce((sum, calls) => sum + calls, 0)).toBeLessThan(13);
    const freed = underLimits(limited, {}, limited.atMs);
    expect(perSecond(freed, 2).given[1]).toBeGreaterThan(15);
  });

  it('slows only sweeps when one or two of their calls are refused far below the rate of all', () => {
    for (const refusals of [1, 2]) {
      const before = perSecond(startRate({}, T0), 5).state;
      const state = report(before, {
        accepted: 0,
        refused: refusals,
        refusedSweeps: refusals,
        nowMs: before.atMs + 10,
      });
      expect(sweepPace(state)).toBeCloseTo(5, 0);
      expect(state.rate).toBeGreaterThanOrEqual(before.rate);
      expect(lease(state, { want: 50, caller: 'live', nowMs: state.atMs + 10 }).tokens).toBe(50);
    }
  });

  it('makes way for what all calls have learned once live calls are refused too', () => {
    const provider = new Provider(30);
    let state = perSecond(startRate({}, T0), 15).state;
    state = run(state, provider, 5, undefined, 'live');
    expect(state.learning.learned).toBeDefined();
    expect(state.rate).toBeLessThan(45);
    expect(sweepPace(state)).toBe(state.rate);
  });

  it('finds the limit of a provider and uses most of it, with few calls refused', () => {
    const provider = new Provider(15);
    const found = run(startRate({}, T0), provider, 60);
    const [acceptedBefore, refusedBefore] = [provider.accepted, provider.refused];
    run(found, provider, 120);
    const [accepted, refused] = [provider.accepted - acceptedBefore, provider.refused - refusedBefore];
    expect(accepted / (15 * 120)).toBeGreaterThan(0.8);
    expect(refused / (accepted + refused)).toBeLessThan(0.1);
  });

  it.each([
    [15, 15],
    [33, 100],
    [500, 500],
  ])(
    'stays near a limit of %d a second with bursts of %d once two lessons agree, with few calls refused',
    (limit, burst) => {
      const provider = new Provider(limit, burst);
      const found = run(startRate({}, T0), provider, 120);
      const [acceptedBefore, refusedBefore] = [provider.accepted, provider.refused];
      run(found, provider, 600);
      const [accepted, refused] = [provider.accepted - acceptedBefore, provider.refused - refusedBefore];
      expect(accepted / (limit * 600)).toBeGreaterThan(0.95);
      expect(refused / (accepted + refused)).toBeLessThan(0.02);
    },
  );

  it('is used up by live runs once it was learned, and never below nothing', () => {
    const ramped = perSecond(startRate({}, T0), 25).state;
    const learned = report(ramped, { accepted: 0, refused: 1, refusedSweeps: 1, nowMs: ramped.atMs + 10 });
    const sweepsAlongside = (livePerTenth: number): number => {
      let [state, calls] = [learned, 0];
      for (let nowMs = learned.atMs; nowMs < learned.atMs + 3_000; nowMs += 100) {
        state = lease(state, { want: livePerTenth, caller: 'live', nowMs }).state;
        const response = lease(state, { want: 5_000, caller: 'sweep', nowMs });
        state = report(response.state, { accepted: response.tokens + livePerTenth, refused: 0, nowMs });
        calls += response.tokens;
      }
      return calls;
    };
    expect(sweepsAlongside(1)).toBeLessThan(sweepsAlongside(0) - 20);
    const flooded = lease(learned, { want: 100, caller: 'live', nowMs: learned.atMs + 50 }).state;
    expect(lease(flooded, { want: 100, caller: 'sweep', nowMs: learned.atMs + 550 }).tokens).toBeGreaterThan(8);
  });

  it('reads a state that version 0.1.0 stored', () => {
    const old = {
      atMs: T0,
      blockedUntilMs: 0,
      slowedAtMs: 0,
      generation: 4,
      rate: 800,
      tokens: 400,
      learning: { recent: '..', accepted: [], flowingSinceMs: T0 },
    } satisfies RateState;
    expect(perSecond(old, 1).given[0]).toBeLessThanOrEqual(13);
    expect(lease(old, { want: 50, caller: 'live', nowMs: T0 }).tokens).toBe(50);
  });
});

describe('the lowest rate of the running sweeps', () => {
  const asks = fc.array(
    fc.record({
      waitMs: fc.oneof(fc.nat(50), fc.nat(3_000), fc.nat(70_000)),
      live: fc.boolean(),
      usedAfterMs: fc.nat(LEASE_MS),
    }),
    { minLength: 1, maxLength: 300 },
  );
  const limits = fc.record({
    all: fc.option(fc.integer({ min: 1, max: 6_000 }), { nil: undefined }),
    sweeps: fc.integer({ min: 1, max: 6_000 }),
  });

  it('is not exceeded by sweeps in any minute, nor the limit on all calls by both, whatever asks when', () => {
    fc.assert(
      fc.property(limits, asks, ({ all, sweeps }, every) => {
        let nowMs = T0;
        let state = startRate({ sweeps, ...(all !== undefined && { all }) }, nowMs);
        const calls = every.map(({ waitMs, live, usedAfterMs }) => {
          nowMs += waitMs;
          const response = lease(state, { want: 10_000, caller: live ? 'live' : 'sweep', nowMs });
          state = response.state;
          return { atMs: nowMs + usedAfterMs, tokens: response.tokens, live };
        });
        expect(mostInAMinute(calls.filter(({ live }) => !live))).toBeLessThanOrEqual(sweeps);
        if (all !== undefined) expect(mostInAMinute(calls)).toBeLessThanOrEqual(all);
      }),
    );
  });

  it('is not exceeded either when it is taken back and given again all the time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.array(fc.nat(2_000), { minLength: 1, maxLength: 200 }),
        (sweeps, waits) => {
          let nowMs = T0;
          let state = startRate({ sweeps }, nowMs);
          const calls = waits.map((waitMs) => {
            nowMs += waitMs;
            state = underLimits(underLimits(state, {}, nowMs), { sweeps }, nowMs);
            const response = lease(state, { want: 10_000, caller: 'sweep', nowMs });
            state = response.state;
            return { atMs: nowMs, tokens: response.tokens };
          });
          expect(mostInAMinute(calls)).toBeLessThanOrEqual(sweeps);
        },
      ),
    );
  });

  it('leaves live runs alone', () => {
    const state = run(startRate({ sweeps: 60 }, T0), new Provider(1_000), 10);
    expect(lease(state, { want: 50, caller: 'live', nowMs: state.atMs }).tokens).toBe(50);
  });

  it.each([60, 600, 6_000])(
    'of %d a minute is used above 90 %% without any other limit, from the first second on',
    (sweeps) => {
      const provider = new Provider(sweeps / 60);
      run(startRate({ sweeps }, T0), provider, 120);
      expect(provider.accepted).toBeGreaterThan(sweeps * 2 * 0.9);
      expect(provider.refused).toBe(0);
    },
  );

  it('is halved by a refusal and rises again, and voids what was leased when it changes', () => {
    const state = run(startRate({ all: 60_000, sweeps: 600 }, T0), new Provider(1_000), 10);
    const slowed = report(state, { accepted: 0, refused: 1, nowMs: state.atMs + 10 });
    expect(slowed.sweeps?.rate).toBeCloseTo((state.sweeps?.rate ?? 0) / 2);
    expect(slowed.generation).toBeGreaterThan(state.generation);
    expect(run(slowed, new Provider(1_000), 10).sweeps?.rate).toBeCloseTo(state.sweeps?.rate ?? 0);
    expect(underLimits(state, { all: 60_000, sweeps: 300 }, state.atMs).generation).toBe(state.generation + 1);
    expect(underLimits(state, { all: 60_000 }, state.atMs).generation).toBe(state.generation + 1);
    expect(underLimits(state, { all: 60_000, sweeps: 600 }, state.atMs)).toBe(state);
  });

  describe('without any other limit', () => {
    /**
     * Seconds of a sweep that takes what it gets, next to live runs that want this many calls a second; some calls of
     * the sweep are refused.
     */
    function beside(
      given: RateState,
      {
        seconds,
        livePerSecond,
        refusedAtMs = [],
        provider = new Provider(1_000_000),
      }: {
        seconds: number;
        livePerSecond: number;
        refusedAtMs?: readonly number[];
        provider?: Provider;
      },
    ) {
      let state = given;
      const fromMs = state.atMs;
      const live = Array.from({ length: seconds }, () => 0);
      const toRefuse = [...refusedAtMs];
      for (let ms = 0; ms < seconds * 1_000; ms += 100) {
        const nowMs = fromMs + ms;
        for (const caller of ['live', 'sweep'] as const) {
          const response = lease(state, { want: caller === 'live' ? livePerSecond / 10 : 50, caller, nowMs });
          const refuses = caller === 'sweep' && response.tokens > 0 && ms >= (toRefuse[0] ?? Infinity) ? 1 : 0;
          if (refuses) toRefuse.shift();
          const { accepted, refused } = provider.call(response.tokens - refuses, nowMs);
          state = report(response.state, { ...responsesFor(caller, { accepted, refused: refused + refuses }), nowMs });
          if (caller === 'live') live[Math.floor(ms / 1_000)] = (live[Math.floor(ms / 1_000)] ?? 0) + response.tokens;
        }
      }
      expect(toRefuse).toEqual([]);
      return { state, live };
    }

    const times = [
      [3_000, 3_100],
      [3_000, 4_500],
      [3_000, 5_000, 7_000],
    ].map((atMs) => [atMs] as const);
    it.each(times)('slows only sweeps when their calls are refused, at %j ms', (refusedAtMs) => {
      const { live, state } = beside(startRate({ sweeps: 60 }, T0), { seconds: 15, livePerSecond: 50, refusedAtMs });
      for (const calls of live.slice(1)) expect(calls).toBeGreaterThan(45);
      expect(state.rate).toBeGreaterThanOrEqual(200);
    });

    it('leaves the rate of live runs alone that begin after sweeps were refused', () => {
      const { state } = beside(startRate({ sweeps: 60 }, T0), {
        seconds: 15,
        livePerSecond: 0,
        refusedAtMs: [3_000, 4_500],
      });
      const { live } = beside(state, { seconds: 3, livePerSecond: 50 });
      for (const calls of live) expect(calls).toBeGreaterThan(45);
    });

    it('halves its own pace at a refusal, and has it back later', () => {
      const before = run(startRate({ sweeps: 60 }, T0), new Provider(1_000), 10);
      const refused = report(before, { accepted: 0, refused: 2, refusedSweeps: 2, nowMs: before.atMs + 10 });
      expect(sweepPace(refused)).toBeCloseTo(sweepPace(before) / 2);
      expect(refused.rate).toBeGreaterThanOrEqual(before.rate);
      expect(sweepPace(run(refused, new Provider(1_000), 10))).toBeCloseTo(sweepPace(before));
    });

    it('lets live runs learn when their calls are refused', () => {
      const provider = new Provider(20);
      const { state } = beside(startRate({ sweeps: 60 }, T0), { seconds: 10, livePerSecond: 100, provider });
      expect(state.learning.learned).toBeLessThan(50);
      expect(state.rate).toBeLessThan(50);
    });

    it('teaches all when sweeps alone come near the rate of all calls', () => {
      const state = run(startRate({ sweeps: 60_000 }, T0), new Provider(180), 5);
      expect(state.learning.learned).toBeGreaterThan(100);
    });

    it('holds live runs too for as long as the provider asks a sweep to wait', () => {
      const state = run(startRate({ sweeps: 60 }, T0), new Provider(1_000), 5);
      const asked = report(state, {
        accepted: 0,
        refused: 1,
        refusedSweeps: 1,
        retryAfterMs: 7_000,
        nowMs: state.atMs,
      });
      expect(lease(asked, { want: 5, caller: 'live', nowMs: state.atMs + 6_900 }).tokens).toBe(0);
      expect(lease(asked, { want: 5, caller: 'live', nowMs: state.atMs + 7_100 }).tokens).toBe(5);
    });

    it('is for sweeps only, unless the limit on all calls is lower', () => {
      const onlyFor = (state: RateState, caller: 'live' | 'sweep' = 'sweep') =>
        lease(state, { want: 1, caller, nowMs: T0 + 1_000 }).sweepsOnly;
      expect(onlyFor(startRate({ sweeps: 60 }, T0))).toBe(true);
      expect(onlyFor(startRate({ all: 600, sweeps: 60 }, T0))).toBe(true);
      expect(onlyFor(startRate({}, T0))).toBe(true);
      expect(onlyFor(startRate({ all: 60, sweeps: 600 }, T0))).toBe(false);
      expect(onlyFor(startRate({ all: 60 }, T0))).toBe(false);
      expect(onlyFor(startRate({ sweeps: 60 }, T0), 'live')).toBe(false);
    });
  });
});
