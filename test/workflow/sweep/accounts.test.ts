import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { callDurably } from '@temporal-http-tasks/cli/internal/call/durable';
import type { Io } from '@temporal-http-tasks/cli/internal/program/io';
import type { HttpTask, StepDefinition } from 'temporal-http-tasks';
import { Accounts } from 'temporal-http-tasks/internal/tasks/worker-accounts';
import { CourierServer } from '../../activities/sweep/courier/courier-server';
import { courierAt } from '../../activities/sweep/courier/courier-place';
import { failureOfRun, offboard, stepLines } from '../../support/offboarding-runs';
import { freshId } from '../../support/offboarding';
import type { RunningWorker } from '../../support/offboarding';
import { openSweepPlace, untilProgress } from '../../support/sweep-runs';
import type { SweepPlace } from '../../support/sweep-runs';
import { temporalAddress } from '../../support/temporal';
import { COURIER_STEPS, COURIER_TASKS } from '../../unit/providers/courier';

const [TOPICS, CONTACT] = COURIER_STEPS as [StepDefinition, StepDefinition];

/** Done for many users in one call. */
const PROFILE: StepDefinition = {
  step: 'profile',
  kind: 'once',
  needs: ['personId'],
  act: { task: 'deleteContact', input: { contact_id: '${personId}' } },
  bulk: {
    task: 'bulkDelete',
    input: { contacts: { each: '${ids}', as: { id: '${id}' } } },
    most: 4,
    refusedFor: ['invalid_id'],
  },
};

/** The courier, and its account of acme, which is another service at another address. */
let main: CourierServer;
let acme: CourierServer;
let place: SweepPlace;
let worker: RunningWorker;

beforeAll(async () => {
  [main, acme] = [await CourierServer.start(), await CourierServer.start()];
  place = await openSweepPlace({
    env: {
      HTTP_TASKS_ACCOUNTS: 'courier/acme,batch/acme',
      COURIER_TOKEN: 'courier-token-of-tests',
      COURIER_TOKEN__ACME: 'courier-token-of-acme',
      COURIER_BASE_URL__ACME: acme.origin,
    },
  });
  const { restApiKey, appKeys } = place.simulators.batch;
  place.env.BATCH_REST_API_KEY__ACME = restApiKey;
  place.env.BATCH_API_KEYS__ACME = `web=${appKeys.ios ?? ''}`;
  worker = await startWorker();
});
afterAll(async () => {
  await place.close();
  await main.close();
  await acme.close();
});
beforeEach(() => {
  for (const server of [main, acme]) server.calls.length = 0;
});

const startWorker = () =>
  place.startWorker({ plugin: { providers: [courierAt(main.origin, [TOPICS, CONTACT, PROFILE])] } });

/** Replaces the worker by one with other settings. */
async function restartWith(settings: Record<string, string>): Promise<void> {
  await worker.stop();
  Object.assign(place.env, settings);
  worker = await startWorker();
}

const contactOf = (contactId: string) => ({ ids: { courier: { contactId } } });
const hashAt = (service: string, id: string) => place.hasher.subject(service, 'sandbox', id);
const operations = (server: CourierServer) => server.calls.map(({ operation, about }) => `${operation} ${about}`);

