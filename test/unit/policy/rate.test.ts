import fc from 'fast-check';
import { LEASE_MS, lease, report, startRate, underLimits } from 'temporal-http-tasks/internal/policy/rate';
import { Provider, T0, mostInAMinute, run } from './rated-provider';

describe('a rate with a limit', () => {
  it('never lets more calls start in any minute than the limit, whatever asks when, and however late a lease is used', () => {
    const asks = fc.array(
      fc.record({
        waitMs: fc.oneof(fc.nat(50), fc.nat(3_000), fc.nat(70_000)),
        want: fc.oneof(fc.constant(10_000), fc.nat(20)),
        live: fc.boolean(),
        usedAfterMs: fc.nat(LEASE_MS),
      }),
      { minLength: 1, maxLength: 400 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30_000 }), asks, (limit, all) => {
        let nowMs = T0;
        let state = startRate({ all: limit }, nowMs);
        const calls = all.map(({ waitMs, want, live, usedAfterMs }) => {
          nowMs += waitMs;
          const response = lease(state, { want, caller: live ? 'live' : 'sweep', nowMs });
          state = response.state;
          expect(response.tokens).toBeLessThanOrEqual(want);
          return { atMs: nowMs + usedAfterMs, tokens: response.tokens };
        });
        expect(mostInAMinute(calls)).toBeLessThanOrEqual(limit);
      }),
    );
  });

  it('never does so either when the askers have clocks that differ by up to five seconds', () => {
    const asks = fc.array(fc.record({ waitMs: fc.nat(2_000), process: fc.nat(2) }), { minLength: 1, maxLength: 300 });
    // A larger step back is taken for a clock that was set, and a database has only one clock.
    const clocks = fc.array(fc.integer({ min: -2_500, max: 2_500 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 6_000 }), clocks, asks, (limit, skews, all) => {
        let nowMs = T0;
        const skewOf = (process: number) => skews[process] ?? 0;
        let state = startRate({ all: limit }, nowMs + skewOf(0));
        const calls = all.map(({ waitMs, process }) => {
          nowMs += waitMs;
          const response = lease(state, { want: 10_000, caller: 'live', nowMs: nowMs + skewOf(process) });
          state = response.state;
          return { atMs: nowMs, tokens: response.tokens };
        });
        expect(mostInAMinute(calls)).toBeLessThanOrEqual(limit);
      }),
    );
  });

  it.each([60, 600, 6_000, 120_000])('of %d a minute is used above 90 %% by two sweeps, with no refusal', (limit) => {
    const provider = new Provider(limit / 60);
    run(startRate({ all: limit }, T0), provider, 120);
    expect(provider.accepted).toBeGreaterThan(limit * 2 * 0.9);
    expect(provider.refused).toBe(0);
  });

  it('always leaves live runs a call, however hungry the sweeps are', () => {
    let state = startRate({ all: 600 }, T0);
    for (let step = 0; step < 2_000; step++) {
      const nowMs = T0 + step * 20;
      state = lease(state, { want: 1_000, caller: 'sweep', nowMs }).state;
      if (step % 100 !== 50) continue;
      const live = lease(state, { want: 1, caller: 'live', nowMs });
      expect(live.tokens).toBe(1);
      state = live.state;
    }
  });

  it('gives a live run of ten calls every one of them within two seconds', () => {
    let state = run(startRate({ all: 600 }, T0), new Provider(10), 30);
    const beginMs = state.atMs;
    let got = 0;
    let nowMs = beginMs;
    while (got < 10) {
      nowMs += 20;
      state = lease(state, { want: 1_000, caller: 'sweep', nowMs }).state;
      const live = lease(state, { want: 1, caller: 'live', nowMs });
      state = live.state;
      got += live.tokens;
    }
    expect(nowMs - beginMs).toBeLessThan(2_000);
  });

  it('halves at a refusal, at most once a second, and voids the leases', () => {
    const state = lease(startRate({ all: 600 }, T0), { want: 1, caller: 'live', nowMs: T0 + 5_000 }).state;
    const once = report(state, { accepted: 0, refused: 3, nowMs: T0 + 5_000 });
    expect(once.rate).toBeCloseTo(state.rate / 2);
    expect(once.generation).toBe(state.generation + 1);
    expect(lease(once, { want: 5, caller: 'live', nowMs: T0 + 5_000 }).tokens).toBe(0);
    const again = report(once, { accepted: 0, refused: 50, nowMs: T0 + 5_900 });
    expect(again.generation).toBe(once.generation);
    expect(again.rate).toBeGreaterThan(once.rate);
    const later = report(again, { accepted: 0, refused: 1, nowMs: T0 + 6_100 });
    expect(later.generation).toBe(once.generation + 1);
  });

  it('rises by a tenth of the limit a second until it is where it was, and not higher', () => {
    const full = startRate({ all: 6_000 }, T0).rate;
    const halved = report(startRate({ all: 6_000 }, T0), { accepted: 0, refused: 1, nowMs: T0 + 2_000 });
    const afterASecond = lease(halved, { want: 0, caller: 'live', nowMs: T0 + 3_000 }).state;
    expect(afterASecond.rate - halved.rate).toBeCloseTo(10);
    const afterAMinute = lease(halved, { want: 0, caller: 'live', nowMs: T0 + 62_000 }).state;
    expect(afterAMinute.rate).toBe(full);
  });

  it('waits as long as the provider asked for, says so, and does not come back with a full bucket', () => {
    const asked = report(startRate({ all: 600 }, T0), { accepted: 0, refused: 1, retryAfterMs: 7_000, nowMs: T0 });
    const early = lease(asked, { want: 5, caller: 'live', nowMs: T0 + 6_000 });
    expect(early).toMatchObject({ tokens: 0, retryInMs: 1_000 });
    expect(lease(early.state, { want: 5, caller: 'live', nowMs: T0 + 7_050 }).tokens).toBe(0);
    expect(lease(early.state, { want: 5, caller: 'live', nowMs: T0 + 8_000 }).tokens).toBeGreaterThan(0);
  });

  it('says when asking again brings a call, and then it does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.nat(40), (limit, before) => {
        let state = startRate({ all: limit }, T0);
        for (let taken = 0; taken <= before; taken++)
          state = lease(state, { want: 5, caller: 'live', nowMs: T0 }).state;
        const { retryInMs } = lease(state, { want: 100_000, caller: 'live', nowMs: T0 });
        state = lease(state, { want: 100_000, caller: 'live', nowMs: T0 }).state;
        expect(lease(state, { want: 1, caller: 'live', nowMs: T0 + retryInMs + 1 }).tokens).toBe(1);
      }),
    );
  });

  it('continues when the clock of the database is set back by an hour, without a burst', () => {
    const provider = new Provider(10);
    const before = run(startRate({ all: 600 }, T0), provider, 10);
    const earlier = lease(before, { want: 100, caller: 'live', nowMs: T0 - 3_600_000 });
    expect(earlier.tokens).toBeLessThanOrEqual(2);
    const second = lease(earlier.state, { want: 100, caller: 'live', nowMs: T0 - 3_600_000 + 500 });
    expect(second.tokens).toBeGreaterThanOrEqual(4);
  });

  it('can be changed while it runs, and gives nothing of the old bucket', () => {
    const changed = underLimits(startRate({ all: 6_000 }, T0), { all: 60 }, T0);
    expect(lease(changed, { want: 100, caller: 'live', nowMs: T0 }).tokens).toBe(0);
    expect(lease(changed, { want: 100, caller: 'live', nowMs: T0 + 1_200 }).tokens).toBe(1);
    expect(changed.generation).toBe(1);
  });
});

