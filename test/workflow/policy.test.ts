import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { OffboardUsersInput } from 'temporal-http-tasks/workflow';
import { resumeUpdate, sweepProgressQuery } from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import { freshId } from '../support/offboarding';
import type { RunningWorker } from '../support/offboarding';
import { offboard, seedUser } from '../support/offboarding-runs';
import { goneAtPlaid, openSweepPlace, untilProgress } from '../support/sweep-runs';
import type { SweepPlace } from '../support/sweep-runs';

// What a policy forbids is refused by the worker, whatever the input says, and before anything is sent.

/** Nothing listens there. */
const ORIGIN = 'http://127.0.0.1:9';

const folder = mkdtempSync(join(tmpdir(), 'policies-'));
let files = 0;
let place: SweepPlace;
let worker: RunningWorker | undefined;

/** Runs the tests that follow under this policy. */
async function under(rules: object): Promise<void> {
  await worker?.stop();
  const file = join(folder, `policy-${(files += 1)}.yaml`);
  writeFileSync(file, JSON.stringify({ version: 1, ...rules }));
  place.env['HTTP_TASKS_POLICY'] = file;
  worker = await place.startWorker();
}

/** The failure at the root of another one, and the rule in its details. */
async function refusalOf(run: Promise<unknown>): Promise<{ type: unknown; rule: unknown }> {
  let error = (await run.then(
    (result) => new Error(`it ended well: ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  )) as Error;
  while (error.cause instanceof Error && !(error instanceof ApplicationFailure)) error = error.cause;
  if (!(error instanceof ApplicationFailure)) throw error;
  return { type: error.type, rule: (error.details?.[0] as { rule?: string } | undefined)?.rule };
}

const by = (rule: string) => ({ type: 'Task.NotAllowed', rule });

const DAY_MS = 86_400_000;

/** Longer than a test takes whose users are counted by day. */
const LASTS_MS = 90_000;

/** Returns this UTC day, or, when it ends before such a test would, the next one, once it has begun. */
async function dayThatLasts(): Promise<string> {
  const leftMs = DAY_MS - (Date.now() % DAY_MS);
  if (leftMs < LASTS_MS) await delay(leftMs);
  return new Date().toISOString().slice(0, 10);
}

beforeAll(async () => {
  place = await openSweepPlace({
    plaid: { repeatedRemovals: 'process' },
    env: { HTTP_TASKS_HTTP_ALLOW: ORIGIN, HTTP_TASKS_HTTP_ALLOW_PRIVATE: ORIGIN },
  });
});

afterAll(() => place.close());

const lone = (task: string, input: unknown) =>
  place.client.activity.execute(task, {
    id: freshId('lone'),
    taskQueue: place.taskQueue,
    args: [input],
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: '20s',
  });
const durable = (task: string, input: unknown) =>
  place.client.workflow.execute('runHttpTask', {
    workflowId: freshId('call'),
    taskQueue: place.taskQueue,
    args: [{ task, input }],
  });
const sweep = async (input: Partial<OffboardUsersInput>) => (await place.start(input)).result();

it('single calls, runs and sweeps are refused by the rules for tasks, providers, reasons, compensations and sources', async () => {
  await under({
    tasks: ['plaid.*'],
    reasonCodes: ['USER_OFFBOARDING'],
    removeUser: false,
    compensationTasks: [],
    sources: ['inline'],
    users: { perSweep: 2 },
  });
  const { plaidUserId, items, user } = seedUser(place);
  expect(await refusalOf(lone('batch.customDataDelete', { app: 'ios', id: 'x' }))).toEqual(by('tasks'));
  expect(await refusalOf(lone('http.request', { method: 'GET', uri: `${ORIGIN}/x` }))).toEqual(by('tasks'));
  expect(await refusalOf(durable('plaid.userRemove', { user_id: plaidUserId }))).toEqual(by('removeUser'));
  const terminate = { user_id: plaidUserId, reason_code: 'OTHER' };
  expect(await refusalOf(lone('plaid.userProductsTerminate', terminate))).toEqual(by('reasonCodes'));
  // A context that no workflow of ours sent changes nothing.
  expect(
    await refusalOf(
      place.client.activity.execute('plaid.userRemove', {
        id: freshId('lone'),
        taskQueue: place.taskQueue,
        args: [{ user_id: plaidUserId }, { step: 'plaid.user', holdSubjects: [] }],
        startToCloseTimeout: '30s',
      }),
    ),
  ).toEqual(by('removeUser'));
  const atPlaid = { plaidUserId };
  const reason = { code: 'USER_OFFBOARDING' } as const;
  expect(await refusalOf(offboard(place, { user, reason }))).toEqual(by('tasks'));
  expect(await refusalOf(offboard(place, { user: atPlaid, reason: { code: 'OTHER' } }))).toEqual(by('reasonCodes'));
  expect(await refusalOf(offboard(place, { user: atPlaid, reason, plaid: { removeUser: true } }))).toEqual(
    by('removeUser'),
  );
  const compensation = { task: 'plaid.userItemsGet', input: { user_id: plaidUserId } };
  expect(await refusalOf(offboard(place, { user: atPlaid, reason, compensation }))).toEqual(by('compensationTasks'));
  const file = await place.users(3);
  const only = { providers: ['plaid'] };
  expect(await refusalOf(sweep({ source: { file }, ...only }))).toEqual(by('sources'));
  expect(await refusalOf(sweep({ source: { inline: [atPlaid] } }))).toEqual(by('tasks'));
  expect(await refusalOf(sweep({ source: { inline: [atPlaid] }, ...only, compensation }))).toEqual(
    by('compensationTasks'),
  );
  const three = ['a', 'b', 'c'].map((id) => ({ plaidUserId: id }));
  expect(await refusalOf(sweep({ source: { inline: three }, ...only }))).toEqual(by('users.perSweep'));
  expect(place.simulators.plaid.state().counts.gone).toBe(0);
  expect(await place.ledger.listPolicies({ limit: 1 })).toMatchObject([{ taskQueue: place.taskQueue }]);
  // What is allowed is done.
  await expect(lone('plaid.userItemsRemove', { user_id: plaidUserId, item_ids: items })).resolves.toBeDefined();
  const done = await sweep({ source: { inline: [atPlaid] }, ...only });
  expect(done.status).toBe('completed');
  expect((await place.ledger.sweeps.read(done.sweepId))?.policyDigest).toMatch(/^[0-9a-f]{64}$/);
});

it('environments and hours', async () => {
  const { plaidUserId } = seedUser(place);
  const user = { plaidUserId };
  await under({ environments: { plaid: ['production'] } });
  expect(await refusalOf(lone('plaid.userItemsGet', { user_id: plaidUserId }))).toEqual(by('environments'));
  expect(await refusalOf(offboard(place, { user }))).toEqual(by('environments'));
  expect(await refusalOf(sweep({ source: { inline: [user] } }))).toEqual(by('environments'));
  // Not on this day of the week, nor on the one after, should midnight pass.
  const today = (new Date().getUTCDay() + 6) % 7;
  const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].filter((_, day) => (day - today + 7) % 7 > 1);
  await under({ hours: { days } });
  const terminate = { user_id: plaidUserId, reason_code: 'USER_OFFBOARDING' };
  expect(await refusalOf(lone('plaid.userProductsTerminate', terminate))).toEqual(by('hours'));
  expect(await refusalOf(offboard(place, { user }))).toEqual(by('hours'));
  await expect(offboard(place, { user, dryRun: true })).resolves.toMatchObject({ status: 'completed' });
  const handle = await place.start({ source: { inline: [user] }, providers: ['plaid'], granularity: 'chunk' });
  await untilProgress(handle, 'it is paused', ({ pausedBecause }) => pausedBecause === 'Task.NotAllowed hours');
  await handle.terminate();
});

it.each(['chunk', 'user'] as const)(
  'users of a day, in a sweep by %s: it pauses, and resumes when there are places',
  async (granularity) => {
    const { simulators, ledger } = place;
    const day = await dayThatLasts();
    const before = await ledger.countUsersOfDay(day);
    const deletedBefore = goneAtPlaid(place).gone;
    await under({ users: { perDay: before + 3 } });
    const dry = await place.start({
      source: { file: await place.users(5) },
      providers: ['plaid'],
      dryRun: true,
      granularity,
    });
    await expect(dry.result()).resolves.toMatchObject({ status: 'completed' });
    expect(await ledger.countUsersOfDay(day)).toBe(before);
    const handle = await place.start({ source: { file: await place.users(5) }, providers: ['plaid'], granularity });
    await untilProgress(
      handle,
      'it is paused, and nothing is under way',
      ({ pausedBecause, underWay }) => pausedBecause === 'Task.NotAllowed users.perDay' && underWay === 0,
    );
    expect(await handle.query(sweepProgressQuery)).toMatchObject({ counts: { total: 5, pending: 2 } });
    expect(goneAtPlaid(place).gone - deletedBefore).toBe(3);
    // Neither a run nor a call gets a place any more.
    const { plaidUserId } = seedUser(place);
    expect(await refusalOf(offboard(place, { user: { plaidUserId } }))).toEqual(by('users.perDay'));
    expect(
      await refusalOf(lone('plaid.userProductsTerminate', { user_id: plaidUserId, reason_code: 'OTHER' })),
    ).toEqual(by('users.perDay'));
    expect(goneAtPlaid(place).gone - deletedBefore).toBe(3);
    await under({ users: { perDay: before + 5 } });
    // It sees for itself that there are places again, within the time after which it looks; a person need not wait for that.
    if (granularity === 'user') await handle.executeUpdate(resumeUpdate);
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { total: 5 } });
    expect(goneAtPlaid(place)).toMatchObject({ gone: deletedBefore + 5, irreversibleRepeats: 0 });
    expect(await ledger.countUsersOfDay(day)).toBe(before + 5);
    expect(simulators.plaid.state().repeats.irreversible).toEqual([]);
  },
);
