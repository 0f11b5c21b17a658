import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { SweepConflictError, SweepReleasedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { DATABASES, cleanUp, open, runRaw } from '../databases';
import { rowOf, rowsOf, settled, sweepOf, userNumber } from './users';

const LOUD = 'ÄÖ-canary-4711';
const USER = {
  plaidUserId: `${LOUD}-plaid`,
  batchUserId: `${LOUD}-batch`,
  itemIds: [`${LOUD}-item`],
  reference: `${LOUD}-ref`,
};
const OUTCOMES_OF_TEN: readonly Outcome[] = [
  'removed',
  'failed',
  'accepted',
  'unknown',
  'notFound',
  'alreadyGone',
  'skipped',
  'held',
  'failed',
];

/** Every file that a database may have written to: libSQL's with its log, Postgres' whole data folder. */
async function filesOf(url: string): Promise<string[]> {
  if (url.startsWith('file:')) {
    const file = url.slice('file:'.length);
    return [file, `${file}-wal`, `${file}-shm`];
  }
  await runRaw(url, 'checkpoint');
  const [row] = await runRaw(url, 'show data_directory');
  const folder = String(row?.['data_directory']);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
}

/** A server drops and renames files of other tests' databases meanwhile; one that is gone holds nothing. */
function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** When nothing of this file's had been written anywhere. */
const BEGAN_AT_MS = Date.now();

/** Whether a file was written to since; the other tests' data of a whole run is a gigabyte. */
function isWritten(file: string): boolean {
  const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return written !== undefined && written > BEGAN_AT_MS - 2_000;
}

/** The files that hold one of these texts. */
async function holding(url: string, texts: readonly string[]): Promise<string[]> {
  const files = (await filesOf(url)).filter(isWritten);
  return files.filter((file) => {
    const bytes = bytesOf(file);
    return texts.some(
      (text) => bytes.includes(text) || bytes.includes(Buffer.from(text).toString('base64url').slice(0, -2)),
    );
  });
}

describe.each(DATABASES)('the ids of a sweep in $name', ({ name, freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  let sweeps: SweepLedger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
    ({ sweeps } = ledger);
  });
  afterAll(cleanUp);

  /** A sweep of ten users with these outcomes; the last one was never begun. */
  async function ended(sweepId: string): Promise<void> {
    await sweepOf(sweeps, sweepId, rowsOf(0, 10));
    const chunk = { sweepId, chunkId: 'c', fence: 0 };
    chunk.fence = await sweeps.takeFence(chunk);
    const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 8 }, wave: 1, limit: 250 });
    await sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user, OUTCOMES_OF_TEN[user.seq])) });
    await sweeps.setStatus({ sweepId, status: 'partial' });
  }

  it('are in none of its files at any time, nor is the position of its source', async () => {
    const sweepId = 'canary';
    await sweeps.create({ sweepId });
    await sweeps.appendTargets({
      sweepId,
      version: 0,
      rows: [rowOf(USER)],
      position: `${LOUD}-cursor`,
      complete: true,
    });
    const texts = Object.values(USER).flat().concat(`${LOUD}-cursor`, LOUD);
    expect(await holding(url, texts)).toEqual([]);
    const chunk = { sweepId, chunkId: 'c', fence: 0 };
    chunk.fence = await sweeps.takeFence(chunk);
    const [user] = await sweeps.openWave({ ...chunk, range: { from: 0, to: 9 }, wave: 1, limit: 9 });
    if (user === undefined) throw new Error('Nobody was opened.');
    expect(user.user).toEqual(USER);
    expect(await holding(url, texts)).toEqual([]);
    await sweeps.flushWave({ ...chunk, users: [settled(user)] });
    await sweeps.seal({ sweepId });
    await sweeps.purge({ sweepId });
    expect(await holding(url, texts)).toEqual([]);
    // The search would find it, and does find what may be seen.
    expect(await holding(url, [user.subjects[0] ?? ''])).not.toEqual([]);
    expect(await sweeps.readSnapshot(sweepId)).toMatchObject({ position: `${LOUD}-cursor` });
  });

  it('are deleted at its end, but not those of failed, unknown and unfinished users', async () => {
    await ended('purged');
    expect(await sweeps.purge({ sweepId: 'purged' })).toBe(6);
    expect(await sweeps.purge({ sweepId: 'purged' })).toBe(0);
    const left = await runRaw(
      url,
      `select seq from target_ids where sweep = (select number from sweeps where sweep_id = 'purged') order by seq`,
    );
    expect(left.map(({ seq }) => Number(seq))).toEqual([1, 3, 8, 9]);
    const keys = await runRaw(
      url,
      `select count(*) as n from target_keys where sweep = (select number from sweeps where sweep_id = 'purged')`,
    );
    expect(Number(keys[0]?.['n'])).toBe(0);
    expect(await sweeps.count('purged')).toMatchObject({ total: 10, failed: 2, unknown: 1, removed: 1, pending: 1 });
    await sweeps.create({ sweepId: 'redriven', redriveOf: 'purged' });
    expect(await sweeps.appendRedriven({ sweepId: 'redriven', limit: 100 })).toMatchObject({
      total: 3,
      complete: true,
    });
  });

  it('are not deleted before it has ended', async () => {
    await sweepOf(sweeps, 'running', rowsOf(0, 1));
    await expect(sweeps.purge({ sweepId: 'running' })).rejects.toThrow(SweepConflictError);
  });

  it('cannot be read any more once it is released, by no process, and every call says why', async () => {
    await ended('released');
    const other = (await open(url)).sweeps;
    await other.readSnapshot('released');
    const chunk = { sweepId: 'released', chunkId: 'c', fence: 0 };
    chunk.fence = await other.takeFence(chunk);
    await sweeps.release('released');
    await sweeps.release('released');
    const refusals = [
      other.openWave({ ...chunk, range: { from: 0, to: 99 }, wave: 1, limit: 9 }),
      other.openBulk({ ...chunk, app: 'ios', step: 'batch.ios', wave: 1, limit: 9 }),
      other.readSnapshot('released'),
      other.appendTargets({ sweepId: 'released', version: 1, rows: rowsOf(0, 1), position: 'p' }),
    ];
    for (const refusal of refusals) await expect(refusal).rejects.toThrow(SweepReleasedError);
    await sweeps.create({ sweepId: 'redrive of released', redriveOf: 'released' });
    const redrive = sweeps.appendRedriven({ sweepId: 'redrive of released', limit: 9 });
    await expect(redrive).rejects.toThrow('with a new sweep');
    expect(await sweeps.read('released')).toMatchObject({ readable: false, total: 10 });
    expect(await sweeps.count('released')).toMatchObject({ total: 10, pending: 1, open: 0 });
    expect(await runRaw(url, `select wrapped_key from sweeps where sweep_id = 'released'`)).toEqual([
      { wrapped_key: null },
    ]);
  });

  it('are released when no run has worked at the sweep for long enough, also when it never ended, and only then', async () => {
    const [long, lately] = ['2020-01-01T00:00:00.000Z', new Date().toISOString()];
    /** A sweep with a user who was opened and one who waits for Batch, made and last worked at when it is said. */
    const sweepAt = async (sweepId: string, { made = long, opened = long, bulk = long, end = '' }): Promise<void> => {
      await sweepOf(sweeps, sweepId, rowsOf(0, 2));
      const chunk = { sweepId, chunkId: 'c', fence: await sweeps.takeFence({ sweepId, chunkId: 'c' }) };
      const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 1 }, wave: 1, limit: 2 });
      await sweeps.flushWave({
        ...chunk,
        users: users.slice(1).map((user) => settled(user, 'removed', { bulkApps: ['ios'] })),
      });
      await sweeps.openBulk({ ...chunk, app: 'ios', step: 'batch.ios', wave: 1, limit: 1 });
      const number = `(select number from sweeps where sweep_id = '${sweepId}')`;
      await runRaw(url, `update targets set intent_at = '${opened}' where sweep = ${number}`);
      await runRaw(url, `update bulk_queue set intent_at = '${bulk}' where sweep = ${number}`);
      await runRaw(
        url,
        `update sweeps set created_at = '${made}', ended_at = ${end === '' ? 'null' : `'${end}'`} where sweep_id = '${sweepId}'`,
      );
    };
    await sweepAt('ended long ago', { end: long });
    await sweepAt('given up', {});
    await sweepAt('made lately', { made: lately });
    await sweepAt('opened lately', { opened: lately });
    await sweepAt('at Batch lately', { bulk: lately });
    await sweepAt('ended lately', { end: lately });
    expect(await sweeps.releaseUntouchedSince(new Date(Date.now() - 60_000).toISOString())).toEqual([
      'ended long ago',
      'given up',
    ]);
    expect(await sweeps.read('given up')).toMatchObject({ readable: false, status: 'running' });
    for (const sweepId of ['made lately', 'opened lately', 'at Batch lately', 'ended lately']) {
      expect(await sweeps.read(sweepId)).toMatchObject({ readable: true });
    }
  });

  if (name === 'libSQL') {
    it('have a key whose bytes are gone from the file and its log when it is destroyed', async () => {
      await sweepOf(sweeps, 'overwritten', rowsOf(0, 3));
      const [row] = await runRaw(url, `select wrapped_key from sweeps where sweep_id = 'overwritten'`);
      const key = String(row?.['wrapped_key']);
      const files = [url.slice('file:'.length), `${url.slice('file:'.length)}-wal`];
      const withKey = () => files.filter((file) => readFileSync(file).includes(key));
      expect(withKey()).not.toEqual([]);
      await sweeps.release('overwritten');
      expect(withKey()).toEqual([]);
    });
  }

  it('have keys that differ from sweep to sweep, and look different each time they are written', async () => {
    for (const sweepId of ['twin 1', 'twin 2']) await sweepOf(sweeps, sweepId, [rowOf(userNumber(1))]);
    const rows = await runRaw(
      url,
      `select ids, wrapped_key from target_ids join sweeps on number = sweep where sweep_id like 'twin%'`,
    );
    expect(new Set(rows.map(({ ids }) => ids)).size).toBe(2);
    expect(new Set(rows.map(({ wrapped_key }) => wrapped_key)).size).toBe(2);
  });
});
