import { setTimeout as delay } from 'node:timers/promises';
import { runChunk } from 'temporal-http-tasks/internal/activities/sweep/run-chunk';
import { cleanUp } from '../../ledger/databases';
import { until } from '../../support/offboarding-runs';
import { chunkOf, converge, expectAllGone, planOf, seedSweep, targetOf, targets } from './chunk-place';
import { overEachDatabase } from './over-each-database';
import { sweepOf } from '../../ledger/sweeps/users';

/** Calls that one key may have in flight at a time. */
const MOST_IN_FLIGHT = 64;

afterAll(cleanUp);

it('finishes every user, with a receipt for each step and Batch left for the bulk calls', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'plain', 300);
    const result = await runChunk(chunkOf('plain', 300), place);
    expect(result).toEqual({
      opened: 300,
      settled: 0,
      waitingForBulk: 300,
      deferred: 0,
      outcomes: {},
      end: 'rangeDone',
    });
    expectAllGone(simulators, 300);
    expect(simulators.plaid.figures().calls.byEndpoint).toMatchObject({
      userItemsGet: { received: 600 },
      userItemsRemove: { received: 300 },
      userProductsTerminate: { received: 300 },
    });
    expect(simulators.batch.figures().calls.total).toBe(0);
    expect(await place.ledger.sweeps.readyForBulk('plain')).toEqual({ ios: 300, android: 300 });
    const receipts = await place.ledger.sweeps.readReceipts({ sweepId: 'plain', afterSeq: -1, limit: 2 });
    const about = {
      phase: 'settled',
      subject: targets('plain', 1)[0]?.subjects[0],
      service: 'plaid',
      environment: 'sandbox',
      outcome: 'removed',
    };
    expect(receipts.slice(0, 2)).toMatchObject([
      { ...about, step: 'plaid.items', task: 'plaid.userItemsRemove', requestId: expect.any(String) as string },
      {
        ...about,
        step: 'plaid.products',
        task: 'plaid.userProductsTerminate',
        requestId: expect.any(String) as string,
      },
    ]);
  }));

it('counts users who need no bulk call under the worst of their steps', () =>
  overEachDatabase(async ({ simulators, place }) => {
    simulators.plaid.seed({
      users: [
        { userId: 'mixed-0', items: ['mixed-item-0'] },
        { userId: 'mixed-1', items: [] },
        { userId: 'mixed-2', items: ['mixed-item-2'] },
      ],
    });
    const users = [
      { plaidUserId: 'mixed-0' },
      { plaidUserId: 'mixed-1' },
      { plaidUserId: 'mixed-2', itemIds: ['mixed-item-2', 'item-of-somebody-else'] },
      { plaidUserId: 'mixed-nobody' },
      { batchUserId: 'mixed-batch-only' },
    ];
    await sweepOf(place.ledger.sweeps, 'mixed', users.map(targetOf));
    const result = await runChunk(chunkOf('mixed', users.length, { plan: planOf({ batchMode: 'skip' }) }), place);
    expect(result).toMatchObject({
      opened: 5,
      settled: 5,
      outcomes: { removed: 2, notFound: 2, skipped: 1 },
      end: 'rangeDone',
    });
    expect(await place.ledger.sweeps.count('mixed')).toMatchObject({
      removed: 2,
      notFound: 2,
      skipped: 1,
      pending: 0,
      open: 0,
    });
  }));

it('changes nothing in a dry run, and says so', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'dry', 100);
    const result = await runChunk(chunkOf('dry', 100, { plan: planOf({ dryRun: true }) }), place);
    expect(result).toMatchObject({ settled: 100, waitingForBulk: 0, outcomes: { skipped: 100 } });
    expect(simulators.plaid.state().touched).toEqual([]);
  }));

it('stops when it is cancelled, says how far it came, and a later attempt does the rest', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'cancelled', 400);
    simulators.plaid.configure({ latencyMs: 20 });
    const control = new AbortController();
    const running = runChunk(chunkOf('cancelled', 400), place, { signal: control.signal });
    await until('it is under way', () => simulators.plaid.figures().calls.total > 200);
    control.abort();
    const stopped = await running;
    expect(stopped.end).toBe('cancelled');
    expect(stopped.opened).toBeLessThan(400);
    expect(stopped.waitingForBulk + stopped.deferred).toBe(stopped.opened);
    expect(await place.ledger.sweeps.count('cancelled')).toMatchObject({
      open: 0,
      pending: 400 - stopped.waitingForBulk,
    });
    await sendsNoMore(simulators);
    simulators.plaid.configure({ latencyMs: 0 });
    await converge(chunkOf('cancelled', 400), place);
    expectAllGone(simulators, 400);
  }));

it('leaves out users on whom a hold is set before the next wave, and those who wait', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'held', 300);
    simulators.plaid.configure({ latencyMs: 30 });
    simulators.plaid.faults.add({
      endpoint: 'userItemsGet',
      user: 'held-0',
      nth: 1,
      kind: 'rateLimit',
      retryAfter: { form: 'seconds', seconds: 2 },
    });
    const running = runChunk(chunkOf('held', 300), place);
    await until('the first wave is under way', () => simulators.plaid.figures().calls.total > 0);
    const held = [0, 298, 299].flatMap((number) => targets('held', 300)[number]?.subjects ?? []);
    await place.ledger.addHold({ holdId: 'late', subjects: held });
    await expect(running).resolves.toMatchObject({ end: 'rangeDone', waitingForBulk: 297 });
    expect(await place.ledger.sweeps.count('held')).toMatchObject({
      held: 3,
      waitingForBulk: 297,
      pending: 0,
      open: 0,
    });
    const { touched } = simulators.plaid.state();
    expect(touched).toHaveLength(297);
    expect(touched).not.toContain('held-0');
  }));