describe('a run for a user of an account', () => {
  it('calls with the keys and at the address of the account, and its receipts and holds are of that account', async () => {
    const id = freshId('c');
    for (const server of [main, acme]) server.contacts.set(id, new Set([1]));
    await place.ledger.addHold({ holdId: freshId('hold'), subjects: [hashAt('courier', id)] });
    const user = contactOf(id);
    const result = await offboard(place, { user: { ...user, account: 'acme' } });
    expect(stepLines(result)).toEqual([
      'courier.topics removed',
      'courier.contact removed',
      'courier.profile skipped noId',
    ]);
    expect([main.contacts.has(id), acme.contacts.has(id), main.calls.length]).toEqual([true, false, 0]);
    const receipts = await place.ledger.readReceipts({ workflowId: result.workflowId });
    expect(new Set(receipts.map(({ service }) => service))).toEqual(new Set(['courier/acme']));
    expect(new Set(receipts.map(({ subject }) => subject))).toEqual(new Set([hashAt('courier/acme', id)]));
    // The user with the same ID in the default account is another person, and on hold.
    expect((await offboard(place, { user })).status).toBe('held');
    await place.ledger.addHold({ holdId: freshId('hold'), subjects: [hashAt('courier/acme', id)] });
    expect((await offboard(place, { user: { ...user, account: 'acme' } })).status).toBe('held');
    expect(main.contacts.has(id)).toBe(true);
  });

  it('uses the default account of providers that lack it, and the keys of the account for its steps', async () => {
    const [userId, contactId] = [freshId('customer'), freshId('c')];
    place.simulators.batch.seed({ users: [userId] });
    acme.contacts.set(contactId, new Set());
    const ids = { batch: { userId }, courier: { contactId }, plaid: { userId: freshId('usr') } };
    const result = await offboard(place, { user: { ids, account: 'acme' }, notFoundIsFine: true });
    expect(stepLines(result)).toEqual([
      'plaid.items notFound',
      'plaid.products notFound',
      'batch.web accepted',
      'courier.topics skipped noItems',
      'courier.contact removed',
      'courier.profile skipped noId',
    ]);
    const receipts = await place.ledger.readReceipts({ workflowId: result.workflowId });
    expect(new Set(receipts.map(({ service }) => service))).toEqual(new Set(['plaid', 'batch/acme', 'courier/acme']));
  });

  it('is refused for an unknown account before anything is called', async () => {
    const user = { ...contactOf(freshId('c')), account: 'acne' };
    const failure = await failureOfRun(offboard(place, { user }));
    expect(failure.type).toBe('Task.InvalidInput');
    expect(failure.message).toContain('user.account: unknown account acne; allowed: acme; did you mean acme?');
    expect([main.calls, acme.calls]).toEqual([[], []]);
  });
});

describe('a sweep over users of several accounts', () => {
  it.each(['chunk', 'user'] as const)('offboards each in its own account, by granularity %s', async (granularity) => {
    const ids = [freshId('c'), freshId('c')];
    const people = [freshId('p'), freshId('p')];
    for (const server of [main, acme]) for (const id of [...ids, ...people]) server.contacts.set(id, new Set([1]));
    const rows = ids.map((contactId, index) => ({ ids: { courier: { contactId, personId: people[index]! } } }));
    // The same ID in two accounts is two users; a row that comes twice is one.
    const inline = [...rows, { ...rows[0]!, account: 'acme' }, { ...rows[0]!, account: 'acme' }];
    const handle = await place.start({ source: { inline }, providers: ['courier'], granularity });
    const result = await handle.result();
    expect(result).toMatchObject({ status: 'completed', counts: { total: 3, removed: 3 }, duplicates: 1 });
    expect([...ids, ...people].filter((id) => main.contacts.has(id))).toEqual([]);
    expect([...ids, ...people].filter((id) => acme.contacts.has(id))).toEqual([ids[1], people[1]]);
    const { sweeps } = place.ledger;
    const receipts = await sweeps.readReceipts({ sweepId: handle.workflowId, afterSeq: -1, limit: 1_000 });
    const settled = receipts.filter(({ phase }) => phase === 'settled');
    const ofAcme = settled.filter(({ seq }) => seq === 2);
    expect(new Set(ofAcme.map(({ service }) => service))).toEqual(new Set(['courier/acme']));
    expect(new Set(ofAcme.map(({ subject }) => subject))).toEqual(
      new Set([
        hashAt('courier/acme', ids[0]!),
        ...(granularity === 'chunk' ? [hashAt('courier/acme', people[0]!)] : []),
      ]),
    );
    expect(new Set(settled.filter(({ seq }) => seq < 2).map(({ service }) => service))).toEqual(new Set(['courier']));
    if (granularity === 'user') return;
    // One bulk call cannot have users of several accounts.
    const bulk = [main, acme].map((server) => operations(server).filter((call) => call.startsWith('bulkDelete')));
    expect(bulk.map((calls) => calls.length)).toEqual([1, 1]);
    expect(bulk[1]).toEqual([`bulkDelete ${people[0]}`]);
    const { merkleRoot } = result;
    expect(await sweeps.verify({ sweepId: handle.workflowId, expectedRoot: merkleRoot ?? '' })).toMatchObject({
      ok: true,
    });
  });

  it('takes the account of the source for rows that name none, and rejects rows of unknown accounts', async () => {
    const [one, other] = [freshId('c'), freshId('c')];
    for (const server of [main, acme]) for (const id of [one, other]) server.contacts.set(id, new Set());
    const inline = [contactOf(one), { ...contactOf(other), account: 'beta' }];
    const handle = await place.start({ source: { inline, account: 'acme' }, providers: ['courier'], badRows: 1 });
    const result = await handle.result();
    expect(result).toMatchObject({ status: 'partial', counts: { total: 1, removed: 1 }, rejected: 1 });
    expect([main.contacts.has(one), acme.contacts.has(one), acme.contacts.has(other)]).toEqual([true, false, true]);
    const row = await place.ledger.sweeps.read(handle.workflowId);
    expect(row?.environments).toEqual({ 'courier/acme': 'sandbox' });
    expect(row?.report?.rejectedRows).toEqual([{ line: 2, problem: 'account: unknown account beta; allowed: acme' }]);
    const stranger = place.start({ source: { inline, account: 'beta' } }).then((other) => other.result());
    expect((await failureOfRun(stranger)).message).toContain('source.account: unknown account beta; allowed: acme');
  });
});

