import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { SnapshotMovedError, SweepReleasedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { SnapshotState, TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import { DATABASES, cleanUp, open, runRaw, subject } from '../databases';
import { rowOf, rowsOf, userNumber } from './users';

/** Rows with four IDs, each of which has fifteen duplicate keys: a few thousand are more than stay in memory. */
function richRows(from: number, to: number): TargetRow[] {
  return Array.from({ length: to - from }, (_, index) => ({
    user: userNumber(from + index),
    subjects: ['a', 'b', 'c', 'd'].map((id) => subject(`${id}${from + index}`)),
  }));
}

describe.each(DATABASES)('blocks of a source on the way into a ledger in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  let sweeps: SweepLedger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
    ({ sweeps } = ledger);
  });
  afterAll(cleanUp);

  async function stored(sweepId: string): Promise<{ users: number; gaps: number; keys: number }> {
    const [row] = await runRaw(url, `select number from sweeps where sweep_id = '${sweepId}'`);
    const sweep = Number(row?.['number']);
    const [targets] = await runRaw(
      url,
      `select count(*) as users, coalesce(max(seq), -1) + 1 - count(*) as gaps from target_ids where sweep = ${sweep}`,
    );
    const [keys] = await runRaw(url, `select count(*) as keys from target_key_pages where sweep = ${sweep}`);
    return { users: Number(targets?.['users']), gaps: Number(targets?.['gaps']), keys: Number(keys?.['keys']) };
  }

  it('are the same as if each were written before the next one is read, with duplicates in later blocks', async () => {
    const blocks = [rowsOf(0, 30), rowsOf(20, 50), rowsOf(0, 10), rowsOf(49, 51), [], rowsOf(50, 60)];
    await sweeps.create({ sweepId: 'one by one' });
    let version = 0;
    let alone: SnapshotState | undefined;
    for (const [index, rows] of blocks.entries()) {
      const complete = index === blocks.length - 1;
      alone = await sweeps.appendTargets({
        sweepId: 'one by one',
        version,
        rows,
        position: String(index),
        rejected: index,
        complete,
      });
      ({ version } = alone);
    }
    await sweeps.create({ sweepId: 'together' });
    const seen: SnapshotState[] = [];
    const onWritten = (state: SnapshotState): void => void seen.push(state);
    const writer = await sweeps.writeSnapshot({ sweepId: 'together', version: 0, onWritten });
    for (const [index, rows] of blocks.entries()) {
      const complete = index === blocks.length - 1;
      await writer.append({ rows, position: String(index), rejected: index, complete });
    }
    expect(await writer.end()).toEqual(alone);
    expect(await sweeps.readSnapshot('together')).toEqual(alone);
    expect(alone).toMatchObject({ total: 60, duplicates: 22, rejected: 15, complete: true });
    expect(seen.map((state) => state.version)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await stored('together')).toEqual({ users: 60, gaps: 0, keys: 0 });
  });

  it('say how many users there may be before they are written', async () => {
    await sweeps.create({ sweepId: 'counted' });
    const writer = await sweeps.writeSnapshot({ sweepId: 'counted', version: 0 });
    expect(writer.mostUsers).toBe(0);
    await writer.append({ rows: rowsOf(0, 10), position: 'a' });
    await writer.append({ rows: rowsOf(5, 15), position: 'b' });
    expect(writer.mostUsers).toBeGreaterThanOrEqual(15);
    await writer.flush();
    expect(writer.mostUsers).toBe(15);
    await writer.append({ rows: rowsOf(14, 17), position: 'c' });
    expect(await writer.end()).toMatchObject({ total: 17, duplicates: 6 });
  });

  it('are not written after one that another process has overtaken, and lose no user', async () => {
    await sweeps.create({ sweepId: 'overtaken' });
    const writer = await sweeps.writeSnapshot({ sweepId: 'overtaken', version: 0 });
    await writer.append({ rows: rowsOf(0, 10), position: '10' });
    await writer.flush();
    const other = await open(url);
    await other.sweeps.appendTargets({ sweepId: 'overtaken', version: 1, rows: rowsOf(10, 20), position: '20' });
    const failed = async (): Promise<void> => {
      for (let from = 10; from < 100; from += 10)
        await writer.append({ rows: rowsOf(from, from + 10), position: String(from + 10) });
      await writer.end();
    };
    await expect(failed()).rejects.toThrow(SnapshotMovedError);
    await expect(writer.append({ rows: rowsOf(900, 901), position: 'x' })).rejects.toThrow(SnapshotMovedError);
    await expect(writer.end()).rejects.toThrow(SnapshotMovedError);
    // The same process reads on, and knows none of the rows that were not written.
    const { version, position } = await sweeps.readSnapshot('overtaken');
    expect(position).toBe('20');
    const next = await sweeps.writeSnapshot({ sweepId: 'overtaken', version });
    for (let from = 20; from < 100; from += 10)
      await next.append({ rows: rowsOf(from, from + 10), position: String(from + 10), complete: from === 90 });
    expect(await next.end()).toMatchObject({ total: 100, duplicates: 0, complete: true });
    expect(await stored('overtaken')).toEqual({ users: 100, gaps: 0, keys: 0 });
  });

  it('leave no key of a row that was not written, also while earlier keys are moved', async () => {
    await sweeps.create({ sweepId: 'moved' });
    const state = await sweeps.writeSnapshot({ sweepId: 'moved', version: 0 });
    for (let from = 0; from < 20_000; from += 4_000)
      await state.append({ rows: richRows(from, from + 4_000), position: String(from) });
    expect(await state.end()).toMatchObject({ total: 20_000, duplicates: 0 });
    expect((await stored('moved')).keys).toBeGreaterThan(0);
    // The writes of these fail, and the keys are moved at each of them that succeeds.
    const onWritten = ({ version }: SnapshotState): void => {
      if (version === 7) throw new Error('Stopped after the seventh block.');
    };
    const writer = await sweeps.writeSnapshot({ sweepId: 'moved', version: 5, onWritten });
    const stopped = async (): Promise<void> => {
      for (let from = 20_000; from < 44_000; from += 4_000)
        await writer.append({ rows: richRows(from, from + 4_000), position: String(from) });
      await writer.end();
    };
    await expect(stopped()).rejects.toThrow('Stopped');
    const { version, total } = await sweeps.readSnapshot('moved');
    expect({ version, total }).toEqual({ version: 7, total: 28_000 });
    const next = await sweeps.writeSnapshot({ sweepId: 'moved', version });
    for (let from = 24_000; from < 44_000; from += 4_000)
      await next.append({ rows: richRows(from, from + 4_000), position: String(from) });
    expect(await next.end()).toMatchObject({ total: 44_000, duplicates: 4_000 });
  });

  it('are refused when the key of the sweep is destroyed meanwhile', async () => {
    await sweeps.create({ sweepId: 'released' });
    const writer = await sweeps.writeSnapshot({ sweepId: 'released', version: 0 });
    await writer.append({ rows: [rowOf(userNumber(1))], position: 'a' });
    await writer.flush();
    await sweeps.release('released');
    const more = async (): Promise<void> => {
      await writer.append({ rows: [rowOf(userNumber(2))], position: 'b' });
      await writer.end();
    };
    await expect(more()).rejects.toThrow(SweepReleasedError);
    await expect(sweeps.writeSnapshot({ sweepId: 'released', version: 1 })).rejects.toThrow(SweepReleasedError);
  });

  it('are refused before anything of a wrong one is prepared', async () => {
    await sweeps.create({ sweepId: 'wrong' });
    const writer = await sweeps.writeSnapshot({ sweepId: 'wrong', version: 0 });
    const raw = { user: userNumber(1), subjects: ['usr_plaid_1'] };
    await expect(writer.append({ rows: [raw], position: 'a' })).rejects.toThrow(TypeError);
    await expect(writer.append({ rows: rowsOf(0, 10_001), position: 'a' })).rejects.toThrow(RangeError);
    expect(await writer.end()).toMatchObject({ version: 0, total: 0 });
    await expect(sweeps.writeSnapshot({ sweepId: 'wrong', version: 1 })).rejects.toThrow(SnapshotMovedError);
  });
});
