import { setTimeout as delay } from 'node:timers/promises';
import { runChunk } from '../../../src/activities/sweep/run-chunk';
import type { ChunkInput, ChunkResult } from '../../../src/activities/sweep/contract';
import { startSimulators } from '../../../src/testing';
import type { Simulators } from '../../../src/testing';
import { DATABASES, cleanUp } from '../../ledger/databases';
import { sweepOf } from '../../ledger/sweeps/users';
import { chunkOf, openChunkPlace, targets } from './chunk-place';
import type { ChunkPlace } from './chunk-place';

const BYSTANDERS = 50;

describe.each(DATABASES)('a chunk over a ledger in $name', ({ freshUrl }) => {
  let url: string;
  let simulators: Simulators;
  let place: ChunkPlace;

  beforeAll(async () => {
    url = await freshUrl();
  });
  beforeEach(async () => {
    simulators = await startSimulators({ plaid: { repeatedRemovals: 'process' } });
    place = await openChunkPlace(simulators, url);
  });
  afterEach(async () => {
    await place.close();
    await simulators.close();
  });
  afterAll(cleanUp);

  /** A sweep over this many users; the providers know fifty more, whom nobody may touch. */
  async function sweep(sweepId: string, count: number, itemsPerUser = 2): Promise<void> {
    simulators.plaid.seed({ generate: { count: count + BYSTANDERS, prefix: `${sweepId}-`, itemsPerUser } });
    simulators.batch.seed({ generate: { count: count + BYSTANDERS, prefix: `b-${sweepId}-` } });
    await sweepOf(place.ledger.sweeps, sweepId, targets(sweepId, count));
  }

  /** Chunk after chunk, as the rounds of a sweep, until nobody is left to be tried. */
  async function converge(input: ChunkInput, at: ChunkPlace = place): Promise<ChunkResult[]> {
    const results: ChunkResult[] = [];
    for (;;) {
      const result = await runChunk(input, at);
      results.push(result);
      const { ranges: [left] } = await at.ledger.sweeps.readUnfinished({ sweepId: input.sweepId, chunkSize: 1_000, limit: 1, fromSeq: 0 });
      if (left === undefined) return results;
      await delay(Math.max(0, Date.parse(left.notBefore ?? '') - Date.now() || 0));
    }
  }

  function expectAllGone(count: number): void {
    const plaid = simulators.plaid.state();
    expect(plaid.repeats.irreversible).toEqual([]);
    expect(plaid.counts).toMatchObject({ gone: count, left: BYSTANDERS, touched: count });
    expect(plaid.touched.filter((id) => Number(id.slice(id.lastIndexOf('-') + 1)) >= count)).toEqual([]);
  }

  it('brings every user to the end, with a receipt for each step and Batch left for the bulk calls', async () => {
    await sweep('plain', 300);
    const result = await runChunk(chunkOf('plain', 300), place);
    expect(result).toEqual({ opened: 300, settled: 0, waitingForBulk: 300, deferred: 0, outcomes: {}, end: 'rangeDone' });
    expectAllGone(300);
    expect(simulators.batch.figures().calls.total).toBe(0);
    expect(await place.ledger.sweeps.readyForBulk('plain')).toEqual({ ios: 300, android: 300 });
    const receipts = await place.ledger.sweeps.readReceipts({ sweepId: 'plain', afterSeq: -1, limit: 2 });
    expect(receipts.slice(0, 2)).toMatchObject([
      { phase: 'settled', step: 'plaid.items', task: 'plaid.userItemsRemove', outcome: 'removed', subject: targets('plain', 1)[0]?.subjects[0], environment: 'sandbox' },
      { phase: 'settled', step: 'plaid.products', outcome: 'removed' },
    ]);
  });

  it('accounts for everybody under faults, repeats nothing irreversible and touches no bystander', async () => {
    await sweep('faults', 500);
    const often = { probability: 0.03 };
    const loss = { endpoint: 'userItemsRemove', ...often } as const;
    simulators.plaid.faults.add([
      { ...loss, kind: 'dropAfter' },
      { ...loss, kind: 'serverError', processed: true },
      { ...loss, kind: 'resetMidBody' },
      { ...loss, kind: 'dropBefore' },
      { ...loss, kind: 'truncatedJson' },
      { endpoint: '*', ...often, kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 1 } },
      { endpoint: 'userProductsTerminate', probability: 0.01, kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 6 } },
      { endpoint: '*', ...often, kind: 'maintenance' },
      { endpoint: 'userItemsGet', ...often, kind: 'malformedJson' },
      { endpoint: 'userProductsTerminate', ...often, kind: 'dropAfter' },
    ]);
    const results = await converge(chunkOf('faults', 500));
    expectAllGone(500);
    expect(results.reduce((sum, { waitingForBulk }) => sum + waitingForBulk, 0)).toBe(500);
    expect(results.some(({ deferred }) => deferred > 0)).toBe(true);
    expect(await place.ledger.sweeps.count('faults')).toMatchObject({ total: 500, waitingForBulk: 500, pending: 0, open: 0 });
  });

  it('never sends a removal again that Plaid answered, however often the look after it is put off', async () => {
    await sweep('lag', 20);
    simulators.plaid.configure({ readLag: { ms: 4_000 } });
    await converge(chunkOf('lag', 20));
    expectAllGone(20);
  });

  it('looks before it removes a user again whose removal was lost', async () => {
    await sweep('users', 60);
    simulators.plaid.faults.add({ endpoint: 'userRemove', kind: 'dropAfter', probability: 0.4 });
    const input = chunkOf('users', 60);
    await converge({ ...input, plan: { ...input.plan, removeUser: true } });
    expectAllGone(60);
    const { calls } = simulators.plaid.calls();
    expect(calls.filter(({ endpoint, fault }) => endpoint === 'userRemove' && fault === 'dropAfter').length).toBeGreaterThan(5);
    expect(calls.filter(({ endpoint }) => endpoint === 'userRemove')).toHaveLength(60);
  });

  it('stops when it is cancelled, says how far it came, and a later attempt does the rest', async () => {
    await sweep('cancelled', 400);
    simulators.plaid.configure({ latencyMs: 20 });
    const control = new AbortController();
    setTimeout(() => control.abort(), 150);
    const stopped = await runChunk(chunkOf('cancelled', 400), place, { signal: control.signal });
    expect(stopped.end).toBe('cancelled');
    expect(stopped.opened).toBeLessThan(400);
    expect(stopped.waitingForBulk + stopped.deferred).toBe(stopped.opened);
    expect(await place.ledger.sweeps.count('cancelled')).toMatchObject({ open: 0, pending: 400 - stopped.waitingForBulk });
    const before = simulators.plaid.figures().calls.total;
    await delay(200);
    expect(simulators.plaid.figures().calls.total).toBe(before);
    simulators.plaid.configure({ latencyMs: 0 });
    await converge(chunkOf('cancelled', 400));
    expectAllGone(400);
  });

  it('gives way to a newer attempt, after which the older one writes and sends nothing', async () => {
    await sweep('twice', 400);
    simulators.plaid.configure({ latencyMs: 50 });
    const older = await openChunkPlace(simulators, url);
    try {
      const first = runChunk(chunkOf('twice', 400), older);
      await delay(250);
      const flushesOfOlder = jest.spyOn(older.ledger.sweeps, 'flushWave');
      const second = converge(chunkOf('twice', 400));
      await expect(first).resolves.toMatchObject({ end: 'fenced' });
      const sentByOlder = jest.spyOn(older.sender, 'send');
      simulators.plaid.configure({ latencyMs: 0 });
      await second;
      expect(sentByOlder).not.toHaveBeenCalled();
      expect((await Promise.allSettled(flushesOfOlder.mock.results.map(({ value }) => value as Promise<void>))).map(({ status }) => status)).not.toContain('fulfilled');
      expectAllGone(400);
    } finally {
      await older.close();
    }
  });

  it('leaves out whoever a hold is set on before the next wave, and whoever waits', async () => {
    await sweep('held', 300);
    simulators.plaid.configure({ latencyMs: 30 });
    simulators.plaid.faults.add({ endpoint: 'userItemsGet', user: 'held-0', nth: 1, kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 2 } });
    const running = runChunk(chunkOf('held', 300), place);
    await delay(100);
    const held = [0, 298, 299].flatMap((number) => targets('held', 300)[number]?.subjects ?? []);
    await place.ledger.addHold({ holdId: 'late', subjects: held });
    await expect(running).resolves.toMatchObject({ end: 'rangeDone', waitingForBulk: 297 });
    expect(await place.ledger.sweeps.count('held')).toMatchObject({ held: 3, waitingForBulk: 297, pending: 0, open: 0 });
    const { touched } = simulators.plaid.state();
    expect(touched).toHaveLength(297);
    expect(touched).not.toEqual(expect.arrayContaining(['held-0']));
  });

  it('stops at the first refused key, and goes on when a later chunk finds the key good', async () => {
    await sweep('refused', 400);
    simulators.plaid.configure({ latencyMs: 20 });
    simulators.plaid.faults.add({ endpoint: '*', kind: 'unauthorized' });
    const result = await runChunk(chunkOf('refused', 400), place);
    expect(result).toMatchObject({ end: 'unauthorized', unauthorized: { service: 'plaid' }, waitingForBulk: 0, settled: 0 });
    expect(result.deferred).toBe(result.opened);
    expect(simulators.plaid.figures().calls.total).toBeLessThanOrEqual(64);
    await expect(runChunk(chunkOf('refused', 400), place)).resolves.toMatchObject({ end: 'unauthorized' });
    // Reads that were cut off may reach the simulator late: those in flight, and the one trial of the second chunk.
    expect(simulators.plaid.figures().calls.total).toBeLessThanOrEqual(65);
    simulators.plaid.faults.remove();
    simulators.plaid.configure({ latencyMs: 0 });
    await converge(chunkOf('refused', 400));
    expectAllGone(400);
  });

  it('beats with numbers only, and ends when its time is over', async () => {
    await sweep('timed', 300);
    simulators.plaid.configure({ latencyMs: 700 });
    const beats: object[] = [];
    const result = await runChunk(chunkOf('timed', 300, { beginForMs: 100 }), place, { heartbeat: (progress) => beats.push(progress) });
    expect(result.end).toBe('time');
    expect(result.opened).toBeLessThan(300);
    // On a busy machine some may be handed back, because the time for their end was over too.
    expect(result.waitingForBulk + result.deferred).toBe(result.opened);
    expect(beats.length).toBeGreaterThan(0);
    for (const beat of beats) expect(Object.keys(beat).sort()).toEqual(['deferred', 'opened', 'outcomes', 'settled', 'waitingForBulk']);
  });
});
