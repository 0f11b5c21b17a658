import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { DATABASES, cleanUp, open } from '../databases';
import { amount } from '../../support/amount';
import { unhurriedMs } from '../../support/unhurried';
import { rowsOf, settledFully } from './users';

/** Set by hand for more users and to see the figures. */
const BY_HAND = process.env['HTTP_TASKS_TEST_SWEEP_USERS'];
const USERS = Number(BY_HAND ?? amount(10_000, { whole: 100_000 }));
const CHUNK = 1_000;
const WAVE = 250;
// The machine may be busy with other tests.
jest.setTimeout(BY_HAND === undefined ? 240_000 : 3_600_000);

/** Milliseconds of a piece of work. */
async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const results: T[] = [];
  const ms = await unhurriedMs(async () => results.push(await work()));
  return [results[0]!, ms];
}

describe.each(DATABASES)(`a sweep of ${USERS} users in $name`, ({ name, freshUrl }) => {
  let ledger: OpenedLedger;
  const sweepId = 'large';
  const figures: Record<string, number> = {};

  beforeAll(async () => {
    ledger = await open(await freshUrl());
    await ledger.sweeps.create({ sweepId });
  });
  afterAll(async () => {
    await cleanUp();
    if (BY_HAND !== undefined) process.stderr.write(`${name}: ${JSON.stringify(figures)}\n`);
  });

  it('takes in thousands of rows a second', async () => {
    const { sweeps } = ledger;
    const [, ms] = await timed(async () => {
      for (let from = 0; from < USERS; from += 2_000) {
        const rows = rowsOf(from, Math.min(USERS, from + 2_000));
        const { version } = await sweeps.readSnapshot(sweepId);
        await sweeps.appendTargets({ sweepId, version, rows, position: String(from), complete: from + 2_000 >= USERS });
      }
    });
    figures['appended a second'] = Math.round((USERS / ms) * 1_000);
    expect(figures['appended a second']).toBeGreaterThan(2_000);
    expect(await sweeps.count(sweepId)).toMatchObject({ total: USERS, pending: USERS });
  });

  it('opens and flushes waves of 250 users fast enough for thousands of users a second', async () => {
    const { sweeps } = ledger;
    let openMs = 0;
    let flushMs = 0;
    for (let from = 0; from < USERS; from += CHUNK) {
      const chunk = { sweepId, chunkId: `chunk-${from}`, fence: 0 };
      chunk.fence = await sweeps.takeFence(chunk);
      for (let wave = 1; wave <= CHUNK / WAVE; wave++) {
        const range = { from, to: from + CHUNK - 1 };
        const [users, opened] = await timed(() => sweeps.openWave({ ...chunk, range, wave, limit: WAVE }));
        const [, flushed] = await timed(() => sweeps.flushWave({ ...chunk, users: users.map(settledFully) }));
        openMs += opened;
        flushMs += flushed;
        expect(users).toHaveLength(WAVE);
      }
    }
    figures['ms to open a wave'] = Math.round((openMs / USERS) * WAVE * 10) / 10;
    figures['ms to flush a wave'] = Math.round((flushMs / USERS) * WAVE * 10) / 10;
    figures['users a second'] = Math.round((USERS / (openMs + flushMs)) * 1_000);
    expect(figures['users a second']).toBeGreaterThan(2_000);
  });

  it('is counted in a moment, and each user once', async () => {
    const [counts, ms] = await timed(() => ledger.sweeps.count(sweepId));
    figures['ms to count'] = Math.round(ms);
    expect(counts).toMatchObject({ total: USERS, accepted: USERS, pending: 0, open: 0 });
    expect(ms).toBeLessThan(2_000);
  });

  it('is sealed, verified and purged', async () => {
    const { sweeps } = ledger;
    const [{ merkleRoot, leaves }, sealMs] = await timed(() => sweeps.seal({ sweepId }));
    const [verification, verifyMs] = await timed(() => sweeps.verify({ sweepId, expectedRoot: merkleRoot }));
    const [purged, purgeMs] = await timed(() => sweeps.purge({ sweepId }));
    figures['receipts sealed a second'] = Math.round((leaves / sealMs) * 1_000);
    figures['receipts verified a second'] = Math.round((leaves / verifyMs) * 1_000);
    figures['users purged a second'] = Math.round((USERS / purgeMs) * 1_000);
    figures['MB of this process'] = Math.round(process.memoryUsage().rss / 1e6);
    expect(leaves).toBe(USERS * 3);
    expect(verification).toMatchObject({ ok: true, differences: [], receipts: USERS * 3 });
    expect(purged).toBe(USERS);
  });
});
