import { setTimeout as delay } from 'node:timers/promises';
import { OpenUserBudget } from 'temporal-http-tasks/internal/activities/sweep/process-limits';
import { OutcomeBuffer } from 'temporal-http-tasks/internal/activities/sweep/outcome-buffer';
import { runChunk } from 'temporal-http-tasks/internal/activities/sweep/run-chunk';
import type { SettledUser } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { startSimulators } from '@temporal-http-tasks/testing';
import { cleanUp } from '../../ledger/databases';
import { until } from '../../support/offboarding-runs';
import { chunkOf, expectAllGone, openChunkPlace, seedSweep } from './chunk-place';

const signal = new AbortController().signal;
const WAVE = { most: 125, least: 60 };

afterAll(cleanUp);

it('all chunks of a process together hold at most 250 users with an open intent', async () => {
  const simulators = await startSimulators();
  const place = await openChunkPlace(simulators, 'file::memory:');
  await seedSweep(simulators, place, 'many', 1_000);
  simulators.plaid.configure({ latencyMs: 20 });
  const open: number[] = [];
  let isOver = false;
  // One question after the other: on a busy machine more of them would keep the ledger from the chunks.
  const watching = (async () => {
    for (; !isOver; await delay(20)) open.push((await place.ledger.sweeps.count('many')).open);
  })();
  await Promise.all(
    [0, 250, 500, 750].map((fromSeq) => runChunk(chunkOf('many', 1_000, { fromSeq, toSeq: fromSeq + 249 }), place)),
  );
  isOver = true;
  await watching;
  expect(open.length).toBeGreaterThan(3);
  expect(Math.max(...open)).toBeGreaterThan(100);
  expect(Math.max(...open)).toBeLessThanOrEqual(250);
  expectAllGone(simulators, 1_000);
  await place.close();
  await simulators.close();
});

it('places are given in the order of asking, half a wave at least, or what there is after a moment', async () => {
  const budget = new OpenUserBudget(250);
  expect(await Promise.all([budget.take(WAVE, signal), budget.take(WAVE, signal)])).toEqual([125, 125]);
  const order: [string, number][] = [];
  const ask = (name: string): Promise<unknown> =>
    budget.take(WAVE, signal).then((places) => order.push([name, places]));
  const asked = [ask('first'), ask('second')];
  budget.giveBack(130);
  await asked[0];
  expect(order).toEqual([['first', 125]]);
  await asked[1];
  expect(order).toEqual([
    ['first', 125],
    ['second', 5],
  ]);
});

it('places that are asked for are not given to a chunk that was stopped', async () => {
  const budget = new OpenUserBudget(10);
  await budget.take(WAVE, signal);
  const stop = new AbortController();
  const stopped = budget.take(WAVE, stop.signal);
  const other = budget.take(WAVE, signal);
  stop.abort();
  expect(await stopped).toBe(0);
  budget.giveBack(7);
  expect(await other).toBe(7);
  expect(await budget.take(WAVE, stop.signal)).toBe(0);
});

it('a chunk that keeps places only to write more outcomes together is asked to write them', async () => {
  const budget = new OpenUserBudget(1);
  await budget.take(WAVE, signal);
  budget.whenShort(() => budget.giveBack(1));
  expect(await budget.take(WAVE, signal)).toBe(1);
});

describe('outcomes', () => {
  const settled = (seq: number): SettledUser => ({ kind: 'settled', seq, round: 0, receipts: [], bulkApps: ['ios'] });

  it('are written 125 at a time, one statement after the other, and none waits longer than about a second', async () => {
    const written: number[] = [];
    let [concurrent, most] = [0, 0];
    const buffer = new OutcomeBuffer(
      async (users) => {
        most = Math.max(most, ++concurrent);
        await delay(5);
        written.push(users.length);
        concurrent -= 1;
      },
      () => undefined,
      () => false,
    );
    for (let seq = 0; seq < 125; seq += 1) buffer.add(settled(seq));
    // These come while the first are written, and are too few to be written immediately.
    for (let seq = 125; seq < 140; seq += 1) buffer.add(settled(seq));
    await until('the rest is written too', () => written.length === 2);
    expect(written).toEqual([125, 15]);
    expect(most).toBe(1);
    expect(buffer.tally).toMatchObject({ waitingForBulk: 140 });
  });

  it('are written as soon as they come while a chunk waits for their places, also those that come after the asking', async () => {
    const budget = new OpenUserBudget(3);
    await budget.take({ most: 3, least: 3 }, signal);
    const written: number[] = [];
    const buffer = new OutcomeBuffer(
      (users) => Promise.resolve(void written.push(users.length)),
      (users) => budget.giveBack(users),
      () => budget.isShort,
    );
    const waiting = budget.take({ most: 2, least: 2 }, signal);
    expect(budget.isShort).toBe(false);
    await until('the patience of the one who waits is over', () => budget.isShort);
    buffer.add(settled(0));
    expect(await waiting).toBe(1);
    buffer.add(settled(1));
    expect(budget.isShort).toBe(false);
    expect(written).toEqual([1]);
    await buffer.drain();
  });

  it('that could not be written are not counted, and their places are free again', async () => {
    let freed = 0;
    const buffer = new OutcomeBuffer(
      () => Promise.reject(new Error('fenced')),
      (users) => (freed += users),
      () => false,
    );
    buffer.add(settled(0));
    await buffer.drain();
    expect(freed).toBe(1);
    expect(buffer.tally).toMatchObject({ waitingForBulk: 0 });
  });
});
