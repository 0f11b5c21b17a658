import { outcomeCounts } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import { countUsersOfLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { ChunkFence, OpenUser } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { DATABASES, cleanUp, intentOf, open, subject } from '../databases';
import { resetClock, setClock } from './at-time';
import { receiptOf, rowsOf, settled, settledFully, sweepOf } from './users';

const ALL = { from: 0, to: 99_999 };

describe.each(DATABASES)('the summary of a sweep in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  let sweeps: SweepLedger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
    ({ sweeps } = ledger);
  });
  afterEach(resetClock);
  afterAll(cleanUp);

  async function begin(sweepId: string, users: number): Promise<ChunkFence> {
    await sweepOf(sweeps, sweepId, rowsOf(0, users));
    return { sweepId, chunkId: 'c', fence: await sweeps.takeFence({ sweepId, chunkId: 'c' }) };
  }

  const openAll = (chunk: ChunkFence, wave: number, range = ALL): Promise<OpenUser[]> =>
    sweeps.openWave({ ...chunk, range, wave, limit: 250 });

  it('counts the users of several sweeps without opening the ledger, before and after their seal, and names dry runs', async () => {
    const chunk = await begin('counted', 3);
    const plan = JSON.stringify({ dryRun: true });
    await sweeps.create({ sweepId: 'dry', terms: { plan, needsApproval: false, maxUsers: 10 } });
    const [first, second] = await openAll(chunk, 1, { from: 0, to: 1 });
    await sweeps.flushWave({ ...chunk, users: [settled(first!, 'removed'), settled(second!, 'failed')] });
    const counted = async () => countUsersOfLedger({ url }, ['counted', 'dry', 'unknown']);
    const before = await counted();
    expect([...before.keys()].sort()).toEqual(['counted', 'dry']);
    expect(before.get('dry')).toMatchObject({ dryRun: true, counts: { total: 0 } });
    const counts = { total: 3, pending: 1, removed: 1, failed: 1, open: 0, waitingForBulk: 0 };
    expect(before.get('counted')).toMatchObject({ dryRun: false, counts });
    await sweeps.seal({
      sweepId: 'counted',
      end: { status: 'cancelled', counts: outcomeCounts(await sweeps.count('counted')) },
    });
    expect((await counted()).get('counted')).toMatchObject({ dryRun: false, counts });
  });

  it('counts the receipts that say the same, those with a proof of the provider, and what was tried again apart', async () => {
    const chunk = await begin('grouped', 5);
    const [first, second, third, fourth] = await openAll(chunk, 1, { from: 0, to: 3 });
    if (!first || !second || !third || !fourth) throw new Error('Nobody was opened.');
    const refusal = { outcome: 'failed', failureType: 'Task.Rejected', status: 400, code: 'ITEM_NOT_FOUND' } as const;
    await sweeps.flushWave({
      ...chunk,
      users: [
        settledFully(first),
        settledFully(second),
        settled(third, 'failed', { receipts: [receiptOf(third, { ...refusal, requestId: undefined })] }),
        {
          kind: 'deferred',
          seq: 3,
          round: 0,
          receipts: [receiptOf(fourth, refusal)],
          notBefore: '2030-01-01T00:00:00Z',
          unsettled: false,
        },
      ],
    });
    const { groups, settled: overTime } = await sweeps.summarise({ sweepId: 'grouped' });
    const items = { step: 'plaid.items', task: 'plaid.userItemsRemove', service: 'plaid', environment: 'sandbox' };
    expect(groups).toHaveLength(5);
    expect(groups).toEqual(
      expect.arrayContaining([
        { phase: 'settled', ...items, outcome: 'removed', receipts: 2, withProof: 2 },
        {
          phase: 'settled',
          ...items,
          step: 'plaid.products',
          task: 'plaid.userProductsTerminate',
          outcome: 'removed',
          receipts: 2,
          withProof: 2,
        },
        {
          phase: 'settled',
          step: 'batch.ios',
          task: 'batch.customDataDelete',
          service: 'batch',
          environment: 'default',
          keySlot: 'ios',
          outcome: 'accepted',
          receipts: 2,
          withProof: 2,
        },
        { phase: 'settled', ...items, ...refusal, receipts: 1, withProof: 0 },
        { phase: 'outcome', ...items, ...refusal, receipts: 1, withProof: 1 },
      ]),
    );
    expect(overTime?.buckets.reduce((sum, { users }) => sum + users, 0)).toBe(3);
  });

  it('counts users by the time of their last receipt, in intervals that fit the whole time', async () => {
    const chunk = await begin('over time', 7);
    const hours = ['10:00:00.250', '10:59:59.999', '11:00:00.000', '11:00:00.001'];
    for (const [index, hour] of hours.entries()) {
      setClock(`2026-03-01T${hour}Z`);
      const users = await openAll(chunk, index + 1, { from: index, to: index });
      await sweeps.flushWave({ ...chunk, users: users.map(settledFully) });
    }
    // This one still waits for a bulk call an hour after everything else of it is done.
    setClock('2026-03-02T12:00:00.000Z');
    const [waiting] = await openAll(chunk, 9, { from: 4, to: 4 });
    if (waiting === undefined) throw new Error('Nobody was opened.');
    await sweeps.flushWave({ ...chunk, users: [settled(waiting, 'removed', { bulkApps: ['ios'] })] });
    const call = { sweepId: 'over time', chunkId: 'bulk-ios', app: 'ios', step: 'batch.ios' };
    const fence = await sweeps.takeFence(call);
    await sweeps.openBulk({ ...call, fence, wave: 1, limit: 9 });
    const before = await sweeps.summarise({ sweepId: 'over time' });
    expect(before.settled?.buckets.reduce((sum, { users }) => sum + users, 0)).toBe(4);
    setClock('2026-03-02T13:00:00.000Z');
    await sweeps.recordBulk({
      ...call,
      fence,
      task: 'batch.customDataBulkDelete',
      service: 'batch',
      environment: 'default',
      outcome: 'accepted',
      token: 'token',
      users: [{ seq: 4, subject: subject('at Batch') }],
    });
    expect((await sweeps.summarise({ sweepId: 'over time' })).settled).toEqual({
      first: '2026-03-01T10:00:00.250Z',
      last: '2026-03-02T13:00:00.000Z',
      bucketMs: 60_000,
      buckets: [
        { at: '2026-03-01T10:00:00.000Z', users: 1 },
        { at: '2026-03-01T10:59:00.000Z', users: 1 },
        { at: '2026-03-01T11:00:00.000Z', users: 2 },
        { at: '2026-03-02T13:00:00.000Z', users: 1 },
      ],
    });
  });

  it('adds up more users than one statement looks at, and says how far it has come', async () => {
    const users = 20_500;
    await sweeps.create({ sweepId: 'sliced' });
    for (const [from, to] of [
      [0, 10_000],
      [10_000, 20_000],
      [20_000, users],
    ] as const) {
      const { version } = await sweeps.readSnapshot('sliced');
      await sweeps.appendTargets({
        sweepId: 'sliced',
        version,
        rows: rowsOf(from, to),
        position: String(to),
        complete: to === users,
      });
    }
    const chunk = {
      sweepId: 'sliced',
      chunkId: 'c',
      fence: await sweeps.takeFence({ sweepId: 'sliced', chunkId: 'c' }),
    };
    for (let wave = 0; wave * 250 < users; wave++) {
      const opened = await openAll(chunk, wave, { from: wave * 250, to: wave * 250 + 249 });
      await sweeps.flushWave({ ...chunk, users: opened.map((user) => settled(user)) });
    }
    const progress: number[] = [];
    const { groups, settled: overTime } = await sweeps.summarise({
      sweepId: 'sliced',
      onProgress: (done) => progress.push(done),
    });
    expect(groups).toMatchObject([{ outcome: 'removed', receipts: users, withProof: users }]);
    expect(overTime?.buckets.reduce((sum, bucket) => sum + bucket.users, 0)).toBe(users);
    expect(progress).toEqual([5_000, 10_000, 10_250, 15_250, 20_250, 20_500]);
  });

  it('names a thousand kinds of receipts, and puts together the codes of a provider that makes up more', async () => {
    const chunk = await begin('made up', 1_240);
    for (let wave = 0; wave < 5; wave++) {
      const users = await openAll(chunk, wave, { from: wave * 250, to: wave * 250 + 249 });
      await sweeps.flushWave({
        ...chunk,
        users: users.map((user) =>
          settled(user, 'failed', { receipts: [receiptOf(user, { outcome: 'failed', code: `C${user.seq}` })] }),
        ),
      });
    }
    const { groups } = await sweeps.summarise({ sweepId: 'made up' });
    expect(groups).toHaveLength(1_001);
    expect(groups[0]).toMatchObject({ outcome: 'failed', various: true, receipts: 240 });
    expect(groups[0]).not.toHaveProperty('code');
    expect(groups.reduce((sum, { receipts }) => sum + receipts, 0)).toBe(1_240);
  });

  it('of a sweep in which nothing has happened yet is empty, and of an unknown one an error', async () => {
    await sweepOf(sweeps, 'fresh', rowsOf(0, 3));
    expect(await sweeps.summarise({ sweepId: 'fresh' })).toEqual({ groups: [] });
    await expect(sweeps.summarise({ sweepId: 'nowhere' })).rejects.toThrow(UnknownSweepError);
    await expect(sweeps.readUsersWithOutcome({ sweepId: 'nowhere', outcomes: ['failed'], limit: 1 })).rejects.toThrow(
      UnknownSweepError,
    );
  });

  it('comes with the users of some outcomes: how many, and all final outcomes of the first of them', async () => {
    const chunk = await begin('of outcome', 1_300);
    for (let wave = 0; wave < 6; wave++) {
      const users = await openAll(chunk, wave, { from: wave * 250, to: wave * 250 + 249 });
      await sweeps.flushWave({
        ...chunk,
        users: users.map((user) =>
          user.seq % 2 === 0
            ? settledFully(user)
            : settled(user, 'removed', {
                receipts: [
                  receiptOf(user),
                  receiptOf(user, { step: 'plaid.products', outcome: user.seq % 4 === 1 ? 'failed' : 'notFound' }),
                ],
              }),
        ),
      });
    }
    const all = await sweeps.readUsersWithOutcome({
      sweepId: 'of outcome',
      outcomes: ['failed', 'unknown', 'notFound'],
      limit: 600,
    });
    expect(all.users).toBe(650);
    expect(all.receipts).toHaveLength(1_200);
    expect(all.receipts.slice(0, 4)).toMatchObject([
      { seq: 1, step: 'plaid.items', outcome: 'removed' },
      { seq: 1, step: 'plaid.products', outcome: 'failed' },
      { seq: 3, step: 'plaid.items', outcome: 'removed' },
      { seq: 3, step: 'plaid.products', outcome: 'notFound' },
    ]);
    expect(all.receipts.at(-1)).toMatchObject({ seq: 1_199 });
    expect(await sweeps.readUsersWithOutcome({ sweepId: 'of outcome', outcomes: ['failed'], limit: 0 })).toEqual({
      users: 325,
      receipts: [],
    });
    expect(await sweeps.readUsersWithOutcome({ sweepId: 'of outcome', outcomes: [], limit: 9 })).toEqual({
      users: 0,
      receipts: [],
    });
  });

  it('counts when users were done before the bulk calls, which end many of them at the same time', async () => {
    const chunk = await begin('in bulk', 2);
    const users = await openAll(chunk, 1);
    await sweeps.flushWave({ ...chunk, users: users.map(settledFully) });
    const isBulk = ({ service }: { service: string }): boolean => service === 'batch';
    const { settledBeforeBulk } = await sweeps.summarise({ sweepId: 'in bulk', isBulk });
    expect(settledBeforeBulk?.buckets.reduce((sum, { users: done }) => sum + done, 0)).toBe(2);
    expect(await sweeps.summarise({ sweepId: 'in bulk' })).not.toHaveProperty('settledBeforeBulk');
  });

  it('leaves to a user what is about that user: of each sweep its own receipts, and no other user’s', async () => {
    for (const sweepId of ['about 1', 'about 2']) {
      const chunk = await begin(sweepId, 4);
      const users = await openAll(chunk, 1);
      await sweeps.flushWave({ ...chunk, users: users.map(settledFully) });
    }
    const [row] = rowsOf(2, 3);
    const [atPlaid = '', atBatch = ''] = row?.subjects ?? [];
    const run = intentOf({ workflowId: 'a run', runId: 'run-of-2', subjects: [atPlaid] });
    await ledger.recordIntent(run);
    const found = await ledger.readReceipts({ subjects: [atBatch, atPlaid] });
    const mine = found.filter(({ workflowId }) => workflowId.startsWith('a'));
    expect(mine.map(({ workflowId, seq, step }) => `${workflowId} ${seq} ${step}`)).toEqual([
      ...['about 1', 'about 2'].flatMap((id) =>
        ['plaid.items', 'plaid.products', 'batch.ios'].map((step) => `${id} 2 ${step}`),
      ),
      'a run 0 plaid.items',
    ]);
    expect(await ledger.readReceipts({ workflowId: 'about 1' })).toEqual([]);
  });
});
