import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { SweepFencedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { BulkUser, ChunkFence, RecordBulk } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { DATABASES, cleanUp, open } from '../databases';
import { rowOf, rowsOf, settled, sweepOf, userNumber } from './users';

const seqs = (users: readonly BulkUser[]) => users.map(({ seq }) => seq);

describe.each(DATABASES)('bulk calls of a sweep in $name', ({ freshUrl }) => {
  let ledger: OpenedLedger;
  let sweeps: SweepLedger;

  beforeAll(async () => {
    ledger = await open(await freshUrl());
    ({ sweeps } = ledger);
  });
  afterAll(cleanUp);

  async function fenceOf(sweepId: string, chunkId: string): Promise<ChunkFence> {
    return { sweepId, chunkId, fence: await sweeps.takeFence({ sweepId, chunkId }) };
  }

  /** A sweep whose users' side at Plaid is done with these outcomes, and who wait for these apps. */
  async function waiting(sweepId: string, outcomes: readonly Outcome[], bulkApps: string[]): Promise<void> {
    await sweepOf(sweeps, sweepId, rowsOf(0, outcomes.length));
    const chunk = await fenceOf(sweepId, 'c');
    const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 999 }, wave: 1, limit: 250 });
    await sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user, outcomes[user.seq], { bulkApps })) });
  }

  function openOf(chunk: ChunkFence, app: string, wave: number, limit = 10_000) {
    return sweeps.openBulk({ ...chunk, app, step: `batch.${app}`, wave, limit });
  }

  function outcomeOf(
    chunk: ChunkFence,
    app: string,
    users: readonly BulkUser[],
    changes: Partial<RecordBulk> = {},
  ): RecordBulk {
    return {
      ...chunk,
      app,
      step: `batch.${app}`,
      task: 'batch.customDataBulkDelete',
      service: 'batch',
      environment: 'default',
      keySlot: app,
      outcome: 'accepted',
      token: 'bulk-token',
      users: users.map(({ seq, subjects }) => ({ seq, subject: subjects[1] ?? '' })),
      ...changes,
    };
  }

  it('are recorded for several apps at the same moment, and no user waits forever or loses the worst outcome', async () => {
    const apps = ['ios', 'android', 'web'];
    for (const sweepId of ['at once 1', 'at once 2', 'at once 3']) {
      await waiting(
        sweepId,
        Array.from({ length: 250 }, () => 'removed' as const),
        apps,
      );
      const opened = await Promise.all(
        apps.map(async (app) => {
          const chunk = await fenceOf(sweepId, `bulk.${app}`);
          return outcomeOf(chunk, app, await openOf(chunk, app, 1), app === 'android' ? { outcome: 'failed' } : {});
        }),
      );
      await Promise.all(opened.map((outcome) => sweeps.recordBulk(outcome)));
      expect(await sweeps.readyForBulk(sweepId)).toEqual({});
      expect(await sweeps.count(sweepId)).toMatchObject({ total: 250, waitingForBulk: 0, failed: 250 });
    }
  });

  it('take users whose other steps are done, and a user is done when all apps have responded', async () => {
    await waiting('two apps', ['removed', 'skipped', 'failed'], ['ios', 'android', 'ios']);
    expect(await sweeps.readyForBulk('two apps')).toEqual({ android: 3, ios: 3 });
    expect(await sweeps.count('two apps')).toMatchObject({ waitingForBulk: 3, total: 3 });
    const ios = await fenceOf('two apps', 'bulk.ios');
    const users = await openOf(ios, 'ios', 1);
    expect(users).toEqual([0, 1, 2].map((seq) => ({ seq, ...rowOf(userNumber(seq)), unsettled: false })));
    await sweeps.recordBulk(outcomeOf(ios, 'ios', users));
    expect(await sweeps.readyForBulk('two apps')).toEqual({ android: 3 });
    expect(await sweeps.count('two apps')).toMatchObject({ waitingForBulk: 3 });
    const android = await fenceOf('two apps', 'bulk.android');
    await sweeps.recordBulk(outcomeOf(android, 'android', await openOf(android, 'android', 1)));
    expect(await sweeps.count('two apps')).toMatchObject({ waitingForBulk: 0, accepted: 2, failed: 1 });
    expect(await sweeps.readReceipts({ sweepId: 'two apps', afterSeq: -1, limit: 1 })).toMatchObject([
      { step: 'plaid.items' },
      {
        step: 'batch.ios',
        keySlot: 'ios',
        outcome: 'accepted',
        token: 'bulk-token',
        phase: 'settled',
        subject: rowOf(userNumber(0)).subjects[1],
      },
      { step: 'batch.android', task: 'batch.customDataBulkDelete' },
    ]);
  });

  it('come by seq, up to their limit, and not again while they are in progress', async () => {
    await waiting('by seq', Array<Outcome>(20).fill('removed'), ['ios']);
    const chunk = await fenceOf('by seq', 'bulk.ios');
    const first = await openOf(chunk, 'ios', 1, 8);
    expect(seqs(first)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(seqs(await openOf(chunk, 'ios', 1, 8))).toEqual(seqs(first));
    expect(seqs(await openOf(chunk, 'ios', 2, 8))).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
    expect(seqs(await openOf(chunk, 'ios', 3, 8))).toEqual([16, 17, 18, 19]);
    expect(await openOf(chunk, 'ios', 4, 8)).toEqual([]);
  });

  it('that were halved for one malformed id leave every user its own outcome', async () => {
    await waiting('halved', ['removed', 'removed', 'removed', 'removed'], ['ios']);
    const chunk = await fenceOf('halved', 'bulk.ios');
    const users = await openOf(chunk, 'ios', 1);
    await sweeps.recordBulk(outcomeOf(chunk, 'ios', users.slice(0, 2), { token: 'left half' }));
    await sweeps.recordBulk(outcomeOf(chunk, 'ios', users.slice(3), { token: 'right end' }));
    const refused = {
      outcome: 'failed',
      token: undefined,
      failureType: 'Task.Rejected',
      status: 400,
      code: '30',
    } as const;
    await sweeps.recordBulk(outcomeOf(chunk, 'ios', users.slice(2, 3), refused));
    expect(await sweeps.count('halved')).toMatchObject({ accepted: 3, failed: 1, waitingForBulk: 0 });
    const receipts = await sweeps.readReceipts({ sweepId: 'halved', afterSeq: 0, limit: 9 });
    const ofBatch = receipts.filter(({ step }) => step === 'batch.ios');
    expect(ofBatch).toMatchObject([
      { token: 'left half' },
      { outcome: 'failed', status: 400, code: '30' },
      { token: 'right end' },
    ]);
    expect(ofBatch[1]).not.toHaveProperty('token');
  });

  it('are recorded once, and not by an older attempt', async () => {
    await waiting('bulk fence', ['removed', 'removed'], ['ios']);
    const old = await fenceOf('bulk fence', 'bulk.ios');
    const users = await openOf(old, 'ios', 1);
    const chunk = await fenceOf('bulk fence', 'bulk.ios');
    await expect(sweeps.recordBulk(outcomeOf(old, 'ios', users))).rejects.toThrow(SweepFencedError);
    await expect(openOf(old, 'ios', 2)).rejects.toThrow(SweepFencedError);
    expect(await openOf(chunk, 'ios', 1)).toEqual(users.map((user) => ({ ...user, unsettled: true })));
    await sweeps.recordBulk(outcomeOf(chunk, 'ios', users));
    const before = await sweeps.readReceipts({ sweepId: 'bulk fence', afterSeq: -1, limit: 9 });
    await sweeps.recordBulk(outcomeOf(chunk, 'ios', users, { outcome: 'failed', token: 'another' }));
    expect(await sweeps.readReceipts({ sweepId: 'bulk fence', afterSeq: -1, limit: 9 })).toEqual(before);
    expect(await sweeps.count('bulk fence')).toMatchObject({ accepted: 2 });
  });

  it('that never left are returned, and their users wait as if nothing had happened; others stay unsettled', async () => {
    await waiting('handed back', ['removed', 'removed', 'removed'], ['ios']);
    const dead = await fenceOf('handed back', 'bulk.ios');
    await openOf(dead, 'ios', 1, 1);
    const chunk = await fenceOf('handed back', 'bulk.ios');
    expect((await openOf(chunk, 'ios', 1)).map(({ unsettled }) => unsettled)).toEqual([true, false, false]);
    await sweeps.returnBulk({ ...dead, app: 'ios', seqs: [0, 1, 2] });
    await sweeps.returnBulk({ ...chunk, app: 'ios', seqs: [0, 1] });
    expect(seqs(await openOf(chunk, 'ios', 2))).toEqual([1]);
    await sweeps.returnBulk({ ...chunk, app: 'ios', seqs: [1] });
    const next = await fenceOf('handed back', 'bulk.ios');
    expect((await openOf(next, 'ios', 1)).map(({ unsettled }) => unsettled)).toEqual([true, false, true]);
    await sweeps.recordBulk(
      outcomeOf(next, 'ios', await openOf(next, 'ios', 1), {
        outcome: 'skipped',
        reason: 'cancelled',
        token: undefined,
      }),
    );
    const receipts = await sweeps.readReceipts({ sweepId: 'handed back', afterSeq: -1, limit: 9 });
    expect(receipts.filter(({ step }) => step === 'batch.ios')).toMatchObject(
      [0, 1, 2].map((seq) => ({ seq, outcome: 'skipped', reason: 'cancelled' })),
    );
  });

  it('that may have reached Batch leave users unknown, and not held, when a hold keeps them from being sent again', async () => {
    await waiting('perhaps sent', ['removed', 'removed'], ['ios']);
    const chunk = await fenceOf('perhaps sent', 'bulk.ios');
    await openOf(chunk, 'ios', 1);
    await sweeps.notePerhapsSent({ ...chunk, app: 'ios', seqs: [0] });
    await sweeps.returnBulk({ ...chunk, app: 'ios', seqs: [0, 1] });
    const next = await fenceOf('perhaps sent', 'bulk.ios');
    expect((await openOf(next, 'ios', 1)).map(({ unsettled }) => unsettled)).toEqual([true, false]);
    await sweeps.notePerhapsSent({ ...chunk, app: 'ios', seqs: [1] });
    await ledger.addHold({
      holdId: 'perhaps',
      subjects: [0, 1].flatMap((number) => rowOf(userNumber(number)).subjects),
    });
    expect(await openOf(next, 'ios', 1)).toEqual([]);
    expect(await sweeps.count('perhaps sent')).toMatchObject({ unknown: 1, held: 1 });
    await ledger.removeHolds({ holdId: 'perhaps' });
  });

  it('leave out users on hold, who are done then; one who was perhaps sent before is unknown', async () => {
    await waiting('bulk holds', ['removed', 'removed', 'failed'], ['ios']);
    const dead = await fenceOf('bulk holds', 'bulk.ios');
    await openOf(dead, 'ios', 1, 1);
    for (const seq of [0, 1, 2])
      await ledger.addHold({ holdId: `b${seq}`, subjects: rowOf(userNumber(seq)).subjects.slice(1) });
    const chunk = await fenceOf('bulk holds', 'bulk.ios');
    expect(await openOf(chunk, 'ios', 1)).toEqual([]);
    expect(await sweeps.count('bulk holds')).toMatchObject({ unknown: 1, held: 1, failed: 1, waitingForBulk: 0 });
    expect(await sweeps.readyForBulk('bulk holds')).toEqual({});
    const receipts = await sweeps.readReceipts({ sweepId: 'bulk holds', afterSeq: -1, limit: 9 });
    expect(receipts.filter(({ step }) => step === 'batch.ios').map(({ outcome }) => outcome)).toEqual([
      'unknown',
      'held',
      'held',
    ]);
    for (const seq of [0, 1, 2]) await ledger.removeHolds({ holdId: `b${seq}` });
  });

  it('of ten thousand users are two statements within the time of one call', async () => {
    const sweepId = 'ten thousand';
    await sweepOf(sweeps, sweepId, rowsOf(0, 10_000));
    const chunk = await fenceOf(sweepId, 'c');
    for (let wave = 1; wave <= 40; wave++) {
      const range = { from: (wave - 1) * 250, to: wave * 250 - 1 };
      const users = await sweeps.openWave({ ...chunk, range, wave, limit: 250 });
      await sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user, 'removed', { bulkApps: ['ios'] })) });
    }
    const bulk = await fenceOf(sweepId, 'bulk.ios');
    const started = performance.now();
    const users = await openOf(bulk, 'ios', 1);
    await sweeps.recordBulk(outcomeOf(bulk, 'ios', users));
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(await sweeps.count(sweepId)).toMatchObject({ accepted: 10_000 });
  });
});
