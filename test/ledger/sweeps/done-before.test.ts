import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { CLOCK_MARGIN_MS } from 'temporal-http-tasks/internal/ledger/sweeps/done-before';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import { stepsToHaveDone } from 'temporal-http-tasks/internal/providers/done-steps';
import type { DoneStep } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import { DATABASES, cleanUp, intentOf, open, runRaw, subject } from '../databases';
import { receiptOf, rowOf, settled, sweepOf } from './users';

describe.each(DATABASES)('a snapshot that leaves out who is done in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  let sweeps: SweepLedger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
    ({ sweeps } = ledger);
  });
  afterAll(cleanUp);

  async function append(sweepId: string, rows: readonly TargetRow[]) {
    const { version } = await sweeps.readSnapshot(sweepId);
    return sweeps.appendTargets({ sweepId, version, rows, position: 'p' });
  }

  /** All users of a sweep who can be opened, in order. */
  async function allUsers(sweepId: string): Promise<TargetUser[]> {
    const chunk = { sweepId, chunkId: 'all' };
    const fence = await sweeps.takeFence(chunk);
    const users = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 999 }, wave: 1, limit: 250 });
    return users.map(({ user }) => user);
  }

  const AT_BATCH = {
    step: 'batch.ios',
    task: 'batch.customDataDelete',
    service: 'batch',
    environment: 'default',
  } as const;

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
  async function skipped(
    sweepId: string,
    users: TargetUser[],
    { skipDone = true, doneSteps }: { skipDone?: boolean; doneSteps?: DoneStep[] } = {},
  ): Promise<number> {
    await sweeps.create({ sweepId, skipDone });
    const { version } = await sweeps.readSnapshot(sweepId);
    const rows = users.map((user) => rowOf({ closedAt: '2020-01-01T00:00:00Z', ...user }));
    await sweeps.appendTargets({ sweepId, version, rows, doneSteps, position: 'p', complete: true });
    const counts = await sweeps.count(sweepId);
    expect(counts.total).toBe(users.length);
    expect(counts.pending).toBe(users.length - counts.skipped);
    return counts.skipped;
  }

  it('skips users for whom an earlier run succeeded, for all ids and all Items', async () => {
    await runOf('good', { plaidUserId: 'done', batchUserId: 'done-b' }, 'removed');
    await runOf('bad', { plaidUserId: 'failed' }, 'failed');
    await runOf('some items', { plaidUserId: 'some' }, 'removed', ['left']);
    expect(await skipped('after runs', [{ plaidUserId: 'done', batchUserId: 'done-b' }])).toBe(1);
    expect(await skipped('asked not to', [{ plaidUserId: 'done', batchUserId: 'done-b' }], { skipDone: false })).toBe(
      0,
    );
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
    // The user had no Items; what Batch accepted is the final outcome under the id at Plaid.
    await ledger.recordOutcome({
      ...intentOf({ ...run, ...AT_BATCH, activityId: '1', subjects: [atBatch] }),
      outcome: 'accepted',
    });
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

  it('skips users for whom an earlier sweep succeeded, and no others', async () => {
    const users: TargetUser[] = ['ok', 'bad', 'open', 'held', 'unknown'].map((id) => ({ plaidUserId: `s-${id}` }));
    const some: TargetUser = { plaidUserId: 's-some', itemIds: ['i'] };
    await sweepOf(sweeps, 'earlier', [...users, some].map(rowOf));
    const chunk = { sweepId: 'earlier', chunkId: 'c' };
    const fence = await sweeps.takeFence(chunk);
    const opened = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 9 }, wave: 1, limit: 9 });
    const outcomes = {
      's-ok': 'removed',
      's-bad': 'failed',
      's-held': 'held',
      's-unknown': 'unknown',
      's-some': 'removed',
    } as const;
    const flushed = opened.flatMap((user) => {
      const outcome = Object.entries(outcomes).find(([id]) => id === user.user.plaidUserId)?.[1];
      if (outcome === undefined) return [];
      // Something good comes first everywhere: it must not outweigh what is bad.
      return [settled(user, outcome, { receipts: [receiptOf(user), receiptOf(user, { step: 'x', outcome })] })];
    });
    await sweeps.flushWave({ ...chunk, fence, users: flushed });
    expect(await skipped('without the time of the closure', [{ plaidUserId: 's-ok', closedAt: undefined }])).toBe(0);
    expect(await skipped('after a sweep', [...users, { plaidUserId: 's-some' }])).toBe(1);
    expect(await allUsers('after a sweep')).not.toContainEqual({ plaidUserId: 's-ok' });
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
    expect(await skipped('closed during the sweep', [{ plaidUserId: 'long', closedAt: '2026-03-02T00:00:00Z' }])).toBe(
      0,
    );
    expect(await skipped('closed before the sweep', [{ plaidUserId: 'long', closedAt: '2026-02-28T00:00:00Z' }])).toBe(
      1,
    );
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
      const products = intentOf({
        ...run,
        activityId: '2',
        step: 'plaid.products',
        task: 'plaid.userProductsTerminate',
        subjects: [...subjects],
      });
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
      [
        'later with fewer ids',
        [before, { ...atPlaid, closedAt: fromNow(1_000) }],
        { total: 2, duplicates: 0, skipped: 1 },
      ],
      ['later first', [{ ...user, closedAt: fromNow(1_000) }, before], { total: 1, duplicates: 1, skipped: 0 }],
      ['not said', [before, user], { total: 2, duplicates: 0, skipped: 1 }],
      ['some Items', [before, { ...before, itemIds: ['i'] }], { total: 2, duplicates: 0, skipped: 1 }],
      [
        'both done',
        [before, { ...user, closedAt: fromNow(-3_600_000) }, { ...atPlaid, closedAt: before.closedAt }],
        { total: 1, duplicates: 2, skipped: 1 },
      ],
      ['three', [before, user, before], { total: 2, duplicates: 1, skipped: 1 }],
    ];
    for (const [name, users, expected] of cases) {
      await sweeps.create({ sweepId: `together: ${name}`, skipDone: true });
      await append(`together: ${name}`, users.map(rowOf));
      await sweeps.create({ sweepId: `apart: ${name}`, skipDone: true });
      for (const one of users) await append(`apart: ${name}`, [rowOf(one)]);
      for (const sweepId of [`together: ${name}`, `apart: ${name}`]) {
        const { total, duplicates } = await sweeps.readSnapshot(sweepId);
        expect({ sweepId, total, duplicates, skipped: (await sweeps.count(sweepId)).skipped }).toEqual({
          sweepId,
          ...expected,
        });
      }
    }
  });
});
