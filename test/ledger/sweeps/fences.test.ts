import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { SweepFencedError, SweepSealedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import { DATABASES, cleanUp, open } from '../databases';
import { chunksOf, receiptOf, rowsOf, settled, sweepOf } from './users';

const ALL = { from: 0, to: 9_999 };

describe.each(DATABASES)('the fences of chunks in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  let sweeps: SweepLedger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
    ({ sweeps } = ledger);
  });
  afterAll(cleanUp);

  const { fenceOf, begin } = chunksOf(() => sweeps);

  it('of all other chunks are void when one voids them, apart from those taken later', async () => {
    const first = await begin('voided', 10);
    const opened = await sweeps.openWave({ ...first, range: ALL, wave: 1, limit: 2 });
    const closing = {
      sweepId: 'voided',
      chunkId: 'close',
      fence: await sweeps.takeFence({ sweepId: 'voided', chunkId: 'close' }),
    };
    const later = {
      sweepId: 'voided',
      chunkId: 'later',
      fence: await sweeps.takeFence({ sweepId: 'voided', chunkId: 'later' }),
    };
    await sweeps.voidOtherFences(closing);
    await expect(sweeps.flushWave({ ...first, users: opened.map((user) => settled(user)) })).rejects.toThrow(
      SweepFencedError,
    );
    await expect(sweeps.confirmFence(first)).rejects.toThrow(SweepFencedError);
    await sweeps.confirmFence(closing);
    await sweeps.confirmFence(later);
    const again = { ...first, fence: await sweeps.takeFence(first) };
    await sweeps.confirmFence(again);
    await sweeps.takeFence(closing);
    await expect(sweeps.voidOtherFences(closing)).rejects.toThrow(SweepFencedError);
    await sweeps.confirmFence(again);
  });

  it('write nothing for an old fence, not even what was sent before, and say so by type', async () => {
    const old = await begin('fenced', 10);
    const users = await sweeps.openWave({ ...old, range: ALL, wave: 1, limit: 5 });
    await sweeps.confirmFence(old);
    const chunk = await fenceOf('fenced');
    expect(chunk.fence).toBeGreaterThan(old.fence);
    await expect(sweeps.flushWave({ ...old, users: users.map((user) => settled(user)) })).rejects.toThrow(
      SweepFencedError,
    );
    await expect(sweeps.openWave({ ...old, range: ALL, wave: 2, limit: 5 })).rejects.toThrow(SweepFencedError);
    await expect(sweeps.openWave({ ...old, range: ALL, wave: 1, limit: 5 })).rejects.toThrow(SweepFencedError);
    await expect(sweeps.confirmFence(old)).rejects.toThrow(SweepFencedError);
    await expect(sweeps.confirmFence({ ...chunk, chunkId: 'never taken' })).rejects.toThrow(SweepFencedError);
    expect(await sweeps.readReceipts({ sweepId: 'fenced', afterSeq: -1, limit: 9 })).toEqual([]);
    expect(await sweeps.count('fenced')).toMatchObject({ open: 5, pending: 5 });
    // Another chunk's fence does not void this one.
    await fenceOf('fenced', 'another');
    await sweeps.confirmFence(chunk);
  });

  it('never let two who fight for a chunk both write, whatever the timing', async () => {
    const rivals = await Promise.all([open(url), open(url), open(url)]);
    const sweepId = 'rivals';
    await sweepOf(sweeps, sweepId, rowsOf(0, 300));
    const order: number[] = [];
    const fight = async (mine: SweepLedger) => {
      for (let round = 0; round < 12; round++) {
        const fence = await mine.takeFence({ sweepId, chunkId: 'c' }).catch(fencedOnly);
        if (fence === undefined) continue;
        const chunk = { sweepId, chunkId: 'c', fence };
        for (let wave = 1; wave <= 2; wave++) {
          const users = await mine.openWave({ ...chunk, range: ALL, wave, limit: 5 }).catch(fencedOnly);
          if (users === undefined) break;
          const flushed = await mine
            .flushWave({
              ...chunk,
              users: users.map((user) =>
                settled(user, 'removed', { receipts: [receiptOf(user, { requestId: String(fence) })] }),
              ),
            })
            .then(() => true, fencedOnly);
          if (flushed === true) order.push(fence);
        }
      }
    };
    await Promise.all(rivals.map((rival) => fight(rival.sweeps)));
    const receipts = await sweeps.readReceipts({ sweepId, afterSeq: -1, limit: 1_000 });
    const { removed, open: left, pending } = await sweeps.count(sweepId);
    expect(removed).toBe(receipts.length);
    expect(new Set(receipts.map(({ seq }) => seq)).size).toBe(removed);
    expect(removed + left + pending).toBe(300);
    expect(order.length).toBeGreaterThan(0);
  });

  function fencedOnly(error: unknown): undefined {
    expect(error).toBeInstanceOf(SweepFencedError);
    return undefined;
  }

  it('are not given out any more once the sweep is sealed, and their fences are void', async () => {
    const chunk = await begin('sealed', 2);
    const users = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 1 });
    await sweeps.seal({ sweepId: 'sealed' });
    await expect(sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user)) })).rejects.toThrow(
      SweepFencedError,
    );
    await expect(sweeps.takeFence({ sweepId: 'sealed', chunkId: 'c' })).rejects.toThrow(SweepSealedError);
  });
});
