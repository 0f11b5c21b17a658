import type { Intent } from 'temporal-http-tasks/internal/ledger/ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { SweepBarredError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import { DATABASES, cleanUp, intentOf, open, runRaw, subject } from './databases';
import { rowsOf, settled, sweepOf } from './sweeps/users';

const DAY = '2030-01-31';

describe.each(DATABASES)('users of a day in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;
  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
  });
  afterAll(cleanUp);

  const usersOf = async (day: string): Promise<number> => {
    const [row] = await runRaw(url, `select users from policy_days where day = '${day}'`);
    return Number(row?.['users'] ?? 0);
  };

  async function chunkOf(sweepId: string, users: number) {
    await sweepOf(ledger.sweeps, sweepId, rowsOf(0, users));
    const fence = await ledger.sweeps.takeFence({ sweepId, chunkId: 'chunk-0' });
    return { sweepId, chunkId: 'chunk-0', fence, range: { from: 0, to: users - 1 } };
  }

  it('opens as many new users as the day has places, once, and the others never', async () => {
    const chunk = await chunkOf('partly', 10);
    const daily = { day: '2030-02-01', mostUsers: 7 };
    const first = await ledger.sweeps.openWave({ ...chunk, wave: 1, limit: 5, daily });
    expect(first.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4]);
    expect(await ledger.sweeps.openWave({ ...chunk, wave: 1, limit: 5, daily })).toHaveLength(5);
    expect(await usersOf(daily.day)).toBe(5);
    const second = await ledger.sweeps.openWave({ ...chunk, wave: 2, limit: 5, daily });
    expect(second.map(({ seq }) => seq)).toEqual([5, 6]);
    await expect(ledger.sweeps.openWave({ ...chunk, wave: 3, limit: 5, daily })).rejects.toMatchObject({
      obstacle: 'dayIsFull',
    });
    expect(await usersOf(daily.day)).toBe(7);
    // On the next day there are places again.
    const next = await ledger.sweeps.openWave({
      ...chunk,
      wave: 4,
      limit: 5,
      daily: { day: '2030-02-02', mostUsers: 7 },
    });
    expect(next.map(({ seq }) => seq)).toEqual([7, 8, 9]);
    expect(await usersOf('2030-02-02')).toBe(3);
  });

  it('opens users who were begun before also when the day is full, and counts them no more', async () => {
    const chunk = await chunkOf('again', 4);
    const daily = { day: '2030-02-03', mostUsers: 2 };
    const begun = await ledger.sweeps.openWave({ ...chunk, wave: 1, limit: 4, daily });
    expect(begun).toHaveLength(2);
    await ledger.sweeps.flushWave({
      ...chunk,
      users: begun.map(({ seq, round }) => ({
        kind: 'deferred' as const,
        seq,
        round,
        notBefore: new Date(Date.now() - 1_000).toISOString(),
        unsettled: false,
        receipts: [],
      })),
    });
    const again = await ledger.sweeps.openWave({ ...chunk, wave: 2, limit: 4, daily });
    expect(again.map(({ seq, round }) => [seq, round])).toEqual([
      [0, 1],
      [1, 1],
    ]);
    // The process dies: another one takes them over.
    const fence = await ledger.sweeps.takeFence(chunk);
    const taken = await ledger.sweeps.openWave({ ...chunk, fence, wave: 1, limit: 4, daily });
    expect(taken.map(({ seq, unsettled }) => [seq, unsettled])).toEqual([
      [0, true],
      [1, true],
    ]);
    expect(await usersOf(daily.day)).toBe(2);
    await ledger.sweeps.flushWave({ ...chunk, fence, users: taken.map((user) => settled(user)) });
    await expect(ledger.sweeps.openWave({ ...chunk, fence, wave: 2, limit: 4, daily })).rejects.toBeInstanceOf(
      SweepBarredError,
    );
  });

  it('does not count users on hold', async () => {
    const chunk = await chunkOf('held', 3);
    const [held] = rowsOf(1, 2);
    await ledger.addHold({ holdId: 'h', subjects: held!.subjects });
    const daily = { day: '2030-02-04', mostUsers: 2 };
    expect(await ledger.sweeps.openWave({ ...chunk, wave: 1, limit: 3, daily })).toHaveLength(1);
    expect(await usersOf(daily.day)).toBe(1);
    expect(await ledger.sweeps.openWave({ ...chunk, wave: 2, limit: 3, daily })).toHaveLength(1);
    await ledger.removeHolds({ holdId: 'h' });
  });

  it('is exact when several chunks, lone calls and runs begin users at the same time', async () => {
    const chunks = await Promise.all([0, 1, 2, 3].map((number) => chunkOf(`many-${number}`, 20)));
    const other = await open(url);
    const daily = { day: DAY, mostUsers: 50 };
    const opened = chunks.map(async (chunk, index) => {
      const { sweeps } = index % 2 === 0 ? ledger : other;
      let users = 0;
      for (let wave = 1; ; wave += 1) {
        const found = await sweeps.openWave({ ...chunk, wave, limit: 3, daily }).catch((error: unknown) => {
          if (error instanceof SweepBarredError) return [];
          throw error;
        });
        if (found.length === 0) return users;
        users += found.length;
      }
    });
    const called = Array.from({ length: 10 }, async (_, index) => {
      const intent = lone(`call-${index}`, [subject(`x-${index}`), subject(`y-${index}`)]);
      const { kind } = await (index % 2 === 0 ? ledger : other).recordIntent({
        ...intent,
        daily: { ...daily, counts: 'ids' },
      });
      return kind === 'recorded' ? 2 : 0;
    });
    const begun = (await Promise.all([...opened, ...called])).reduce<number>((sum, users) => sum + users, 0);
    // A call of two IDs may find one place.
    expect(begun).toBeLessThanOrEqual(50);
    expect(begun).toBeGreaterThanOrEqual(49);
    expect(await usersOf(DAY)).toBe(begun);
  });

  function lone(runId: string, subjects: string[], changes: Partial<Intent> = {}): Intent {
    return intentOf({ workflowId: '', runId, activityId: runId, subjects, holdSubjects: subjects, ...changes });
  }

  it('counts the IDs of a call, once for all its attempts', async () => {
    const daily = { day: '2030-02-05', mostUsers: 3, counts: 'ids' as const };
    const record = (intent: Intent) => ledger.recordIntent({ ...intent, daily }).then(({ kind }) => kind);
    const ids = [subject('a'), subject('b')];
    expect(await record(lone('one', ids))).toBe('recorded');
    expect(await record(lone('one', ids, { attempt: 2, refuseUnsettled: false }))).toBe('recorded');
    expect(await usersOf(daily.day)).toBe(2);
    expect(await record(lone('two', ids))).toBe('dayIsFull');
    expect(await ledger.readReceipts({ workflowId: '', runId: 'two' })).toEqual([]);
    expect(await record(lone('three', [subject('c')]))).toBe('recorded');
    expect(await record(lone('four', []))).toBe('dayIsFull');
    expect(await usersOf(daily.day)).toBe(3);
  });

  it('counts a run as one user, and a call without an ID as one', async () => {
    const daily = { day: '2030-02-06', mostUsers: 2 };
    const step = (activityId: string, id: string) =>
      ledger.recordIntent({
        ...intentOf({ workflowId: 'w', runId: 'run', activityId, subjects: [subject(id)], holdSubjects: [] }),
        daily: { ...daily, counts: 'run' },
      });
    expect(await step('1', 'p')).toEqual({ kind: 'recorded' });
    expect(await step('2', 'q')).toEqual({ kind: 'recorded' });
    expect(await usersOf(daily.day)).toBe(1);
    expect(await ledger.recordIntent({ ...lone('none', []), daily: { ...daily, counts: 'ids' } })).toEqual({
      kind: 'recorded',
    });
    expect(await usersOf(daily.day)).toBe(2);
  });

  it('a call that is refused for another reason says that reason, and counts nothing', async () => {
    const daily = { day: '2030-02-07', mostUsers: 0, counts: 'ids' as const };
    await ledger.addHold({ holdId: 'k', subjects: [subject('z')] });
    expect(await ledger.recordIntent({ ...lone('z', [subject('z')]), daily })).toEqual({ kind: 'held' });
    await ledger.stop({ reason: 'test', by: 'test' });
    expect(await ledger.recordIntent({ ...lone('s', [subject('s')]), daily: { ...daily, mostUsers: 5 } })).toEqual({
      kind: 'stopped',
    });
    await ledger.start({ by: 'test' });
    const once = { ...lone('u', [subject('u')], { refuseUnsettled: true }), daily: { ...daily, mostUsers: 5 } };
    expect(await ledger.recordIntent(once)).toEqual({ kind: 'recorded' });
    expect(await ledger.recordIntent(once)).toEqual({ kind: 'unsettled' });
    expect(await usersOf(daily.day)).toBe(1);
  });
});
