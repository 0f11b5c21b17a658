import { createCallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import type { CallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import type { RateResponse } from 'temporal-http-tasks/internal/activities/budget/key-counts';
import type { RateKey } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import { ChunkRun, FencedLedger } from 'temporal-http-tasks/internal/activities/sweep/chunk-run';
import { HoldCheck, sendCall } from 'temporal-http-tasks/internal/activities/sweep/user-run';
import { ProcessLimits } from 'temporal-http-tasks/internal/activities/sweep/process-limits';
import { runChunk } from 'temporal-http-tasks/internal/activities/sweep/run-chunk';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { batch, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { cleanUp } from '../../ledger/databases';
import { until } from '../../support/offboarding-runs';
import { chunkOf, expectAllGone, openChunkPlace, seedSweep, UNLIMITED } from './chunk-place';
import type { ChunkPlace } from './chunk-place';

describe('the calls of a chunk', () => {
  let simulators: Simulators;
  let place: ChunkPlace;

  beforeEach(async () => {
    simulators = await startSimulators({ plaid: { repeatedRemovals: 'process' } });
    place = await openChunkPlace(simulators, 'file::memory:');
  });
  afterEach(async () => {
    await place.close();
    await simulators.close();
  });
  afterAll(cleanUp);

  it('are each taken out of the shared rate before they are sent, as a sweep, and their outcomes are reported', async () => {
    await seedSweep(simulators, place, 'reported', 30);
    simulators.plaid.faults.add({
      endpoint: 'userItemsGet',
      nth: [3, 5],
      kind: 'rateLimit',
      retryAfter: { form: 'seconds', seconds: 1 },
    });
    const [taken, responses]: [unknown[], RateResponse[]] = [[], []];
    const budgets: CallBudgets = {
      ...UNLIMITED,
      tryAdmit: () => false,
      admit: (key, caller) => {
        taken.push({ key, caller });
        return Promise.resolve(true);
      },
      responded: (_key: RateKey, response) => responses.push(response),
    };
    await runChunk(chunkOf('reported', 30), { ...place, budgets });
    const calls = simulators.plaid.figures().calls.total;
    expect(taken).toEqual(
      Array.from({ length: calls }, () => ({ key: { service: 'plaid', keySlot: '' }, caller: 'sweep' })),
    );
    expect(responses.filter(({ refused }) => refused)).toEqual(
      [0, 1].map(() => ({ refused: true, caller: 'sweep', retryAfterMs: 1_000 })),
    );
    expect(responses).toHaveLength(calls);
    expectAllGone(simulators, 30);
  });

  it('wait for a ledger that cannot give any, and none is sent meanwhile', async () => {
    await seedSweep(simulators, place, 'waiting', 30);
    let away = true;
    let asked = 0;
    const budgets: CallBudgets = {
      ...UNLIMITED,
      tryAdmit: () => !away,
      admit: () => {
        asked += 1;
        return Promise.reject(new LedgerUnavailableError('away'));
      },
    };
    const running = runChunk(chunkOf('waiting', 30), { ...place, budgets });
    await until('all have asked more than once', () => asked >= 60);
    expect(simulators.plaid.figures().calls.total).toBe(0);
    away = false;
    await expect(running).resolves.toMatchObject({ waitingForBulk: 30 });
    expectAllGone(simulators, 30);
  });

  it('cost one each, also when the wait for it is so long that the ledger has to confirm the fence again', async () => {
    await seedSweep(simulators, place, 'slow', 1);
    const now = performance.now.bind(performance);
    let [passedMs, taken] = [0, 0];
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + passedMs);
    const admit: CallBudgets['admit'] = () => {
      taken += 1;
      passedMs += 6_000;
      return Promise.resolve(taken < 10);
    };
    try {
      const stop = new AbortController();
      const ledger = await FencedLedger.take(place.ledger, { sweepId: 'slow', chunkId: 'c' }, stop.signal);
      const run = new ChunkRun(chunkOf('slow', 1), ledger, stop, {
        ...place,
        budgets: { ...UNLIMITED, tryAdmit: () => false, admit },
      });
      const end = await sendCall(
        run,
        plaid.userItemsGet,
        { user_id: 'slow-0' },
        new HoldCheck(ledger, [], performance.now()),
      );
      expect({ kind: end.kind, taken }).toEqual({ kind: 'responded', taken: 1 });
    } finally {
      clock.mockRestore();
    }
  });

  it('are of few users, and none is begun while many calls wait for the rate, with few heartbeats', async () => {
    await seedSweep(simulators, place, 'paced', 40);
    const { backlog } = place.limits.keySlot('plaid');
    let release = (): void => undefined;
    const gate = new Promise<boolean>((resolve) => (release = () => resolve(true)));
    const others = Array.from({ length: 40 }, () => backlog.wait(() => gate));
    await until('the rate is the bottleneck', () => backlog.isPaced);
    const opening = jest.spyOn(place.ledger.sweeps, 'openWave');
    const waves = (): number[] => opening.mock.calls.map(([{ limit }]) => limit);
    let beats = 0;
    const running = runChunk(chunkOf('paced', 40), place, { heartbeat: () => (beats += 1) });
    await until('the first are done', () => simulators.plaid.figures().calls.total >= 16);
    const heldFrom = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(waves()).toEqual([4]);
    expect(beats).toBeLessThanOrEqual(1 + (performance.now() - heldFrom) / 4_000);
    release();
    await Promise.all(others);
    await expect(running).resolves.toMatchObject({ opened: 40, waitingForBulk: 40 });
    expect(Math.max(...waves())).toBeLessThanOrEqual(32);
    expectAllGone(simulators, 40);
  });

  it('go through the gate, and are taken out of the budget, of the key that they use', async () => {
    await seedSweep(simulators, place, 'slots', 1);
    const taken: RateKey[] = [];
    const reported: [RateKey, RateResponse][] = [];
    const budgets: CallBudgets = {
      ...UNLIMITED,
      tryAdmit: (key) => taken.push(key) > 0,
      responded: (key, response) => void reported.push([key, response]),
    };
    const limits = new ProcessLimits();
    const stop = new AbortController();
    const ledger = await FencedLedger.take(place.ledger, { sweepId: 'slots', chunkId: 'c' }, stop.signal);
    const run = new ChunkRun(chunkOf('slots', 1), ledger, stop, {
      ...place,
      budgets,
      limits,
      services: place.services,
    });
    simulators.batch.faults.add({ endpoint: '*', kind: 'unauthorized', times: 1 });
    const call = (app: string) =>
      sendCall(run, batch.customDataBulkDelete, { app, ids: ['nobody'] }, new HoldCheck(ledger, [], performance.now()));
    expect((await call('android')).kind).toBe('stopped');
    // Only the refused key is shut, and it is the one that is named.
    expect(run.reason).toEqual({ end: 'unauthorized', unauthorized: { service: 'batch', slot: 'android' } });
    expect(limits.keySlot('batch', 'android').refuses(run.beganAtMs)).toBe(true);
    expect(limits.keySlot('batch', 'ios').refuses(run.beganAtMs)).toBe(false);
    const other = new ChunkRun(chunkOf('slots', 1), ledger, new AbortController(), { ...place, budgets, limits });
    expect(
      (
        await sendCall(
          other,
          batch.customDataBulkDelete,
          { app: 'ios', ids: ['nobody'] },
          new HoldCheck(ledger, [], performance.now()),
        )
      ).kind,
    ).toBe('responded');
    expect(taken).toEqual([
      { service: 'batch', keySlot: 'android' },
      { service: 'batch', keySlot: 'ios' },
    ]);
    expect(reported).toEqual([[{ service: 'batch', keySlot: 'ios' }, { refused: false }]]);
  });

  it('end immediately when the chunk is stopped while they wait for their turn', async () => {
    await seedSweep(simulators, place, 'stopped', 30);
    const control = new AbortController();
    let waiting = 0;
    const admit: CallBudgets['admit'] = (_key, _caller, signal) => {
      waiting += 1;
      return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(false)));
    };
    const running = runChunk(
      chunkOf('stopped', 30),
      { ...place, budgets: { ...UNLIMITED, tryAdmit: () => false, admit } },
      { signal: control.signal },
    );
    await until('all wait for their turn', () => waiting === 30);
    control.abort();
    await expect(running).resolves.toMatchObject({ end: 'cancelled', opened: 30, deferred: 30 });
    expect(simulators.plaid.figures().calls.total).toBe(0);
  });

  it('keep within the limit that all processes share', async () => {
    await seedSweep(simulators, place, 'limited', 40);
    const budgets = createCallBudgets({ rates: place.ledger.rates, documentedLimit: () => 3_000 });
    const beganAtMs = performance.now();
    await runChunk(chunkOf('limited', 40), { ...place, budgets });
    const seconds = (performance.now() - beganAtMs) / 1_000;
    expect(simulators.plaid.figures().calls.total).toBeLessThanOrEqual(50 * (seconds + 1));
    expectAllGone(simulators, 40);
    await budgets.close();
  });
});
