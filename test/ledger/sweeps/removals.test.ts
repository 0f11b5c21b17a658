import Database from 'libsql';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { OpenUser, StepReceipt } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { DATABASES, cleanUp, item, open, temporaryFolder } from '../databases';
import { receiptOf, rowsOf, sweepOf } from './users';

const RANGE = { from: 0, to: 9 };
const PAST = new Date(0).toISOString();

describe.each(DATABASES)('what earlier rounds of a sweep removed, read from a ledger in $name', ({ freshUrl }) => {
  let sweeps: SweepLedger;

  beforeAll(async () => {
    ({ sweeps } = await open(await freshUrl()));
  });
  afterAll(cleanUp);

  /** Works through rounds of a sweep over ten users: in each, these receipts are written for those who have some. */
  async function rounds(sweepId: string, ...written: ((user: OpenUser) => StepReceipt[])[]): Promise<void> {
    await sweepOf(sweeps, sweepId, rowsOf(0, 10));
    const chunk = { sweepId, chunkId: 'c', fence: await sweeps.takeFence({ sweepId, chunkId: 'c' }) };
    for (const [wave, receiptsOf] of written.entries()) {
      const users = await sweeps.openWave({ ...chunk, range: RANGE, wave, limit: 10 });
      expect(users).toHaveLength(10);
      const deferred = users.map((user) => ({
        kind: 'deferred' as const,
        seq: user.seq,
        round: user.round,
        receipts: receiptsOf(user),
        notBefore: PAST,
        unsettled: false,
      }));
      await sweeps.flushWave({ ...chunk, users: deferred });
    }
  }

  it('is reported for each user, over all rounds and in their order', async () => {
    await rounds(
      'over rounds',
      (user) => (user.seq < 5 ? [receiptOf(user, { items: [item('a')] })] : []),
      (user) =>
        user.seq === 2
          ? [
              receiptOf(user, { items: [item('b')], requestId: 'second' }),
              receiptOf(user, { step: 'plaid.products', task: 'plaid.userProductsTerminate', requestId: 'products' }),
            ]
          : [],
    );
    const removals = await sweeps.readRemovals({ sweepId: 'over rounds', seqs: [1, 2, 7] });
    expect([...removals.keys()].sort()).toEqual([1, 2]);
    expect(removals.get(1)).toEqual([
      { step: 'plaid.items', task: 'plaid.userItemsRemove', requestId: 'req-1', items: [item('a')] },
    ]);
    expect(removals.get(2)).toEqual([
      { step: 'plaid.items', task: 'plaid.userItemsRemove', requestId: 'req-2', items: [item('a')] },
      { step: 'plaid.items', task: 'plaid.userItemsRemove', requestId: 'second', items: [item('b')] },
      { step: 'plaid.products', task: 'plaid.userProductsTerminate', requestId: 'products', items: [] },
    ]);
  });

  it('is enough to say who is done in part, as is what was gone before or accepted', async () => {
    await rounds(
      'in part',
      (user) => (user.seq < 2 ? [receiptOf(user)] : []),
      (user) => (user.seq === 1 || user.seq === 5 ? [receiptOf(user, { outcome: 'alreadyGone' })] : []),
      (user) => (user.seq === 7 ? [receiptOf(user, { step: 'batch.ios', outcome: 'accepted' })] : []),
    );
    expect(await sweeps.readPartlyDone({ sweepId: 'in part', seqs: [1, 3, 5, 6, 7] })).toEqual(new Set([1, 5, 7]));
  });

  it('leaves out what was only seen, refused or lost, and whatever another sweep did', async () => {
    await rounds('another', (user) => [receiptOf(user, { items: [item('a')] })]);
    await rounds('seen only', (user) => [
      receiptOf(user, { outcome: 'read', task: 'plaid.userItemsGet', items: [item('a')] }),
      receiptOf(user, { outcome: 'failed', items: [item('b')] }),
      receiptOf(user, { outcome: 'unknown', items: [item('c')] }),
    ]);
    expect(await sweeps.readRemovals({ sweepId: 'seen only', seqs: [0, 1, 2] })).toEqual(new Map());
    expect(await sweeps.readRemovals({ sweepId: 'another', seqs: [] })).toEqual(new Map());
    expect(await sweeps.readPartlyDone({ sweepId: 'seen only', seqs: [0, 1, 2] })).toEqual(new Set());
  });
});

it('a fence is not confirmed by a ledger that can be read and not be written', async () => {
  const file = `${temporaryFolder()}/ledger.db`;
  const { sweeps } = await open(`file:${file}`, { deadlineMs: 1_000 });
  await sweepOf(sweeps, 'locked', rowsOf(0, 1));
  const chunk = { sweepId: 'locked', chunkId: 'c', fence: await sweeps.takeFence({ sweepId: 'locked', chunkId: 'c' }) };
  await sweeps.confirmFence(chunk);
  const other = new Database(file);
  other.exec('begin immediate');
  expect(await sweeps.read('locked')).toMatchObject({ sweepId: 'locked' });
  await expect(sweeps.confirmFence(chunk)).rejects.toThrow(LedgerUnavailableError);
  other.exec('rollback');
  other.close();
  await sweeps.confirmFence(chunk);
});
