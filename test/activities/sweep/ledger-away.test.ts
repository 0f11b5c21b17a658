import { setTimeout as delay } from 'node:timers/promises';
import Database from 'libsql';
import { runChunk } from 'temporal-http-tasks/internal/activities/sweep/run-chunk';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import type { ChunkFence, FlushWave, OpenWave } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { cleanUp, temporaryFolder } from '../../ledger/databases';
import { openLink } from '../../support/breakable-link';
import { until } from '../../support/offboarding-runs';
import { freshPostgresUrl } from '../../support/postgres';
import { chunkOf, converge, expectAllGone, openChunkPlace, seedSweep } from './chunk-place';
import type { ChunkPlace } from './chunk-place';

afterAll(cleanUp);

/** Longer than a fence holds, and than one call of the ledger may take. */
const AWAY_MS = 9_000;
/** The fence holds five seconds from the last write; calls reach the simulator a moment after they are sent. */
const LAST_CALLS_MS = 6_000;
const USERS = 150;

/** Runs a chunk whose calls would last longer than the ledger is away, and takes the ledger away amidst it. */
async function runWhileAway(simulators: Simulators, place: ChunkPlace, away: () => () => void): Promise<void> {
  await seedSweep(simulators, place, 'away', USERS);
  simulators.plaid.configure({ latencyMs: 1_200 });
  const running = runChunk(chunkOf('away', USERS), place);
  await until('calls are under way', () => simulators.plaid.figures().calls.total >= 64);
  const sinceMs = Date.now();
  const back = away();
  await delay(AWAY_MS);
  const untilMs = Date.now();
  back();
  simulators.plaid.configure({ latencyMs: 0 });
  await expect(running).resolves.toMatchObject({ end: 'rangeDone', opened: USERS, waitingForBulk: USERS, deferred: 0 });
  const times = simulators.plaid.calls().calls.map(({ at }) => Date.parse(at));
  expect(times.filter((atMs) => atMs > sinceMs + LAST_CALLS_MS && atMs < untilMs)).toEqual([]);
  expect(times.filter((atMs) => atMs >= untilMs).length).toBeGreaterThan(0);
  expectAllGone(simulators, USERS);
  expect(await place.ledger.sweeps.count('away')).toMatchObject({ waitingForBulk: USERS, open: 0, pending: 0 });
}

/** A test with simulators of its own: all of these mostly wait, and do so at the same time. */
function withSimulators(test: (simulators: Simulators) => Promise<void>): () => Promise<void> {
  return async () => {
    const simulators = await startSimulators({ plaid: { repeatedRemovals: 'process' } });
    try {
      await test(simulators);
    } finally {
      await simulators.close();
    }
  };
}

describe('a chunk whose ledger is away for longer than a fence holds sends nothing meanwhile, waits, and continues', () => {
  it.concurrent(
    'because another process locks it',
    withSimulators(async (simulators) => {
      const file = `${temporaryFolder()}/ledger.db`;
      const place = await openChunkPlace(simulators, `file:${file}`);
      const other = new Database(file);
      await runWhileAway(simulators, place, () => {
        other.exec('begin immediate');
        return () => other.exec('rollback');
      });
      other.close();
      await place.close();
    }),
  );

  it.concurrent(
    'because the way to it is cut',
    withSimulators(async (simulators) => {
      const url = new URL(await freshPostgresUrl());
      const link = await openLink(Number(url.port));
      url.host = `127.0.0.1:${link.port}`;
      const place = await openChunkPlace(simulators, url.href);
      await runWhileAway(simulators, place, () => {
        link.cut();
        return () => link.restore();
      });
      await place.ledger.close();
      await place.close();
      await link.close();
    }),
  );

  it.concurrent(
    'because it can be read and not be written, as on a full disk',
    withSimulators(async (simulators) => {
      const place = await openChunkPlace(simulators, `file:${temporaryFolder()}/ledger.db`);
      let full = false;
      const unlessFull =
        <I extends unknown[], O>(write: (...given: I) => Promise<O>) =>
        (...given: I): Promise<O> =>
          full ? Promise.reject(new LedgerUnavailableError('full')) : write(...given);
      const { sweeps } = place.ledger;
      const writes = {
        openWave: unlessFull((wave: OpenWave) => sweeps.openWave(wave)),
        flushWave: unlessFull((flush: FlushWave) => sweeps.flushWave(flush)),
        confirmFence: unlessFull((chunk: ChunkFence) => sweeps.confirmFence(chunk)),
      };
      place.ledger = { ...place.ledger, sweeps: { ...sweeps, ...writes } };
      await runWhileAway(simulators, place, () => {
        full = true;
        return () => {
          full = false;
        };
      });
      await place.close();
    }),
  );
});

it.concurrent(
  'a chunk that is cancelled while its ledger is away returns within some seconds, and later attempts settle what it sent',
  async () => {
    const simulators = await startSimulators({ plaid: { repeatedRemovals: 'process' } });
    const file = `${temporaryFolder()}/ledger.db`;
    const place = await openChunkPlace(simulators, `file:${file}`);
    await seedSweep(simulators, place, 'cut off', 60);
    const other = new Database(file);
    const control = new AbortController();
    // Long enough that no user is done before the ledger is away, however late this test sees the calls.
    simulators.plaid.configure({ latencyMs: 600 });
    const running = runChunk(chunkOf('cut off', 60), place, { signal: control.signal });
    await until('removals are under way', () => simulators.plaid.figures().calls.total >= 90);
    other.exec('begin immediate');
    control.abort();
    await expect(running).resolves.toMatchObject({ end: 'cancelled', opened: 60, waitingForBulk: 0, deferred: 0 });
    other.exec('rollback');
    other.close();
    expect(await place.ledger.sweeps.count('cut off')).toMatchObject({ open: 60 });
    simulators.plaid.configure({ latencyMs: 0 });
    // A removal that was aborted before it arrived is checked several times before it is sent again: perhaps in a later
    // attempt.
    await converge(chunkOf('cut off', 60), place);
    expectAllGone(simulators, 60);
    await place.close();
    await simulators.close();
  },
);

it.concurrent('a chunk whose ledger is away at its start fails for that, having sent nothing', async () => {
  const simulators = await startSimulators();
  const place = await openChunkPlace(simulators, `file:${temporaryFolder()}/ledger.db`);
  await seedSweep(simulators, place, 'never', 5);
  await place.ledger.close();
  await expect(runChunk(chunkOf('never', 5), place)).rejects.toThrow(LedgerUnavailableError);
  expect(simulators.plaid.figures().calls.total).toBe(0);
  await place.close();
  await simulators.close();
});
