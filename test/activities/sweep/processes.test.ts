import { setTimeout as delay } from 'node:timers/promises';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp } from '../../ledger/databases';
import { amount } from '../../support/amount';
import { until } from '../../support/offboarding-runs';
import { startChunks } from './children/start';
import type { ChunkProcess, ChunkWork } from './children/start';
import {
  BYSTANDERS,
  chunkEnvironment,
  chunkOf,
  converge,
  expectAllGone,
  openChunkPlace,
  planOf,
  seedSweep,
} from './chunk-place';
import type { ChunkPlace } from './chunk-place';

/** Users of one chunk. */
const PART = 60;

/** How many chunks each of the three lanes works at, each in a process that is killed. */
const PARTS = amount(1, { whole: 4 });

/** The process that is to settle them all is killed within this time, which is about what it needs. */
const SETTLING_MS = amount(3_000, { whole: 9_000 });

describe.each(DATABASES)('processes that run chunks over a ledger in $name', ({ freshUrl }) => {
  let url: string;
  let simulators: Simulators;
  let place: ChunkPlace;
  let env: Record<string, string>;
  let kills: number;
  const running = new Set<ChunkProcess>();

  beforeAll(async () => {
    url = await freshUrl();
  });
  beforeEach(async () => {
    simulators = await startSimulators({ plaid: { repeatedRemovals: 'process' } });
    place = await openChunkPlace(simulators, url);
    env = chunkEnvironment(simulators, url);
    kills = 0;
  });
  afterEach(async () => {
    for (const { child, gone } of running) {
      child.kill('SIGKILL');
      await gone;
    }
    running.clear();
    await place.close();
    await simulators.close();
  });
  afterAll(cleanUp);

  function start(work: ChunkWork): ChunkProcess {
    const process = startChunks(work, env);
    running.add(process);
    void process.gone.then(() => running.delete(process));
    return process;
  }

  /** Kills a process when it has made so many calls for the users of its part, wherever it is by then. */
  async function killAmidst(work: ChunkWork, calls: number): Promise<void> {
    const process = start(work);
    await until(
      'it has made its calls',
      () => callsFor(work) >= calls || process.said.some(({ did }) => did === 'finished'),
    );
    await kill(process);
  }

  async function kill(process: ChunkProcess): Promise<void> {
    process.child.kill('SIGKILL');
    await process.gone;
    kills += process.said.some(({ did }) => did === 'finished') ? 0 : 1;
  }

  function callsFor({ from, to }: ChunkWork): number {
    const numbers = simulators.plaid
      .calls()
      .calls.map(({ user = '' }) => Number(user.slice(user.lastIndexOf('-') + 1)));
    return numbers.filter((number) => number >= from && number <= to).length;
  }

  /** Each part is begun by a process that is killed amidst it; the next one, which is to settle them all, is killed too. */
  async function killOverAndOver(work: ChunkWork): Promise<void> {
    for (let from = work.from; from < work.to; from += PART) {
      await killAmidst({ ...work, from, to: from + PART - 1 }, 1 + Math.floor(Math.random() * 3.5 * PART));
    }
    const settling = start(work);
    await settling.until('began');
    await delay(Math.random() * SETTLING_MS);
    await kill(settling);
    const last = start(work);
    await last.until('finished');
    await last.gone;
    expect(last.said).toContainEqual({ did: 'finished' });
  }

  it('and are killed at any moment, over and over, lose no user, count every user once and repeat nothing irreversible', async () => {
    const users = 3 * PARTS * PART;
    await seedSweep(simulators, place, 'killed', users);
    simulators.plaid.configure({ latencyMs: 50 });
    simulators.plaid.faults.add([
      { endpoint: '*', probability: 0.01, kind: 'dropAfter' },
      { endpoint: '*', probability: 0.01, kind: 'dropBefore' },
    ]);
    const third = users / 3;
    const work = { sweepId: 'killed', chunkSize: PART };
    await Promise.all(
      [planOf(), planOf({ removeUser: true }), planOf({ removeUser: true, onFailure: 'stop' })].map((plan, lane) =>
        killOverAndOver({
          ...work,
          plan: { ...plan, batchMode: 'skip' },
          from: lane * third,
          to: (lane + 1) * third - 1,
        }),
      ),
    );
    // One in six of them may come too late.
    expect(kills).toBeGreaterThanOrEqual(amount(3, { whole: 10 }));
    expectAllGone(simulators, users);
    expect(simulators.plaid.state().removedUsers).toHaveLength(users - third);
    const counts = await place.ledger.sweeps.count('killed');
    expect(counts).toMatchObject({ total: users, pending: 0, open: 0, failed: 0, unknown: 0, notFound: 0 });
    expect(counts.removed + counts.alreadyGone).toBe(users);
    const finalOutcomes = Array.from({ length: users }, (): string[] => []);
    for (const { seq, phase, step } of await receiptsOf('killed'))
      if (phase === 'settled') finalOutcomes[seq]?.push(step);
    const oneOfEach = (seq: number): string[] => [
      'batch',
      'plaid.items',
      'plaid.products',
      ...(seq < third ? [] : ['plaid.user']),
    ];
    expect(finalOutcomes.map((steps) => steps.sort())).toEqual(finalOutcomes.map((_, seq) => oneOfEach(seq)));
  });

  it('and are frozen while another one takes their chunk over send and write nothing after they wake', async () => {
    const users = 200;
    await seedSweep(simulators, place, 'frozen', users);
    simulators.plaid.configure({ latencyMs: 1_000 });
    const frozen = start({ sweepId: 'frozen', plan: planOf(), chunkSize: users, from: 0, to: users - 1 });
    // All its places are taken by calls in flight, and nothing has to be written for a while.
    await until('calls are in flight', () => simulators.plaid.figures().calls.total >= 64);
    frozen.child.kill('SIGSTOP');
    simulators.plaid.configure({ latencyMs: 0 });
    await converge(chunkOf('frozen', users), place);
    expectAllGone(simulators, users);
    const calls = simulators.plaid.figures().calls.total;
    const written = await receiptsOf('frozen');
    frozen.child.kill('SIGCONT');
    await frozen.gone;
    expect(frozen.said).toContainEqual(
      expect.objectContaining({ did: 'ended', result: expect.objectContaining({ end: 'fenced' }) as unknown }),
    );
    expect(simulators.plaid.figures().calls.total).toBe(calls);
    expect(await receiptsOf('frozen')).toEqual(written);
    expect(simulators.plaid.state().counts).toMatchObject({ touched: users, left: BYSTANDERS });
  });

  async function receiptsOf(sweepId: string): Promise<Receipt[]> {
    return place.ledger.sweeps.readReceipts({ sweepId, afterSeq: -1, limit: 1_000_000 });
  }
});