describe('a rate without a limit', () => {
  it('starts at 200 calls a second for live runs and doubles each second while calls are wanted', () => {
    let state = startRate({}, T0);
    const perSecond = [0, 0, 0, 0];
    for (let nowMs = 0; nowMs < 4_000; nowMs += 50) {
      const response = lease(state, { want: 100_000, caller: 'live', nowMs: T0 + nowMs });
      state = response.state;
      perSecond[Math.floor(nowMs / 1_000)] = (perSecond[Math.floor(nowMs / 1_000)] ?? 0) + response.tokens;
    }
    const [first = 0, second = 0, third = 0, fourth = 0] = perSecond;
    expect(first).toBeGreaterThan(200);
    expect(first).toBeLessThan(400);
    expect(second / first).toBeGreaterThan(1.6);
    expect(third / second).toBeGreaterThan(1.8);
    expect(fourth / third).toBeLessThan(2.2);
  });

  it('does not grow while no process asks for more', () => {
    let state = startRate({}, T0);
    for (let second = 1; second <= 60; second++) {
      state = lease(state, { want: 5, caller: 'live', nowMs: T0 + second * 1_000 }).state;
    }
    expect(state.rate).toBe(200);
  });

  it('is not slowed by one refusal among twenty responses, and is by two', () => {
    const flowing = report(startRate({}, T0), { accepted: 300, refused: 0, nowMs: T0 + 2_000 });
    const one = report(flowing, { accepted: 10, refused: 1, nowMs: T0 + 2_100 });
    expect(one.generation).toBe(0);
    const two = report(one, { accepted: 10, refused: 1, nowMs: T0 + 2_200 });
    expect(two.generation).toBe(1);
    // 320 calls were accepted in the last two seconds.
    expect(two.rate).toBeCloseTo(80, -1);
    expect(two.tokens).toBe(0);
  });

  it.each([
    [20, undefined],
    [100, 1_000],
    [500, undefined],
    [500, 1_000],
    [3_000, 1_000],
    [3_000, undefined],
  ])(
    'finds a limit of %d a second by itself (Retry-After %s ms): most of it used, few calls refused',
    (limit, retryAfterMs) => {
      const provider = new Provider(limit);
      const found = run(startRate({}, T0), provider, 120, retryAfterMs);
      const [acceptedBefore, refusedBefore] = [provider.accepted, provider.refused];
      run(found, provider, 120, retryAfterMs);
      const accepted = provider.accepted - acceptedBefore;
      const refused = provider.refused - refusedBefore;
      expect(accepted / (limit * 120)).toBeGreaterThan(0.85);
      expect(refused / (accepted + refused)).toBeLessThan(0.04);
    },
  );

  it('gets out of what was learned from few calls, and doubles no faster than at the start', () => {
    let state = report(startRate({}, T0), { accepted: 1, refused: 2, nowMs: T0 + 10_000 });
    expect(state.rate).toBeLessThan(1);
    state = run(state, new Provider(1_000), 60);
    expect(state.rate).toBeGreaterThan(40);
    const later = run(state, new Provider(1_000), 10);
    expect(later.rate / state.rate).toBeLessThan(2.1);
  });

  it('finds its way up again when the limit is raised', () => {
    const slow = run(startRate({}, T0), new Provider(50), 30, 1_000);
    const fast = new Provider(500);
    fast.call(0, slow.atMs);
    run(slow, fast, 120, 1_000);
    expect(fast.accepted).toBeGreaterThan(500 * 120 * 0.6);
  });
});