it('a single call is made in the account that it names, also from the command line', async () => {
  const [one, other] = [freshId('c'), freshId('c')];
  for (const server of [main, acme]) for (const id of [one, other]) server.contacts.set(id, new Set());
  const env = { TEMPORAL_ADDRESS: temporalAddress(), HTTP_TASKS_TASK_QUEUE: place.taskQueue };
  const io = { env, stdout: new PassThrough(), stderr: new PassThrough() } as unknown as Io;
  const task = COURIER_TASKS.find(({ name }) => name === 'courier.deleteContact') as HttpTask;
  await callDurably(io, new Accounts(['courier/acme']).taskOf(task, 'acme'), { contact_id: one }, {});
  await callDurably(io, task, { contact_id: other }, {});
  expect([one, other].map((id) => [main.contacts.has(id), acme.contacts.has(id)])).toEqual([
    [true, false],
    [false, true],
  ]);
});

describe('a sweep after another', () => {
  it('leaves out with skipDone who is done in the same account, and no one with the same IDs in another', async () => {
    const [contactId, personId] = [freshId('c'), freshId('p')];
    for (const server of [main, acme]) for (const id of [contactId, personId]) server.contacts.set(id, new Set([1]));
    const user = { ids: { courier: { contactId, personId } } };
    expect((await offboard(place, { user: { ...user, account: 'acme' } })).status).toBe('completed');
    acme.calls.length = 0;
    const closedAt = new Date(Date.now() - 3_600_000).toISOString();
    const inline = [
      { ...user, closedAt },
      { ...user, closedAt, account: 'acme' },
    ];
    const handle = await place.start({ source: { inline }, providers: ['courier'], skipDone: true });
    expect(await handle.result()).toMatchObject({ counts: { total: 2, removed: 1, skipped: 1 } });
    expect([main.contacts.has(contactId), main.contacts.has(personId), acme.calls]).toEqual([false, false, []]);
  });
});

