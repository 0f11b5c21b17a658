import { setTimeout as delay } from 'node:timers/promises';
import { createCallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import type { CallBudgets } from 'temporal-http-tasks/internal/activities/budget/call-budgets';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp } from '../../ledger/databases';
import { sweepOf } from '../../ledger/sweeps/users';
import { until } from '../../support/offboarding-runs';
import { CANARY, canary, failureOf, openActivityPlace, targetRow } from './activity-place';
import type { ActivityPlace } from './activity-place';
import { UNLIMITED } from './chunk-place';
import { bulkCallsAt } from './bulk-place';
import type { Fault } from './bulk-place';

describe.each(DATABASES)('bulk calls of a sweep over a ledger in $name', ({ freshUrl }) => {
  let url: string;
  let simulators: Simulators;
  let place: ActivityPlace;

  beforeAll(async () => {
    url = await freshUrl();
  });
  beforeEach(async () => {
    simulators = await startSimulators();
    place = await openActivityPlace(simulators, url);
  });
  afterEach(async () => {
    expect(place.reported.join('\n')).not.toContain(CANARY);
    await place.close();
    await simulators.close();
  });
  afterAll(cleanUp);

  const { waiting, some, runBulk, fault, calls, touched, receipts } = bulkCallsAt(() => ({ place, simulators }));

  it('have every user deleted under one key, with the token in every receipt, and leave the other app to its own', async () => {
    await waiting('plain', some('plain', 300), ['ios', 'android']);
    expect(await runBulk('plain')).toEqual({ end: 'done', calls: 1, outcomes: { accepted: 300 } });
    expect(calls()).toEqual([{ users: 300, status: 200 }]);
    expect(touched()).toHaveLength(300);
    expect(touched('android')).toEqual([]);
    const written = await receipts('plain');
    const [first] = written;
    expect(first).toMatchObject({
      task: 'batch.customDataBulkDelete',
      keySlot: 'ios',
      service: 'batch',
      environment: 'default',
      outcome: 'accepted',
      status: 200,
      token: expect.stringMatching(/./) as string,
      subject: targetRow(canary('plain-0')).subjects[1],
    });
    expect(new Set(written.map(({ token }) => token))).toEqual(new Set([first?.token]));
    expect(await place.ledger.sweeps.count('plain')).toMatchObject({ waitingForBulk: 300 });
    expect(await runBulk('plain', { app: 'android' })).toMatchObject({ end: 'done', outcomes: { accepted: 300 } });
    expect(await place.ledger.sweeps.count('plain')).toMatchObject({ waitingForBulk: 0, accepted: 300 });
    expect(await runBulk('plain')).toEqual({ end: 'done', calls: 0, outcomes: {} });
  });

  it('go out in bodies of a megabyte at most', async () => {
    const users = some('bytes', 700).map((user) => ({ ...user, batchUserId: user.batchUserId.padEnd(1_023, '漢') }));
    await waiting('bytes', users);
    expect(await runBulk('bytes')).toEqual({ end: 'done', calls: 3, outcomes: { accepted: 700 } });
    expect(touched()).toHaveLength(700);
    expect(simulators.batch.state().repeats.repeatSafe).toEqual([]);
  });

  it('are halved for malformed ids until these are alone: they have failed with the code, and no other user is sent twice', async () => {
    // Batch counts code units, and so refuses what our own schema lets through.
    const bad = [0, 123, 124, 499].map((index) => `${CANARY}-${index}-${'🧨'.repeat(700)}`);
    const users = some('halved', 500).map((user, index) => ({
      ...user,
      batchUserId: bad.find((id) => id.startsWith(`${CANARY}-${index}-`)) ?? user.batchUserId,
    }));
    await waiting('halved', users);
    const result = await runBulk('halved');
    expect(result).toMatchObject({ end: 'done', outcomes: { accepted: 496, failed: 4 } });
    expect(touched()).toHaveLength(496);
    expect(simulators.batch.state().repeats.repeatSafe).toEqual([]);
    const failed = (await receipts('halved')).filter(({ outcome }) => outcome === 'failed');
    expect(failed).toMatchObject(
      [0, 123, 124, 499].map((seq) => ({ seq, failureType: 'Task.Rejected', status: 400, code: '31' })),
    );
    expect(failed[0]).not.toHaveProperty('token');
    expect(await place.ledger.sweeps.count('halved')).toMatchObject({ accepted: 496, failed: 4 });
  });

  it('leave out an id that our own schema refuses, without asking Batch', async () => {
    const users = some('unsendable', 20).map((user, index) =>
      index === 7 ? { ...user, batchUserId: `${CANARY}-${'x'.repeat(1_100)}` } : user,
    );
    await waiting('unsendable', users);
    const result = await runBulk('unsendable');
    expect(result).toMatchObject({ end: 'done', outcomes: { accepted: 19, failed: 1 } });
    expect((await receipts('unsendable'))[7]).toMatchObject({ outcome: 'failed', failureType: 'Task.InvalidInput' });
    expect(calls().every(({ status }) => status === 200)).toBe(true);
    expect(result.calls).toBe(calls().length);
  });

  it('send an id that two users share once, and that Batch cannot have in a route', async () => {
    const shared = `${CANARY}-shared`;
    await waiting('shared', [
      { batchUserId: '.' },
      { plaidUserId: `${CANARY}-1`, batchUserId: shared },
      { plaidUserId: `${CANARY}-2`, batchUserId: shared },
    ]);
    expect(await runBulk('shared')).toMatchObject({ end: 'done', outcomes: { accepted: 3 } });
    expect([...touched()].sort()).toEqual(['.', shared]);
    expect(calls()).toEqual([{ users: 2, status: 200 }]);
  });

  it('wait for as long as Batch asks, and then go through', async () => {
    await waiting('limited', some('limited', 10));
    fault({ kind: 'rateLimit', times: 2, retryAfter: { form: 'seconds', seconds: 1 } });
    expect(await runBulk('limited')).toEqual({ end: 'done', calls: 3, outcomes: { accepted: 10 } });
    expect(calls().map(({ status }) => status)).toEqual([429, 429, 200]);
  });

  it('are left to later when Batch asks to wait beyond the time, and their users wait as if nothing had been', async () => {
    await waiting('later', some('later', 10));
    fault({ kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 600 } });
    const result = await runBulk('later', { beginForMs: 20_000 });
    expect(result).toMatchObject({ end: 'later', calls: 1, outcomes: {} });
    const inMs = Date.parse(result.nextTryAt ?? '') - Date.now();
    expect(inMs).toBeGreaterThan(570_000);
    expect(inMs).toBeLessThanOrEqual(600_000);
    await place.run('httpTasks.closeTargets', { sweepId: 'later', reason: 'cancelled' });
    // Their Items are removed already: what is left of them has failed, so that a redrive takes them up.
    expect((await receipts('later')).map(({ outcome, reason }) => `${outcome} ${reason}`)).toEqual(
      Array(10).fill('failed cancelled'),
    );
  });

  it.each<[string, Fault]>([
    ['lost after it was carried out', { kind: 'dropAfter', times: 1 }],
    ['lost before it was carried out', { kind: 'dropBefore', times: 1 }],
    ['a server error', { kind: 'serverError', processed: true, times: 1 }],
    ['maintenance', { kind: 'maintenance', times: 1 }],
    ['of a shape that nobody knows', { kind: 'wrongShape', times: 1 }],
    ['cut off', { kind: 'truncatedJson', times: 1 }],
  ])('are repeated when the response was %s', async (name, rule) => {
    await waiting(name, some(name, 10));
    fault(rule);
    expect(await runBulk(name)).toMatchObject({ end: 'done', outcomes: { accepted: 10 } });
    expect(calls()).toHaveLength(2);
    expect(await place.ledger.sweeps.count(name)).toMatchObject({ accepted: 10 });
  });

  it('whose responses stay lost end later, and their users are unknown when the sweep is closed', async () => {
    await waiting('lost', some('lost', 10));
    fault({ kind: 'dropAfter' });
    expect(await runBulk('lost', { beginForMs: 2_500 })).toMatchObject({
      end: 'later',
      calls: 0,
      outcomes: {},
      nextTryAt: expect.any(String) as string,
    });
    await place.run('httpTasks.closeTargets', { sweepId: 'lost', reason: 'cancelled' });
    expect((await receipts('lost')).map(({ outcome, reason }) => `${outcome} ${reason}`)).toEqual(
      Array(10).fill('unknown cancelled'),
    );
  });

  it('stop at a refused key and name it; nothing counts as sent', async () => {
    await waiting('key', some('key', 10));
    fault({ kind: 'unauthorized' });
    expect(await runBulk('key')).toEqual({
      end: 'unauthorized',
      unauthorized: { service: 'batch', slot: 'ios' },
      calls: 1,
      outcomes: {},
    });
    expect(calls()).toHaveLength(1);
    simulators.batch.faults.remove();
    expect(await runBulk('key')).toMatchObject({ end: 'done', outcomes: { accepted: 10 } });
  });

  it('refused for another reason have failed for all their users; unknown is who may have been sent to before', async () => {
    await waiting('rejected', some('rejected', 10));
    fault({ kind: 'unknownErrorCode', errorCode: '12', status: 403 });
    expect(await runBulk('rejected')).toEqual({ end: 'done', calls: 1, outcomes: { failed: 10 } });
    expect(new Set((await receipts('rejected')).map(({ outcome, code }) => `${outcome} ${code}`))).toEqual(
      new Set(['failed 12']),
    );

    await waiting('rejected later', some('rejected later', 10));
    simulators.batch.faults.remove();
    fault({ kind: 'dropAfter', nth: 1 });
    fault({ kind: 'unknownErrorCode', errorCode: '12', status: 403, nth: 2 });
    expect(await runBulk('rejected later')).toMatchObject({ end: 'done', outcomes: { unknown: 10 } });
  });

  it('leave out who is held, also who is held while a call waits to be sent again', async () => {
    await waiting('held', some('held', 10));
    const hold = (index: number) =>
      place.ledger.addHold({ holdId: `held ${index}`, subjects: targetRow(canary(`held-${index}`)).subjects.slice(1) });
    await hold(3);
    fault({ kind: 'rateLimit', times: 1, retryAfter: { form: 'seconds', seconds: 3 } });
    const running = runBulk('held');
    await until('it was refused', () => calls().length > 0);
    await hold(5);
    expect(await running).toMatchObject({ end: 'done', outcomes: { accepted: 8 } });
    expect(calls()).toEqual([
      { users: 9, status: 429 },
      { users: 8, status: 200 },
    ]);
    expect(touched()).not.toEqual(expect.arrayContaining([`${CANARY}-b-held-5`]));
    expect(await place.ledger.sweeps.count('held')).toMatchObject({ held: 2, accepted: 8, waitingForBulk: 0 });
  });

  it('leave a user unknown who is held after a call whose response was lost', async () => {
    await waiting('held late', some('held late', 3));
    fault({ kind: 'dropAfter', times: 2 });
    const running = runBulk('held late');
    await until('the first answer was lost', () => calls().length > 0);
    await place.ledger.addHold({ holdId: 'held late', subjects: targetRow(canary('held late-1')).subjects });
    expect(await running).toMatchObject({ end: 'done', outcomes: { accepted: 2 } });
    expect(await place.ledger.sweeps.count('held late')).toMatchObject({ unknown: 1, held: 0, accepted: 2 });
  });

  it('stop when asked, once the call in flight is done and recorded', async () => {
    await waiting('cancelled', some('cancelled', 10));
    simulators.batch.configure({ latencyMs: 600 });
    const cancel = new AbortController();
    const running = runBulk('cancelled', {}, { signal: cancel.signal });
    await until('the call is in flight', () => touched().length > 0);
    cancel.abort();
    expect(await running).toEqual({ end: 'cancelled', calls: 1, outcomes: { accepted: 10 } });
  });

  it('stop immediately while they wait, and who was not sent waits on', async () => {
    await waiting('cancelled later', some('cancelled later', 10));
    fault({ kind: 'rateLimit', retryAfter: { form: 'seconds', seconds: 50 } });
    const cancel = new AbortController();
    const running = runBulk('cancelled later', {}, { signal: cancel.signal });
    await until('it was refused', () => calls().length > 0);
    const stoppedAt = performance.now();
    cancel.abort();
    expect(await running).toMatchObject({ end: 'cancelled', outcomes: {} });
    expect(performance.now() - stoppedAt).toBeLessThan(5_000);
    expect(await place.ledger.sweeps.readyForBulk('cancelled later')).toEqual({ ios: 10 });
  });

  it('begin nothing more when their time is over, or too many have failed', async () => {
    await waiting('time', some('time', 10));
    expect(await runBulk('time', { beginForMs: 0 })).toEqual({ end: 'time', calls: 0, outcomes: {} });
    const users = some('tolerance', 40).map((user, index) =>
      index % 2 === 0 ? user : { ...user, batchUserId: `${CANARY}-${index}-${'🧨'.repeat(700)}` },
    );
    await waiting('tolerance', users);
    const result = await runBulk('tolerance', { mostFailed: 3 });
    expect(result.end).toBe('tolerance');
    expect(result.outcomes.failed).toBe(4);
    expect(await runBulk('tolerance', { mostFailed: 3 })).toEqual({ end: 'tolerance', calls: 0, outcomes: {} });
  });

  it('give way to a newer attempt, after which the older one writes and sends nothing', async () => {
    await waiting('twice', some('twice', 10));
    let release: () => void = () => undefined;
    const slow = new Promise<boolean>((resolve) => (release = () => resolve(true)));
    let isWaiting = false;
    const admit = (): Promise<boolean> => {
      isWaiting = true;
      return slow;
    };
    const budgets: CallBudgets = { ...UNLIMITED, tryAdmit: () => false, admit };
    const older = await openActivityPlace(simulators, url, { dependencies: { budgets } });
    const first = runBulk('twice', {}, {}, older);
    await until('it has users open and waits to send them', () => isWaiting);
    await delay(2_100);
    expect(await runBulk('twice')).toMatchObject({ end: 'done', outcomes: { accepted: 10 } });
    release();
    expect(await first).toEqual({ end: 'fenced', calls: 0, outcomes: {} });
    expect(calls()).toHaveLength(1);
    await older.close();
  });

  it('send nothing on what the ledger said too long ago', async () => {
    await waiting('frozen', some('frozen', 10));
    const asked = jest.spyOn(place.ledger.sweeps, 'openBulk');
    const budgets: CallBudgets = { ...UNLIMITED, tryAdmit: () => false, admit: () => delay(2_500, true) };
    const late = await openActivityPlace(simulators, url, { dependencies: { budgets, ledger: place.ledger } });
    expect(await runBulk('frozen', {}, {}, late)).toMatchObject({ end: 'done', outcomes: { accepted: 10 } });
    // Opened, asked again before the call, and then once more for who else waits.
    expect(asked.mock.calls.map(([{ wave }]) => wave)).toEqual([1, 1, 2]);
    await late.close();
  });

  it('of a sealed sweep are over', async () => {
    await sweepOf(place.ledger.sweeps, 'sealed', []);
    await place.ledger.sweeps.seal({ sweepId: 'sealed' });
    expect(await runBulk('sealed')).toEqual({ end: 'fenced', calls: 0, outcomes: {} });
  });

  it('that cannot be recorded are tried again, and sent again, by the next attempt', async () => {
    await waiting('unrecorded', some('unrecorded', 10));
    const other = await openActivityPlace(simulators, url);
    simulators.batch.configure({ latencyMs: 300 });
    const running = failureOf(runBulk('unrecorded', {}, {}, other));
    await until('the call is in flight', () => touched().length > 0);
    await other.ledger.close();
    expect(await running).toMatchObject({ type: 'Task.LedgerUnavailable', retryable: true });
    expect(await runBulk('unrecorded')).toMatchObject({ end: 'done', outcomes: { accepted: 10 } });
    expect(simulators.batch.state().repeats.repeatSafe).toHaveLength(10);
    await other.close();
  });

  it('take their calls out of the rate of their key, and report their outcomes', async () => {
    await waiting('rate', some('rate', 10));
    const reported: unknown[] = [];
    const budgets: CallBudgets = {
      ...UNLIMITED,
      tryAdmit: (key, caller) => (reported.push(['asked', key, caller]), true),
      responded: (key, how) => reported.push(['responded', key, how]),
    };
    const counted = await openActivityPlace(simulators, url, { dependencies: { budgets } });
    fault({ kind: 'rateLimit', times: 1, retryAfter: { form: 'seconds', seconds: 1 } });
    await runBulk('rate', {}, {}, counted);
    const key = { service: 'batch', keySlot: 'ios' };
    expect(reported).toEqual([
      ['asked', key, 'sweep'],
      ['responded', key, { refused: true, caller: 'sweep', retryAfterMs: 1_000 }],
      ['asked', key, 'sweep'],
      ['responded', key, { refused: false }],
    ]);
    await counted.close();
  });

  it('stay below a limit that a person has set, in all processes together', async () => {
    const budgets = createCallBudgets({ rates: place.ledger.rates, documentedLimit: () => undefined });
    const limited = await openActivityPlace(simulators, url, { dependencies: { budgets } });
    await place.ledger.rates.setLimit({ service: 'batch', keySlot: 'ios', limitPerMinute: 60 });
    const users = some('slow', 4).map((user, index) => ({
      ...user,
      batchUserId: `${CANARY}-${index}-${'🧨'.repeat(700)}`,
    }));
    await waiting('slow', users);
    const beganAt = performance.now();
    // Each is refused: one call for all, two for the halves, one for each.
    expect(await runBulk('slow', {}, {}, limited)).toMatchObject({ end: 'done', calls: 7, outcomes: { failed: 4 } });
    expect(performance.now() - beganAt).toBeGreaterThan(4_000);
    await place.ledger.rates.setLimit({ service: 'batch', keySlot: 'ios' });
    await budgets.close();
    await limited.close();
  });

  it('report how far they are every two seconds, with numbers only', async () => {
    await waiting('beats', some('beats', 10));
    fault({ kind: 'rateLimit', times: 1, retryAfter: { form: 'seconds', seconds: 3 } });
    const beats: unknown[] = [];
    await runBulk('beats', {}, { onHeartbeat: (details) => beats.push(details) });
    expect(beats).toContainEqual({ calls: 1, outcomes: {} });
  });
});