it('ends with a hold that is set while a slow provider keeps a whole wave waiting', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'slow', 120);
    simulators.plaid.configure({ latencyMs: 700 });
    const running = runChunk(chunkOf('slow', 120), place);
    await until('the first calls are under way', () => simulators.plaid.figures().calls.total >= 64);
    await place.ledger.addHold({ holdId: 'slow', subjects: targets('slow', 120)[119]?.subjects ?? [] });
    await running;
    expect(await place.ledger.sweeps.count('slow')).toMatchObject({ held: 1, waitingForBulk: 119 });
    expect(simulators.plaid.state().touched).not.toContain('slow-119');
  }));

it('stops at the first refused key, and continues when a later chunk finds the key good', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'refused', 400);
    simulators.plaid.configure({ latencyMs: 20 });
    simulators.plaid.faults.add({ endpoint: '*', kind: 'unauthorized' });
    const result = await runChunk(chunkOf('refused', 400), place);
    expect(result).toMatchObject({
      end: 'unauthorized',
      unauthorized: { service: 'plaid' },
      waitingForBulk: 0,
      settled: 0,
    });
    expect(result.deferred).toBe(result.opened);
    expect(simulators.plaid.figures().calls.total).toBeLessThanOrEqual(64);
    await expect(runChunk(chunkOf('refused', 400), place)).resolves.toMatchObject({ end: 'unauthorized' });
    // Aborted reads may reach the simulator late: those in flight, and the one trial of the second chunk.
    expect(simulators.plaid.figures().calls.total).toBeLessThanOrEqual(65);
    simulators.plaid.faults.remove();
    simulators.plaid.configure({ latencyMs: 0 });
    await converge(chunkOf('refused', 400), place);
    expectAllGone(simulators, 400);
  }));

it('stops when more users failed than may, of the whole sweep', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'tolerant', 800);
    simulators.plaid.faults.add({
      endpoint: 'userItemsGet',
      probability: 0.2,
      kind: 'unknownErrorCode',
      status: 400,
      errorType: 'USER_ERROR',
    });
    const plan = planOf({ batchMode: 'skip', onFailure: 'stop' });
    const first = await runChunk(chunkOf('tolerant', 800, { toSeq: 99, plan, mostFailed: 800 }), place);
    expect(first).toMatchObject({ end: 'rangeDone', settled: 100 });
    const failed = first.outcomes.failed ?? 0;
    expect(failed).toBeGreaterThan(5);
    const second = await runChunk(chunkOf('tolerant', 800, { fromSeq: 100, plan, mostFailed: failed - 1 }), place);
    expect(second).toMatchObject({ end: 'tolerance', opened: 0 });
    simulators.plaid.configure({ latencyMs: 250 });
    const third = await runChunk(chunkOf('tolerant', 800, { fromSeq: 100, plan, mostFailed: failed }), place);
    expect(third.end).toBe('tolerance');
    expect(third.settled + third.deferred).toBe(third.opened);
    expect(third.opened).toBeLessThan(700);
    await sendsNoMore(simulators);
  }));

it('beats with numbers only, and ends when its time is over', () =>
  overEachDatabase(async ({ simulators, place }) => {
    await seedSweep(simulators, place, 'timed', 300);
    simulators.plaid.configure({ latencyMs: 400 });
    const beats: object[] = [];
    const result = await runChunk(chunkOf('timed', 300, { beginForMs: 100 }), place, {
      heartbeat: (progress) => beats.push(progress),
    });
    expect(result.end).toBe('time');
    expect(result.opened).toBeLessThan(300);
    // On a busy machine some may be handed back, because the time for their end was over too.
    expect(result.waitingForBulk + result.deferred).toBe(result.opened);
    expect(beats.length).toBeGreaterThan(0);
    for (const beat of beats)
      expect(Object.keys(beat).sort()).toEqual(['deferred', 'opened', 'outcomes', 'settled', 'waitingForBulk']);
  }));

/**
 * What cannot be undone has reached the provider before the chunk returned. Aborted reads may still be on their way to
 * it, no more than were in flight; once they have arrived it is quiet.
 */
async function sendsNoMore({ plaid }: Parameters<typeof expectAllGone>[0]): Promise<void> {
  const { userItemsGet: readsBefore = 0, ...others } = received();
  let last = readsBefore;
  await until('the reads that were cut off have arrived', async () => {
    const before = last;
    await delay(200);
    last = received().userItemsGet ?? 0;
    return last === before;
  });
  expect(last - readsBefore).toBeLessThanOrEqual(MOST_IN_FLIGHT);
  expect(received()).toEqual({ ...others, userItemsGet: last });

  function received(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(plaid.figures().calls.byEndpoint).map(([endpoint, calls]) => [endpoint, calls.received]),
    );
  }
}