describe('a worker with other settings of accounts', () => {
  it('pauses a sweep that was read with other accounts, or leaves its users to a redrive, and calls nothing', async () => {
    const [one, other] = [freshId('c'), freshId('c')];
    for (const server of [main, acme]) for (const id of [one, other]) server.contacts.set(id, new Set());
    const begin = (id: string, granularity: 'chunk' | 'user') => {
      const inline = [{ ...contactOf(id), account: 'acme' }];
      return place.start({ source: { inline }, providers: ['courier'], approval: true, granularity });
    };
    const sweeps = [await begin(one, 'chunk'), await begin(other, 'user')] as const;
    for (const sweep of sweeps)
      await untilProgress(sweep, 'it waits for approval', ({ status }) => status === 'waitingForApproval');
    await restartWith({ HTTP_TASKS_ACCOUNTS: 'batch/acme' });
    for (const sweep of sweeps) await sweep.executeUpdate('approve', { args: [{ total: 1, by: 'anna' }] });
    const [chunk, users] = sweeps;
    const { pausedBecause } = await untilProgress(chunk, 'it pauses', ({ status }) => status === 'paused');
    expect(pausedBecause).toContain('courier/acme');
    await expect(failureOfRun(users.result())).resolves.toMatchObject({ type: 'Offboarding.Failed' });
    expect([main.calls, acme.calls]).toEqual([[], []]);
    await restartWith({ HTTP_TASKS_ACCOUNTS: 'courier/acme,batch/acme' });
    await chunk.executeUpdate('resume');
    expect(await chunk.result()).toMatchObject({ counts: { removed: 1 } });
    const again = await place.start({ redriveOf: users.workflowId, providers: ['courier'] });
    expect(await again.result()).toMatchObject({ counts: { removed: 1 } });
    expect([one, other].map((id) => [main.contacts.has(id), acme.contacts.has(id)])).toEqual([
      [true, false],
      [true, false],
    ]);
  });

  it('refuses a single run that began with other accounts', async () => {
    const user = { ...contactOf(freshId('c')), account: 'acme' };
    await restartWith({
      HTTP_TASKS_ACCOUNTS: 'batch/beta',
      BATCH_REST_API_KEY__BETA: 'k',
      BATCH_API_KEYS__BETA: 'web=k',
    });
    expect((await failureOfRun(offboard(place, { user }))).message).toContain('unknown account acme; allowed: beta');
    await restartWith({ HTTP_TASKS_ACCOUNTS: 'courier/acme,batch/acme' });
  });

  it('obeys the rules of a policy for a provider in each of its accounts', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'policies-')), 'policy.yaml');
    const rules = { version: 1, environments: { courier: ['production'] } };
    writeFileSync(file, JSON.stringify(rules));
    const user = { ...contactOf(freshId('c')), account: 'acme' };
    acme.contacts.set(user.ids.courier.contactId, new Set());
    await restartWith({ HTTP_TASKS_POLICY: file });
    const single = await failureOfRun(offboard(place, { user }));
    expect(single).toMatchObject({ type: 'Task.NotAllowed' });
    expect(single.message).toContain('courier');
    const sweep = place.start({ source: { inline: [user] }, providers: ['courier'] }).then((one) => one.result());
    expect((await failureOfRun(sweep)).type).toBe('Task.NotAllowed');
    expect([main.calls, acme.calls]).toEqual([[], []]);
    // The environment of the account counts, and not that of the default account.
    writeFileSync(file, JSON.stringify({ version: 1, environments: { plaid: ['sandbox'] } }));
    await restartWith({
      HTTP_TASKS_ACCOUNTS: 'courier/acme,batch/acme,plaid/acme',
      PLAID_CLIENT_ID__ACME: place.env.PLAID_CLIENT_ID ?? '',
      PLAID_SECRET__ACME: place.env.PLAID_SECRET ?? '',
      PLAID_BASE_URL__ACME: place.simulators.plaid.url,
      PLAID_ENV__ACME: 'production',
    });
    const atPlaid = { plaidUserId: freshId('usr'), account: 'acme' };
    expect((await failureOfRun(offboard(place, { user: atPlaid }))).type).toBe('Task.NotAllowed');
    expect(place.simulators.plaid.calls().calls.filter(({ user: called }) => called === atPlaid.plaidUserId)).toEqual(
      [],
    );
  });
});
