import type { OpenedLedger } from '../../../src/ledger/open-ledger';
import {
  SnapshotMovedError,
  SweepConflictError,
  SweepReleasedError,
  UnknownSweepError,
} from '../../../src/ledger/sweeps/sweep-errors';
import type { SweepLedger } from '../../../src/ledger/sweeps/sweep-ledger';
import { CLOCK_MARGIN_MS } from '../../../src/ledger/sweeps/done-before';
import { stepsToHaveDone } from '../../../src/policy/done-steps';
import type { DoneStep } from '../../../src/policy/done-steps';
import type { TargetRow } from '../../../src/ledger/sweeps/sweep-types';
import type { TargetUser } from '../../../src/policy/target-user';
import { DATABASES, cleanUp, intentOf, open, runRaw, subject } from '../databases';
import { receiptOf, rowOf, rowsOf, settled, sweepOf, userNumber } from './users';

describe.each(DATABASES)('the snapshot of a sweep in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  let sweeps: SweepLedger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
    ({ sweeps } = ledger);
  });
  afterAll(cleanUp);

  /** Appends at the present position. */
  async function append(sweepId: string, rows: readonly TargetRow[], position = 'p', complete = false) {
    const { version } = await sweeps.readSnapshot(sweepId);
    return sweeps.appendTargets({ sweepId, version, rows, position, complete });
  }

  /** Everybody of a sweep, in order. */
  async function everybody(sweepId: string): Promise<TargetUser[]> {
    const chunk = { sweepId, chunkId: 'all' };
    const fence = await sweeps.takeFence(chunk);
    const users = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 999 }, wave: 1, limit: 250 });
    return users.map(({ user }) => user);
  }

  it('belongs to a sweep that is created once, however often it is asked for', async () => {
    const first = await sweeps.create({ sweepId: 'once', skipDone: true });
    expect(first).toMatchObject({ sweepId: 'once', status: 'running', skipDone: true, total: 0, readable: true });
    expect(await sweeps.create({ sweepId: 'once' })).toEqual(first);
    await expect(sweeps.create({ sweepId: 'once', redriveOf: 'other' })).rejects.toThrow(SweepConflictError);
    expect((await sweeps.list({ limit: 1 }))[0]).toEqual(first);
    expect(await sweeps.read('never')).toBeUndefined();
    await expect(sweeps.readSnapshot('never')).rejects.toThrow(UnknownSweepError);
    await expect(sweeps.setStatus({ sweepId: 'never', status: 'failed' })).rejects.toThrow(UnknownSweepError);
  });

  it('belongs to the first who claims it, however often', async () => {
    await sweeps.create({ sweepId: 'unclaimed' });
    const claims = await Promise.all(['run-1', 'run-2', 'run-1'].map((by) => sweeps.claim({ sweepId: 'unclaimed', by })));
    const winner = claims[0]?.claimedBy;
    expect(['run-1', 'run-2']).toContain(winner);
    expect(claims.map(({ claimedBy }) => claimedBy)).toEqual([winner, winner, winner]);
    expect(await sweeps.create({ sweepId: 'mine', claimedBy: 'run-3' })).toMatchObject({ claimedBy: 'run-3' });
    expect(await sweeps.create({ sweepId: 'mine', claimedBy: 'run-4' })).toMatchObject({ claimedBy: 'run-3' });
    expect(await sweeps.claim({ sweepId: 'mine', by: 'run-4' })).toMatchObject({ claimedBy: 'run-3' });
    await expect(sweeps.claim({ sweepId: 'never', by: 'run-1' })).rejects.toThrow(UnknownSweepError);
  });

  it('keeps how its sweep stands, and when it ended for the first time', async () => {
    await sweeps.create({ sweepId: 'standing' });
    await sweeps.setStatus({ sweepId: 'standing', status: 'paused', pausedBecause: 'batch.android' });
    expect(await sweeps.read('standing')).toMatchObject({ status: 'paused', pausedBecause: 'batch.android' });
    await sweeps.setStatus({ sweepId: 'standing', status: 'cancelled' });
    const ended = await sweeps.read('standing');
    expect(ended).not.toHaveProperty('pausedBecause');
    await sweeps.setStatus({ sweepId: 'standing', status: 'partial' });
    expect(await sweeps.read('standing')).toEqual({ ...ended, status: 'partial' });
    expect(ended?.endedAt).toMatch(/Z$/);
  });

  it('has every user with every field as the source gave it', async () => {
    const users: TargetUser[] = [
      { plaidUserId: ' padded ', reference: 'case 1', itemIds: ['a', 'b'] },
      { plaidUserToken: 'user-token-🧨', batchUserId: "'; drop table targets; --" },
      { batchUserId: 'half \ud83d and \0 NUL' },
    ];
    await sweepOf(sweeps, 'fields', users.map(rowOf));
    expect(await everybody('fields')).toEqual(users);
  });

  const A: TargetUser = { plaidUserId: 'A', batchUserId: 'B' };
  it.each<[string, TargetUser[], number]>([
    ['the same ids', [A, A], 1],
    ['fewer ids of one earlier row', [A, { plaidUserId: 'A' }, { batchUserId: 'B' }], 2],
    ['another reference', [A, { ...A, reference: 'again' }], 1],
    ['more ids than any earlier row', [{ plaidUserId: 'A' }, { batchUserId: 'B' }, A], 0],
    ['ids of two earlier rows together', [{ plaidUserId: 'A', batchUserId: 'C' }, { plaidUserId: 'D', batchUserId: 'B' }, A], 0],
    ['an id of another kind', [{ plaidUserId: 'A' }, { plaidUserToken: 'A', batchUserId: 'A' }, { batchUserId: 'a' }], 0],
    ['some Items after all Items', [A, { ...A, itemIds: ['i'] }], 1],
    ['all Items after some Items', [{ ...A, itemIds: ['i'] }, A], 0],
    ['other Items', [{ ...A, itemIds: ['i'] }, { ...A, itemIds: ['j'] }], 0],
    ['the same Items in another order', [{ ...A, itemIds: ['i', 'j'] }, { ...A, itemIds: ['j', 'i'] }], 1],
    ['fewer ids and the same Items', [{ ...A, itemIds: ['i'] }, { plaidUserId: 'A', itemIds: ['i'] }], 1],
  ])('counts a row with %s as it should, in one append and in several', async (name, users, duplicates) => {
    await sweepOf(sweeps, `one append: ${name}`, users.map(rowOf));
    await sweeps.create({ sweepId: `several: ${name}` });
    for (const user of users) await append(`several: ${name}`, [rowOf(user)]);
    for (const sweepId of [`one append: ${name}`, `several: ${name}`]) {
      expect(await sweeps.readSnapshot(sweepId)).toMatchObject({ total: users.length - duplicates, duplicates });
      expect(await everybody(sweepId)).toHaveLength(users.length - duplicates);
    }
  });

  it('finds duplicates in no time where all rows share an id', async () => {
    await sweeps.create({ sweepId: 'shared' });
    const started = performance.now();
    for (let from = 0; from < 10_000; from += 2_000) {
      const rows = Array.from({ length: 2_000 }, (_, index) => rowOf({ plaidUserId: 'all', batchUserId: `b${from + index}` }));
      await append('shared', rows);
    }
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(await append('shared', [rowOf({ plaidUserId: 'all' })])).toMatchObject({ total: 10_000, duplicates: 1 });
  });

  it('goes on where it was, with nothing twice and nothing left out, whoever appends how often', async () => {
    await sweeps.create({ sweepId: 'resumed' });
    const others = await Promise.all([open(url), open(url)]);
    const everyone = rowsOf(0, 400);
    const snapshot = async (mine: SweepLedger) => {
      for (;;) {
        const { version, position = '0', complete } = await mine.readSnapshot('resumed');
        if (complete) return;
        const from = Number(position);
        const rows = everyone.slice(from, from + 10);
        const next = { sweepId: 'resumed', version, rows, position: String(from + 10), rejected: 1, complete: from + 10 >= 400 };
        await mine.appendTargets(next).catch((error: unknown) => {
          expect(error).toBeInstanceOf(SnapshotMovedError);
        });
      }
    };
    await Promise.all([sweeps, ...others.map((other) => other.sweeps)].map(snapshot));
    const state = await sweeps.readSnapshot('resumed');
    expect(state).toEqual({ version: 40, position: '400', total: 400, duplicates: 0, rejected: 40, complete: true });
    const chunk = { sweepId: 'resumed', chunkId: 'all' };
    const fence = await sweeps.takeFence(chunk);
    const seen: TargetUser[] = [];
    for (let wave = 1; wave <= 2; wave++) {
      const users = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 1_000 }, wave, limit: 250 });
      seen.push(...users.map(({ user }) => user));
    }
    expect(seen).toEqual(everyone.map(({ user }) => user));
  });

  it('refuses the same append a second time, as after an answer that was lost', async () => {
    await sweeps.create({ sweepId: 'lost answer' });
    const next = { sweepId: 'lost answer', version: 0, rows: rowsOf(0, 3), position: 'after 3' };
    const answered = await sweeps.appendTargets(next);
    await expect(sweeps.appendTargets(next)).rejects.toThrow(SnapshotMovedError);
    expect(await sweeps.readSnapshot('lost answer')).toEqual(answered);
  });

  it('is of one environment of Plaid, that of the first user with an id there', async () => {
    await sweeps.create({ sweepId: 'environments' });
    const appendFor = async (plaidEnvironment: string, rows: readonly TargetRow[]) => {
      const { version } = await sweeps.readSnapshot('environments');
      return sweeps.appendTargets({ sweepId: 'environments', version, rows, plaidEnvironment, position: 'p' });
    };
    await appendFor('production', [rowOf({ batchUserId: 'customer-1' })]);
    expect(await sweeps.read('environments')).not.toHaveProperty('plaidEnvironment');
    for (const number of [2, 3]) await appendFor('sandbox', [rowOf(userNumber(number))]);
    expect(await sweeps.read('environments')).toMatchObject({ plaidEnvironment: 'sandbox', total: 3 });
    await expect(appendFor('production', [rowOf(userNumber(4))])).rejects.toThrow(SweepConflictError);
    expect(await appendFor('production', [rowOf({ batchUserId: 'customer-5' })])).toMatchObject({ total: 4 });
  });

  it('takes nothing more once it is complete', async () => {
    await sweepOf(sweeps, 'complete', rowsOf(0, 2));
    await expect(append('complete', rowsOf(2, 3))).rejects.toThrow(SnapshotMovedError);
    expect(await sweeps.count('complete')).toMatchObject({ total: 2 });
  });

  it('refuses raw ids as subjects, and more rows than one statement should hold', async () => {
    await sweeps.create({ sweepId: 'refused' });
    const raw = { user: userNumber(1), subjects: ['usr_plaid_1'] };
    await expect(append('refused', [raw])).rejects.toThrow(TypeError);
    await expect(append('refused', [{ user: userNumber(1), subjects: [] }])).rejects.toThrow(TypeError);
    await expect(append('refused', rowsOf(0, 10_001))).rejects.toThrow(RangeError);
    expect(await sweeps.readSnapshot('refused')).toMatchObject({ version: 0, total: 0 });
  });

  describe('that leaves out who is done', () => {
    const AT_BATCH = { step: 'batch.ios', task: 'batch.customDataDelete', service: 'batch', environment: 'default' } as const;

    /** A run that ended with these steps, and called with these subjects. */
    async function runOf(workflowId: string, user: TargetUser, outcome: 'removed' | 'failed', itemsLeft: string[] = []) {
      const run = { workflowId, runId: 'r' };
      const subjects = rowOf(user).subjects;
      const look = intentOf({ ...run, activityId: '1', task: 'plaid.userItemsGet', subjects: subjects.slice(0, 1) });
      await ledger.recordOutcome({ ...look, outcome: 'read', items: itemsLeft.map(subject) });
      for (const [index, one] of subjects.entries()) {
        const atBatch = user.batchUserId !== undefined && index === subjects.length - 1;
        const call = intentOf({ ...run, activityId: String(index + 2), subjects: [one], ...(atBatch && AT_BATCH) });
        await ledger.recordIntent(call);
        await ledger.recordOutcome({ ...call, outcome });
      }
      const steps = [{ step: 'plaid.items', task: 'plaid.userItemsRemove', outcome }];
      await ledger.recordEnd({ ...run, environment: 'sandbox', subject: subjects[0] ?? '', steps, compensations: [] });
    }

    /** How many are skipped; their accounts were closed long before, unless a user says otherwise. */
    async function skipped(sweepId: string, users: TargetUser[], { skipDone = true, doneSteps }: { skipDone?: boolean; doneSteps?: DoneStep[] } = {}): Promise<number> {
      await sweeps.create({ sweepId, skipDone });
      const { version } = await sweeps.readSnapshot(sweepId);
      const rows = users.map((user) => rowOf({ closedAt: '2020-01-01T00:00:00Z', ...user }));
      await sweeps.appendTargets({ sweepId, version, rows, doneSteps, position: 'p', complete: true });
      const counts = await sweeps.count(sweepId);
      expect(counts.total).toBe(users.length);
      expect(counts.pending).toBe(users.length - counts.skipped);
      return counts.skipped;
    }

    it('skips whom an earlier run brought to a good end, for all ids and all Items', async () => {
      await runOf('good', { plaidUserId: 'done', batchUserId: 'done-b' }, 'removed');
      await runOf('bad', { plaidUserId: 'failed' }, 'failed');
      await runOf('some items', { plaidUserId: 'some' }, 'removed', ['left']);
      expect(await skipped('after runs', [{ plaidUserId: 'done', batchUserId: 'done-b' }])).toBe(1);
      expect(await skipped('asked not to', [{ plaidUserId: 'done', batchUserId: 'done-b' }], { skipDone: false })).toBe(0);
      const undone: TargetUser[] = [
        { plaidUserId: 'failed' },
        { plaidUserId: 'some' },
        { plaidUserId: 'never' },
        { plaidUserId: 'done', batchUserId: 'another' },
        { plaidUserId: 'done', batchUserId: 'done-b', itemIds: ['one'] },
      ];
      expect(await skipped('not done', undone)).toBe(0);
    });

    it('takes no call to one provider as proof for the id at the other', async () => {
      const both: TargetUser = { plaidUserId: 'mixed', batchUserId: 'mixed-b' };
      const [atPlaid = '', atBatch = ''] = rowOf(both).subjects;
      const run = { workflowId: 'only batch', runId: 'r' };
      // The user had no Items; what Batch accepted stands as the last word under the id at Plaid.
      await ledger.recordOutcome({ ...intentOf({ ...run, ...AT_BATCH, activityId: '1', subjects: [atBatch] }), outcome: 'accepted' });
      const steps = [
        { step: 'plaid.items', task: 'plaid.userItemsRemove', outcome: 'skipped', reason: 'noItems' },
        { step: 'batch.ios', task: 'batch.customDataDelete', outcome: 'accepted' },
      ] as const;
      await ledger.recordEnd({ ...run, environment: 'sandbox', subject: atPlaid, steps, compensations: [] });
      expect(await skipped('proof by batch', [{ plaidUserId: 'mixed' }, both])).toBe(0);

      const other = { workflowId: 'only plaid', runId: 'r' };
      const removed = [{ step: 'plaid.items', task: 'plaid.userItemsRemove', outcome: 'removed' }] as const;
      await ledger.recordEnd({ ...other, environment: 'sandbox', subject: atBatch, steps: removed, compensations: [] });
      expect(await skipped('proof by plaid', [{ batchUserId: 'mixed-b' }])).toBe(0);
    });

    it('skips whom an earlier sweep brought to a good end, and nobody else', async () => {
      const users: TargetUser[] = ['ok', 'bad', 'open', 'held', 'unknown'].map((id) => ({ plaidUserId: `s-${id}` }));
      const some: TargetUser = { plaidUserId: 's-some', itemIds: ['i'] };
      await sweepOf(sweeps, 'earlier', [...users, some].map(rowOf));
      const chunk = { sweepId: 'earlier', chunkId: 'c' };
      const fence = await sweeps.takeFence(chunk);
      const opened = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 9 }, wave: 1, limit: 9 });
      const outcomes = { 's-ok': 'removed', 's-bad': 'failed', 's-held': 'held', 's-unknown': 'unknown', 's-some': 'removed' } as const;
      const flushed = opened.flatMap((user) => {
        const outcome = Object.entries(outcomes).find(([id]) => id === user.user.plaidUserId)?.[1];
        if (outcome === undefined) return [];
        // Something good comes first everywhere: it must not outweigh what is bad.
        return [settled(user, outcome, { receipts: [receiptOf(user), receiptOf(user, { step: 'x', outcome })] })];
      });
      await sweeps.flushWave({ ...chunk, fence, users: flushed });
      expect(await skipped('without the time of the closure', [{ plaidUserId: 's-ok', closedAt: undefined }])).toBe(0);
      expect(await skipped('after a sweep', [...users, { plaidUserId: 's-some' }])).toBe(1);
      expect(await everybody('after a sweep')).not.toContainEqual({ plaidUserId: 's-ok' });
    });

    /** The moment that lies so many milliseconds from now, as Postgres may write it. */
    const fromNow = (ms: number) => new Date(Date.now() + ms).toISOString().replace('T', ' ').replace('Z', '+00');

    it('skips only who was closed before the earlier end began, by more than clocks may differ', async () => {
      const user: TargetUser = { plaidUserId: 'returns', batchUserId: 'returns-b' };
      await runOf('before the closure', user, 'removed');
      for (const [name, closedAt, expected] of [
        ['an hour before', fromNow(-3_600_000), 1],
        ['with another offset', '2026-01-01T00:30:00+05:30', 1],
        ['just before', fromNow(-CLOCK_MARGIN_MS / 2), 0],
        ['after', fromNow(1_000), 0],
        ['in the future', fromNow(86_400_000), 0],
        ['not said', undefined, 0],
      ] as const) {
        expect([name, await skipped(`closed ${name}`, [{ ...user, closedAt }])]).toEqual([name, expected]);
      }
    });

    it('counts a sweep from its creation, since it may have called before it recorded', async () => {
      await sweepOf(sweeps, 'long sweep', [rowOf({ plaidUserId: 'long' })]);
      const table = `update sweeps set created_at = '2026-03-01T00:00:00.000Z' where sweep_id = 'long sweep'`;
      await runRaw(url, table);
      const chunk = { sweepId: 'long sweep', chunkId: 'c' };
      const fence = await sweeps.takeFence(chunk);
      const opened = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 9 }, wave: 1, limit: 9 });
      await sweeps.flushWave({ ...chunk, fence, users: opened.map((user) => settled(user, 'removed')) });
      expect(await skipped('closed during the sweep', [{ plaidUserId: 'long', closedAt: '2026-03-02T00:00:00Z' }])).toBe(0);
      expect(await skipped('closed before the sweep', [{ plaidUserId: 'long', closedAt: '2026-02-28T00:00:00Z' }])).toBe(1);
    });

    it('takes what a run reports without calls of its own, as after a reset, as no proof', async () => {
      const steps = [
        { step: 'plaid.items', task: 'plaid.userItemsRemove', outcome: 'skipped', reason: 'noItems' },
        { step: 'plaid.products', task: 'plaid.userProductsTerminate', outcome: 'removed' },
      ] as const;
      for (const [name, called, expected] of [
        ['reset-nothing', [], 0],
        ['reset-products', ['products'], 0],
        ['reset-look', ['look'], 0],
        ['whole', ['look', 'products'], 1],
      ] as const) {
        const run = { workflowId: name, runId: 'r' };
        const { subjects } = rowOf({ plaidUserId: name });
        const look = intentOf({ ...run, activityId: '1', task: 'plaid.userItemsGet', subjects: [...subjects] });
        const products = intentOf({ ...run, activityId: '2', step: 'plaid.products', task: 'plaid.userProductsTerminate', subjects: [...subjects] });
        if (called.some((call) => call === 'look')) await ledger.recordOutcome({ ...look, outcome: 'read', items: [] });
        if (called.some((call) => call === 'products')) await ledger.recordOutcome({ ...products, outcome: 'removed' });
        await ledger.recordEnd({ ...run, environment: 'sandbox', subject: subjects[0] ?? '', steps, compensations: [] });
        expect([name, await skipped(`after ${name}`, [{ plaidUserId: name }])]).toEqual([name, expected]);
      }
    });

    it('asks for every step that the sweep would make', async () => {
      const user: TargetUser = { plaidUserId: 'steps', batchUserId: 'steps-b' };
      await sweepOf(sweeps, 'with steps', [rowOf(user)]);
      const chunk = { sweepId: 'with steps', chunkId: 'c' };
      const fence = await sweeps.takeFence(chunk);
      const [opened] = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 9 }, wave: 1, limit: 9 });
      if (!opened) throw new Error('Nobody was opened.');
      const receipts = [
        receiptOf(opened, { step: 'plaid.items', outcome: 'skipped', reason: 'noItems' }),
        receiptOf(opened, { step: 'plaid.products', task: 'plaid.userProductsTerminate' }),
        receiptOf(opened, { ...AT_BATCH, outcome: 'accepted', subject: opened.subjects[1] ?? '' }),
      ];
      await sweeps.flushWave({ ...chunk, fence, users: [settled(opened, 'removed', { receipts })] });
      const asked = (removeUser: boolean, batchMode: 'customData' | 'gdpr' | 'skip', apps: string[] | undefined) => ({
        doneSteps: stepsToHaveDone({ removeUser, batchMode }, apps),
      });
      expect(await skipped('the same steps', [user], asked(false, 'customData', ['ios']))).toBe(1);
      expect(await skipped('fewer steps', [user], asked(false, 'skip', ['ios']))).toBe(1);
      expect(await skipped('also the user', [user], asked(true, 'customData', ['ios']))).toBe(0);
      expect(await skipped('another app', [user], asked(false, 'customData', ['ios', 'android']))).toBe(0);
      expect(await skipped('apps not known', [user], asked(false, 'customData', undefined))).toBe(0);
      expect(await skipped('by a request', [user], asked(false, 'gdpr', ['ios']))).toBe(0);
      expect(await skipped('no id at Batch', [{ plaidUserId: 'steps' }], asked(false, 'gdpr', ['ios']))).toBe(1);
    });

    it('hides no later closure behind an earlier row that is done, in one append and in several', async () => {
      const user: TargetUser = { plaidUserId: 'twice', batchUserId: 'twice-b' };
      await runOf('first closure', user, 'removed');
      const before = { ...user, closedAt: fromNow(-7_200_000) };
      const atPlaid = { plaidUserId: 'twice' };
      const cases: [string, TargetUser[], { total: number; duplicates: number; skipped: number }][] = [
        ['later', [before, { ...user, closedAt: fromNow(1_000) }], { total: 2, duplicates: 0, skipped: 1 }],
        ['later with fewer ids', [before, { ...atPlaid, closedAt: fromNow(1_000) }], { total: 2, duplicates: 0, skipped: 1 }],
        ['later first', [{ ...user, closedAt: fromNow(1_000) }, before], { total: 1, duplicates: 1, skipped: 0 }],
        ['not said', [before, user], { total: 2, duplicates: 0, skipped: 1 }],
        ['some Items', [before, { ...before, itemIds: ['i'] }], { total: 2, duplicates: 0, skipped: 1 }],
        ['both done', [before, { ...user, closedAt: fromNow(-3_600_000) }, { ...atPlaid, closedAt: before.closedAt }], { total: 1, duplicates: 2, skipped: 1 }],
        ['three', [before, user, before], { total: 2, duplicates: 1, skipped: 1 }],
      ];
      for (const [name, users, expected] of cases) {
        await sweeps.create({ sweepId: `together: ${name}`, skipDone: true });
        await append(`together: ${name}`, users.map(rowOf));
        await sweeps.create({ sweepId: `apart: ${name}`, skipDone: true });
        for (const one of users) await append(`apart: ${name}`, [rowOf(one)]);
        for (const sweepId of [`together: ${name}`, `apart: ${name}`]) {
          const { total, duplicates } = await sweeps.readSnapshot(sweepId);
          expect({ sweepId, total, duplicates, skipped: (await sweeps.count(sweepId)).skipped }).toEqual({ sweepId, ...expected });
        }
      }
    });
  });

  it('of a redrive has the failed and unknown users of the first sweep, and no others, under a key of its own', async () => {
    await sweepOf(sweeps, 'first', rowsOf(0, 6));
    const chunk = { sweepId: 'first', chunkId: 'c' };
    const fence = await sweeps.takeFence(chunk);
    const opened = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 9 }, wave: 1, limit: 5 });
    const outcomes = ['failed', 'removed', 'unknown', 'notFound', 'failed'] as const;
    await sweeps.flushWave({ ...chunk, fence, users: opened.map((user, index) => settled(user, outcomes[index])) });
    await sweeps.create({ sweepId: 'again', redriveOf: 'first' });
    expect(await sweeps.appendRedriven({ sweepId: 'again', limit: 2 })).toMatchObject({ total: 2, complete: false });
    const whole = await sweeps.appendRedriven({ sweepId: 'again', limit: 2 });
    expect(whole).toMatchObject({ total: 3, complete: true });
    expect(await sweeps.appendRedriven({ sweepId: 'again', limit: 2 })).toEqual(whole);
    await sweeps.release('first');
    expect(await everybody('again')).toEqual([userNumber(0), userNumber(2), userNumber(4)]);
    await sweeps.create({ sweepId: 'too late', redriveOf: 'first' });
    await expect(sweeps.appendRedriven({ sweepId: 'too late', limit: 2 })).rejects.toThrow(SweepReleasedError);
    await expect(sweeps.appendRedriven({ sweepId: 'complete', limit: 2 })).resolves.toMatchObject({ complete: true });
    await expect(sweeps.appendRedriven({ sweepId: 'once', limit: 2 })).rejects.toThrow(SweepConflictError);
  });

  it('cannot be read any more in a row that was moved, in this sweep or to another', async () => {
    await sweepOf(sweeps, 'moved', rowsOf(0, 2));
    const [row] = await runRaw(url, `select number from sweeps where sweep_id = 'moved'`);
    await runRaw(url, `update target_ids set ids = (select ids from target_ids where sweep = ${Number(row?.['number'])} and seq = 1)
      where sweep = ${Number(row?.['number'])} and seq = 0`);
    await expect(everybody('moved')).rejects.toThrow();
  });
});
