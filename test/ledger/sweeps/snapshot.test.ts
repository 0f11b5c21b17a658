import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import {
  SnapshotMovedError,
  SweepConflictError,
  SweepReleasedError,
  UnknownSweepError,
} from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import { DATABASES, cleanUp, open, runRaw } from '../databases';
import { rowOf, rowsOf, settled, sweepOf, userNumber } from './users';

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

  /** All users of a sweep, in order. */
  async function allUsers(sweepId: string): Promise<TargetUser[]> {
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
    const claims = await Promise.all(
      ['run-1', 'run-2', 'run-1'].map((by) => sweeps.claim({ sweepId: 'unclaimed', by })),
    );
    const winner = claims[0]?.claimedBy;
    expect(['run-1', 'run-2']).toContain(winner);
    expect(claims.map(({ claimedBy }) => claimedBy)).toEqual([winner, winner, winner]);
    expect(await sweeps.create({ sweepId: 'mine', claimedBy: 'run-3' })).toMatchObject({ claimedBy: 'run-3' });
    expect(await sweeps.create({ sweepId: 'mine', claimedBy: 'run-4' })).toMatchObject({ claimedBy: 'run-3' });
    expect(await sweeps.claim({ sweepId: 'mine', by: 'run-4' })).toMatchObject({ claimedBy: 'run-3' });
    await expect(sweeps.claim({ sweepId: 'never', by: 'run-1' })).rejects.toThrow(UnknownSweepError);
  });

  it('keeps the state of its sweep, and when it ended for the first time', async () => {
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
    expect(await allUsers('fields')).toEqual(users);
  });

  const A: TargetUser = { plaidUserId: 'A', batchUserId: 'B' };
  it.each<[string, TargetUser[], number]>([
    ['the same ids', [A, A], 1],
    ['fewer ids of one earlier row', [A, { plaidUserId: 'A' }, { batchUserId: 'B' }], 2],
    ['another reference', [A, { ...A, reference: 'again' }], 1],
    ['more ids than any earlier row', [{ plaidUserId: 'A' }, { batchUserId: 'B' }, A], 0],
    [
      'ids of two earlier rows together',
      [{ plaidUserId: 'A', batchUserId: 'C' }, { plaidUserId: 'D', batchUserId: 'B' }, A],
      0,
    ],
    [
      'an id of another kind',
      [{ plaidUserId: 'A' }, { plaidUserToken: 'A', batchUserId: 'A' }, { batchUserId: 'a' }],
      0,
    ],
    ['some Items after all Items', [A, { ...A, itemIds: ['i'] }], 1],
    ['all Items after some Items', [{ ...A, itemIds: ['i'] }, A], 0],
    [
      'other Items',
      [
        { ...A, itemIds: ['i'] },
        { ...A, itemIds: ['j'] },
      ],
      0,
    ],
    [
      'the same Items in another order',
      [
        { ...A, itemIds: ['i', 'j'] },
        { ...A, itemIds: ['j', 'i'] },
      ],
      1,
    ],
    [
      'fewer ids and the same Items',
      [
        { ...A, itemIds: ['i'] },
        { plaidUserId: 'A', itemIds: ['i'] },
      ],
      1,
    ],
  ])('counts a row with %s as it should, in one append and in several', async (name, users, duplicates) => {
    await sweepOf(sweeps, `one append: ${name}`, users.map(rowOf));
    await sweeps.create({ sweepId: `several: ${name}` });
    for (const user of users) await append(`several: ${name}`, [rowOf(user)]);
    for (const sweepId of [`one append: ${name}`, `several: ${name}`]) {
      expect(await sweeps.readSnapshot(sweepId)).toMatchObject({ total: users.length - duplicates, duplicates });
      expect(await allUsers(sweepId)).toHaveLength(users.length - duplicates);
    }
  });

  it('finds duplicates in no time where all rows share an id', async () => {
    await sweeps.create({ sweepId: 'shared' });
    const started = performance.now();
    for (let from = 0; from < 10_000; from += 2_000) {
      const rows = Array.from({ length: 2_000 }, (_, index) =>
        rowOf({ plaidUserId: 'all', batchUserId: `b${from + index}` }),
      );
      await append('shared', rows);
    }
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(await append('shared', [rowOf({ plaidUserId: 'all' })])).toMatchObject({ total: 10_000, duplicates: 1 });
  });

  it('continues where it was, with nothing twice and nothing left out, whichever process appends, however often', async () => {
    await sweeps.create({ sweepId: 'resumed' });
    const others = await Promise.all([open(url), open(url)]);
    const everyone = rowsOf(0, 400);
    const snapshot = async (mine: SweepLedger) => {
      for (;;) {
        const { version, position = '0', complete } = await mine.readSnapshot('resumed');
        if (complete) return;
        const from = Number(position);
        const rows = everyone.slice(from, from + 10);
        const next = {
          sweepId: 'resumed',
          version,
          rows,
          position: String(from + 10),
          rejected: 1,
          complete: from + 10 >= 400,
        };
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

  it('refuses the same append a second time, as after a response that was lost', async () => {
    await sweeps.create({ sweepId: 'lost answer' });
    const next = { sweepId: 'lost answer', version: 0, rows: rowsOf(0, 3), position: 'after 3' };
    const responded = await sweeps.appendTargets(next);
    await expect(sweeps.appendTargets(next)).rejects.toThrow(SnapshotMovedError);
    expect(await sweeps.readSnapshot('lost answer')).toEqual(responded);
  });

  it('is of one environment of Plaid, that of the first user with an id there', async () => {
    await sweeps.create({ sweepId: 'environments' });
    const appendFor = async (plaidEnvironment: string, rows: readonly TargetRow[]) => {
      const { version } = await sweeps.readSnapshot('environments');
      return sweeps.appendTargets({
        sweepId: 'environments',
        version,
        rows,
        environments: { plaid: plaidEnvironment },
        position: 'p',
      });
    };
    await appendFor('production', [rowOf({ batchUserId: 'customer-1' })]);
    expect(await sweeps.read('environments')).toMatchObject({ environments: {} });
    for (const number of [2, 3]) await appendFor('sandbox', [rowOf(userNumber(number))]);
    expect(await sweeps.read('environments')).toMatchObject({ environments: { plaid: 'sandbox' }, total: 3 });
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
    expect(await allUsers('again')).toEqual([userNumber(0), userNumber(2), userNumber(4)]);
    await sweeps.create({ sweepId: 'too late', redriveOf: 'first' });
    await expect(sweeps.appendRedriven({ sweepId: 'too late', limit: 2 })).rejects.toThrow(SweepReleasedError);
    await expect(sweeps.appendRedriven({ sweepId: 'complete', limit: 2 })).resolves.toMatchObject({ complete: true });
    await expect(sweeps.appendRedriven({ sweepId: 'once', limit: 2 })).rejects.toThrow(SweepConflictError);
  });

  it('cannot be read any more in a row that was moved, in this sweep or to another', async () => {
    await sweepOf(sweeps, 'moved', rowsOf(0, 2));
    const [row] = await runRaw(url, `select number from sweeps where sweep_id = 'moved'`);
    await runRaw(
      url,
      `update target_ids set ids = (select ids from target_ids where sweep = ${Number(row?.['number'])} and seq = 1)
      where sweep = ${Number(row?.['number'])} and seq = 0`,
    );
    await expect(allUsers('moved')).rejects.toThrow();
  });
});
