import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { SweepReleasedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { OpenUser, StepReceipt } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { OUTCOMES, WORST_FIRST } from 'temporal-http-tasks/internal/policy/outcome';
import { DATABASES, cleanUp, open, runRaw, subject } from '../databases';
import { chunksOf, receiptOf, rowOf, rowsOf, settled, settledFully, sweepOf, userNumber } from './users';

const ALL = { from: 0, to: 9_999 };
const PAST = new Date(0).toISOString();
const seqs = (users: readonly OpenUser[]) => users.map(({ seq }) => seq);

describe.each(DATABASES)('the waves of a chunk in $name', ({ name, freshUrl }) => {
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

  it('take the next users of a range, each once, and return their ids and hashes', async () => {
    const chunk = await begin('plain', 30);
    const range = { from: 5, to: 19 };
    const first = await sweeps.openWave({ ...chunk, range, wave: 1, limit: 10 });
    expect(first[0]).toEqual({ seq: 5, round: 0, ...rowOf(userNumber(5)), unsettled: false });
    expect(seqs(first)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    expect(seqs(await sweeps.openWave({ ...chunk, range, wave: 2, limit: 10 }))).toEqual([15, 16, 17, 18, 19]);
    expect(await sweeps.openWave({ ...chunk, range, wave: 3, limit: 10 })).toEqual([]);
    expect(await sweeps.count('plain')).toMatchObject({ total: 30, pending: 15, open: 15 });
  });

  it('return the same users for a wave that is asked for again, as after a response that was lost', async () => {
    const chunk = await begin('asked again', 20);
    const wave = { ...chunk, range: ALL, wave: 1, limit: 5 };
    const first = await sweeps.openWave(wave);
    expect(await sweeps.openWave(wave)).toEqual(first);
    await sweeps.flushWave({ ...chunk, users: first.slice(0, 2).map((user) => settled(user)) });
    expect(await sweeps.openWave(wave)).toEqual(first.slice(2));
    expect(await sweeps.count('asked again')).toMatchObject({ pending: 15, open: 3, removed: 2 });
  });

  it('write receipts with every field, which are read by user and report to later runs what is known', async () => {
    const chunk = await begin('receipts', 3);
    const [user, other] = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 250 });
    if (user === undefined || other === undefined) throw new Error('Nobody was opened.');
    const full: StepReceipt = {
      step: 'batch.ios',
      task: 'batch.customDataDelete',
      subject: user.subjects[1] ?? '',
      service: 'batch',
      environment: 'default',
      keySlot: 'ios',
      outcome: 'failed',
      reason: 'deadline',
      failureType: 'Task.Rejected',
      status: 400,
      code: '32',
      requestId: 'req',
      token: 'token',
      items: [subject('item')],
    };
    const twice = [receiptOf(user), receiptOf(user, { outcome: 'notFound' }), full];
    const users = [
      settled(user, 'removed', { receipts: twice }),
      settled(other, 'skipped', { receipts: [{ ...full, subject: '', outcome: 'skipped' }] }),
    ];
    await sweeps.flushWave({ ...chunk, users });
    const receipts = await sweeps.readReceipts({ sweepId: 'receipts', afterSeq: -1, limit: 1 });
    const { items, ...shown } = full;
    expect(items).toHaveLength(1);
    expect(receipts).toMatchObject([
      { workflowId: 'receipts', seq: 0, phase: 'settled', attempt: 1, ...receiptOf(user) },
      { attempt: 2, step: 'plaid.items', outcome: 'notFound' },
      { attempt: 1, ...shown },
    ]);
    expect(await sweeps.readReceipts({ sweepId: 'receipts', afterSeq: 0, limit: 10 })).toHaveLength(1);
    expect(await ledger.readHistory([user.subjects[0] ?? ''])).toEqual({ steps: ['plaid.items'], items: [] });
    expect(await sweeps.readHistories([{ subjects: [subject('nobody')] }, user])).toEqual([
      { steps: [], items: [] },
      { steps: ['batch.ios', 'plaid.items'], items: [subject('item')] },
    ]);
  });

  it.each(OUTCOMES)('count a user whose worst step is %s under it', async (outcome) => {
    const chunk = await begin(`worst ${outcome}`, 1);
    const [user] = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 1 });
    if (user === undefined) throw new Error('Nobody was opened.');
    const better = WORST_FIRST.slice(WORST_FIRST.indexOf(outcome));
    const receipts = [...better].reverse().map((one) => receiptOf(user, { outcome: one }));
    await sweeps.flushWave({
      ...chunk,
      users: [settled(user, outcome, { receipts: [...receipts, receiptOf(user, { outcome: 'read' })] })],
    });
    const none = Object.fromEntries(OUTCOMES.map((one) => [one, 0]));
    const counts = { total: 1, pending: 0, open: 0, waitingForBulk: 0, ...none, [outcome]: 1 };
    expect(await sweeps.count(`worst ${outcome}`)).toEqual(counts);
  });

  it('can be counted by range, and by how many are failed or unknown', async () => {
    const chunk = await begin('by range', 8);
    const outcomes = ['failed', 'unknown', 'removed', 'notFound', 'failed', 'accepted'] as const;
    const users = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 6 });
    const bulk = (user: OpenUser) => (user.seq === 4 ? { bulkApps: ['ios'] } : {});
    await sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user, outcomes[user.seq], bulk(user))) });
    expect(await sweeps.countFailed('by range')).toBe(3);
    expect(await sweeps.count('by range', { from: 1, to: 4 })).toMatchObject({
      total: 4,
      unknown: 1,
      removed: 1,
      notFound: 1,
      waitingForBulk: 1,
    });
    expect(await sweeps.count('by range', { from: 6, to: 99 })).toMatchObject({ total: 2, pending: 2 });
  });

  it('leave every user to be read alone, as long as its ids are there', async () => {
    const chunk = await begin('alone', 3);
    expect(await sweeps.readUser({ sweepId: 'alone', seq: 2 })).toEqual(rowOf(userNumber(2)));
    expect(await sweeps.readUser({ sweepId: 'alone', seq: 3 })).toBeUndefined();
    const [user] = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 1 });
    if (user === undefined) throw new Error('Nobody was opened.');
    await sweeps.flushWave({ ...chunk, users: [settled(user)] });
    await sweeps.setStatus({ sweepId: 'alone', status: 'cancelled' });
    await sweeps.purge({ sweepId: 'alone' });
    expect(await sweeps.readUser({ sweepId: 'alone', seq: 0 })).toBeUndefined();
    await sweeps.release('alone');
    await expect(sweeps.readUser({ sweepId: 'alone', seq: 2 })).rejects.toThrow(SweepReleasedError);
  });

  it('keep what was flushed first, however often and however differently it is flushed again', async () => {
    const chunk = await begin('again', 2);
    const [user, other] = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 2 });
    if (user === undefined || other === undefined) throw new Error('Nobody was opened.');
    await sweeps.flushWave({ ...chunk, users: [settledFully(user)] });
    const before = await sweeps.readReceipts({ sweepId: 'again', afterSeq: -1, limit: 9 });
    expect(before).toHaveLength(3);
    await sweeps.flushWave({ ...chunk, users: [settledFully(user)] });
    await sweeps.flushWave({
      ...chunk,
      users: [settled(user, 'failed', { receipts: [receiptOf(user, { step: 'more', outcome: 'failed' })] })],
    });
    await sweeps.flushWave({
      ...chunk,
      users: [
        { ...settledFully(other), round: 7 },
        { ...settledFully(other), seq: 4_711 },
      ],
    });
    expect(await sweeps.readReceipts({ sweepId: 'again', afterSeq: -1, limit: 9 })).toEqual(before);
    expect(await sweeps.count('again')).toMatchObject({ accepted: 1, open: 1, failed: 0 });
    await sweeps.flushWave({ ...chunk, users: [] });
  });

  it('refuse a settled user of whom no receipt says an outcome, and write nothing of that flush', async () => {
    const chunk = await begin('nothing said', 2);
    const [user, other] = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 2 });
    if (user === undefined || other === undefined) throw new Error('Nobody was opened.');
    const users = [settled(user), settled(other, 'removed', { receipts: [receiptOf(other, { outcome: 'read' })] })];
    await expect(sweeps.flushWave({ ...chunk, users })).rejects.toThrow(TypeError);
    const raw = settled(user, 'removed', { receipts: [receiptOf(user, { subject: 'usr_plaid_0' })] });
    await expect(sweeps.flushWave({ ...chunk, users: [raw] })).rejects.toThrow(TypeError);
    expect(await sweeps.count('nothing said')).toMatchObject({ open: 2 });
  });

  it('return a deferred user again when its time has come, in the next round, with what was unsettled still so', async () => {
    const chunk = await begin('deferred', 3);
    const [a, b, c] = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 3 });
    if (!a || !b || !c) throw new Error('Nobody was opened.');
    const soon = new Date(Date.now() - 1_000).toISOString();
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const deferred = (user: OpenUser, notBefore: string, unsettled: boolean) =>
      ({
        kind: 'deferred',
        seq: user.seq,
        round: user.round,
        notBefore,
        unsettled,
        receipts: [receiptOf(user, { outcome: 'failed' })],
      }) as const;
    await sweeps.flushWave({
      ...chunk,
      users: [deferred(a, soon, false), deferred(b, later, false), deferred(c, soon, true)],
    });
    expect(await sweeps.count('deferred')).toMatchObject({ pending: 3, failed: 0 });
    expect(await sweeps.readUnfinished({ sweepId: 'deferred', chunkSize: 1, fromSeq: 0, limit: 9 })).toEqual({
      ranges: [
        { from: 0, to: 0, users: 1, notBefore: soon },
        { from: 1, to: 1, users: 1, notBefore: later },
        { from: 2, to: 2, users: 1, notBefore: soon },
      ],
    });
    const again = await sweeps.openWave({ ...chunk, range: ALL, wave: 2, limit: 3 });
    expect(again).toEqual([
      { ...c, round: 1, unsettled: true },
      { ...a, round: 1, unsettled: false },
    ]);
    await sweeps.flushWave({ ...chunk, users: again.map((user) => settled(user)) });
    const receipts = await sweeps.readReceipts({ sweepId: 'deferred', afterSeq: -1, limit: 1 });
    expect(receipts).toMatchObject([
      { phase: 'outcome', outcome: 'failed' },
      { phase: 'settled', outcome: 'removed' },
    ]);
    expect(await sweeps.count('deferred')).toMatchObject({ pending: 1, removed: 2 });
  });

  it('report where users are unfinished, so that a later round need not look everywhere', async () => {
    const chunk = await begin('unfinished', 100);
    const most = await sweeps.openWave({ ...chunk, range: { from: 0, to: 79 }, wave: 1, limit: 250 });
    await sweeps.flushWave({ ...chunk, users: most.filter(({ seq }) => seq !== 33).map((user) => settled(user)) });
    const asked = { sweepId: 'unfinished', chunkSize: 30, fromSeq: 0, limit: 3 };
    const ranges = [
      { from: 30, to: 59, users: 1 },
      { from: 60, to: 89, users: 10 },
      { from: 90, to: 119, users: 10 },
    ];
    expect(await sweeps.readUnfinished(asked)).toEqual({ ranges });
    expect(await sweeps.readUnfinished({ ...asked, limit: 2 })).toEqual({ ranges: ranges.slice(0, 2), nextSeq: 90 });
    expect(await sweeps.readUnfinished({ ...asked, limit: 2, fromSeq: 90 })).toEqual({ ranges: ranges.slice(2) });
    expect(await sweeps.readUnfinished({ ...asked, fromSeq: 85 })).toEqual({
      ranges: [{ from: 85, to: 89, users: 5 }, ranges[2]],
    });
    expect(await sweeps.readUnfinished({ ...asked, fromSeq: 100 })).toEqual({ ranges: [] });
    await expect(sweeps.readUnfinished({ ...asked, limit: 0 })).rejects.toThrow(RangeError);
  });

  it('open deferred users immediately when they are made due', async () => {
    const chunk = await begin('due', 3);
    const users = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 3 });
    const notBefore = new Date(Date.now() + 3_600_000).toISOString();
    const deferred = users.map(
      ({ seq, round }) => ({ kind: 'deferred', seq, round, notBefore, unsettled: seq === 1, receipts: [] }) as const,
    );
    await sweeps.flushWave({ ...chunk, users: deferred });
    await sweeps.makeDue({ sweepId: 'due', from: 1, to: 2 });
    const opened = await sweeps.openWave({ ...chunk, range: ALL, wave: 2, limit: 3 });
    expect(opened.map(({ seq, round, unsettled }) => [seq, round, unsettled])).toEqual([
      [1, 1, true],
      [2, 1, false],
    ]);
  });

  it('first return those whom a dead process left open, flagged, and then continue', async () => {
    const dead = await begin('taken over', 10);
    const left = await sweeps.openWave({ ...dead, range: ALL, wave: 1, limit: 4 });
    await sweeps.flushWave({ ...dead, users: left.slice(0, 1).map((user) => settled(user)) });
    const chunk = await fenceOf('taken over');
    const users = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 5 });
    expect(seqs(users)).toEqual([1, 2, 3, 4, 5]);
    expect(users.map(({ unsettled }) => unsettled)).toEqual([true, true, true, false, false]);
    const third = await fenceOf('taken over');
    const again = await sweeps.openWave({ ...third, range: ALL, wave: 1, limit: 2 });
    expect(again.map(({ seq, unsettled }) => [seq, unsettled])).toEqual([
      [1, true],
      [2, true],
    ]);
  });

  it('leave out users on hold, also by one set while the sweep runs, with a receipt that says so', async () => {
    const chunk = await begin('holds', 6);
    await ledger.addHold({ holdId: 'h1', subjects: rowOf({ batchUserId: userNumber(1).batchUserId }).subjects });
    const first = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 3 });
    expect(seqs(first)).toEqual([0, 2]);
    await ledger.addHold({ holdId: 'h2', subjects: rowOf(userNumber(4)).subjects.slice(0, 1) });
    expect(seqs(await sweeps.openWave({ ...chunk, range: ALL, wave: 2, limit: 3 }))).toEqual([3, 5]);
    expect(await sweeps.count('holds')).toMatchObject({ held: 2, open: 4, pending: 0 });
    const receipts = await sweeps.readReceipts({ sweepId: 'holds', afterSeq: -1, limit: 9 });
    expect(receipts).toMatchObject([
      { seq: 1, step: 'hold', outcome: 'held', phase: 'settled', subject: rowOf(userNumber(1)).subjects[0] },
      { seq: 4, step: 'hold', outcome: 'held' },
    ]);
    await ledger.removeHolds({ holdId: 'h1' });
    await ledger.removeHolds({ holdId: 'h2' });
  });

  it('call a user unknown who is on hold now and was perhaps called by a process that died', async () => {
    const dead = await begin('held too late', 2);
    await sweeps.openWave({ ...dead, range: ALL, wave: 1, limit: 1 });
    await ledger.addHold({ holdId: 'late', subjects: rowOf(userNumber(0)).subjects });
    const chunk = await fenceOf('held too late');
    expect(seqs(await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 5 }))).toEqual([1]);
    expect(await sweeps.count('held too late')).toMatchObject({ unknown: 1, held: 0 });
    expect(await sweeps.readReceipts({ sweepId: 'held too late', afterSeq: -1, limit: 9 })).toMatchObject([
      { step: 'hold', outcome: 'unknown', reason: 'heldBeforeItWasSettled' },
    ]);
    await ledger.removeHolds({ holdId: 'late' });
  });

  it('open a held user whose recorded progress says how to follow, and report it to callers that support it', async () => {
    const sweepId = 'held and followed';
    const chunk = await begin(sweepId, 4);
    const defer = (
      { seq, round }: OpenUser,
      { unsettled = true, ...more }: { unsettled?: boolean; progress?: unknown } = {},
    ) => ({ kind: 'deferred', seq, round, notBefore: PAST, unsettled, receipts: [], ...more }) as const;
    const progress = { at: 1 };
    const [followed, blind, quiet, free] = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 4 });
    const users = [
      defer(followed!, { progress }),
      defer(blind!),
      defer(quiet!, { progress, unsettled: false }),
      defer(free!, { progress }),
    ];
    await sweeps.flushWave({ ...chunk, users });
    const subjects = [0, 1, 2].flatMap((seq) => rowOf(userNumber(seq)).subjects);
    await ledger.addHold({ holdId: sweepId, subjects });
    const wave = { ...chunk, range: ALL, wave: 2, limit: 4 };
    const opened = await sweeps.openWave(wave);
    expect(opened).toMatchObject([{ seq: 0, round: 1, unsettled: false, held: true }, { seq: 3 }]);
    expect(opened[1]).not.toHaveProperty('held');
    expect(await sweeps.openWave(wave)).toEqual(opened);
    expect(await sweeps.count(sweepId)).toMatchObject({ open: 2, unknown: 1, held: 1 });
    // After a crash they are distinguished as any others.
    const next = await fenceOf(sweepId);
    const taken = await sweeps.openWave({ ...next, range: ALL, wave: 1, limit: 4 });
    expect(taken.map(({ seq, unsettled, held }) => [seq, unsettled, held])).toEqual([
      [0, true, true],
      [3, true, undefined],
    ]);
    await sweeps.flushWave({ ...next, users: taken.map((user) => defer(user, { progress })) });
    // A worker of an earlier version, which would send for whom it gets.
    const values = `(select number from sweeps where sweep_id = '${sweepId}'), '${sweepId}', 'c', ${next.fence}, 2, 0, 9, 9,`;
    const now = new Date().toISOString();
    await runRaw(
      url,
      name === 'Postgres'
        ? `select * from ledger_sweep_wave(${values} '${now}', null, 1)`
        : `insert into write_sweep_wave (sweep, sweep_id, chunk_id, fence, wave, first, last, most, at, claimed_by, sends)
           values (${values} '${now}', null, 1)`,
    );
    expect(await sweeps.count(sweepId)).toMatchObject({ open: 1, unknown: 2, held: 1 });
    await ledger.removeHolds({ holdId: sweepId });
  });

  it('open no user whose hold was set before, however many waves are being opened', async () => {
    const setter = await open(url);
    await sweepOf(sweeps, 'hold race', rowsOf(1_000, 1_200));
    const openedAfter: number[] = [];
    const set = new Map<number, boolean>();
    const opening = [0, 1].map(async (half) => {
      const chunk = await fenceOf('hold race', `half ${half}`);
      for (let wave = 1; wave <= 20; wave++) {
        const setBefore = new Map(set);
        const range = { from: half * 100, to: half * 100 + 99 };
        for (const { seq } of await sweeps.openWave({ ...chunk, range, wave, limit: 5 })) {
          if (setBefore.get(seq) === true) openedAfter.push(seq);
        }
      }
    });
    const setting = (async () => {
      for (let seq = 99; seq >= 60; seq -= 3) {
        await setter.addHold({ holdId: `race ${seq}`, subjects: rowOf(userNumber(1_000 + seq)).subjects });
        set.set(seq, true);
      }
    })();
    await Promise.all([...opening, setting]);
    expect(openedAfter).toEqual([]);
    const { held, open: opened } = await sweeps.count('hold race');
    expect(held + opened).toBe(200);
  });

  it('hold at most 250 users', async () => {
    const chunk = await begin('limits', 1);
    await expect(sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 251 })).rejects.toThrow(RangeError);
    const [user] = await sweeps.openWave({ ...chunk, range: ALL, wave: 1, limit: 250 });
    if (user === undefined) throw new Error('Nobody was opened.');
    await expect(sweeps.flushWave({ ...chunk, users: Array(251).fill(settled(user)) })).rejects.toThrow(RangeError);
  });
});
