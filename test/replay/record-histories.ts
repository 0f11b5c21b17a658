/**
 * Records the histories of this version into `histories/<version>/`, or into another folder (`--into next`), all of
 * them or those that are named; see README.md next to it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { z } from 'zod';
import { readProvider } from '@temporal-http-tasks/openapi';
import { completeStepUpdate, progressQuery } from 'temporal-http-tasks/workflow';
import { version } from '../../package.json';
import { defineHttpTask, defineService } from 'temporal-http-tasks';
import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { startHttpTarget } from '../support/http-target';
import type { HttpTarget, Responder } from '../support/http-target';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { callsFor, seedUser, startOffboarding, until } from '../support/offboarding-runs';
import type { GivenInput, SeededUser } from '../support/offboarding-runs';
import { pauseUpdate, resumeUpdate } from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import { openSweepPlace, untilProgress } from '../support/sweep-runs';
import { replaceStoppedWorker, sweepHangingIn } from '../support/stopped-workers';
import { CourierHouse, writeCourierFile } from '../workflow/providers/courier-house';
import { HISTORIES } from './histories';
import { SWEEPS } from './sweep-runs';

type Handle = WorkflowHandle;

const [flag, named, ...more] = process.argv.slice(2);
const folder = flag === '--into' && named !== undefined ? named : version;
const wanted = flag === '--into' ? more : process.argv.slice(2);

function isWanted(name: string): boolean {
  return wanted.length === 0 || wanted.includes(name);
}

interface Recording {
  place: Place;
  target: HttpTarget;
  /** A provider of its own, from a file. */
  house: CourierHouse;
}

/** By the name of the file; each starts one run, lets happen to it what its name says, and returns it. */
const RUNS: Record<string, (recording: Recording) => Promise<Handle>> = {
  'offboard-user-completed': ({ place }) =>
    run(place, seedUser(place, [freshId('item'), freshId('item')]), { plaid: { removeUser: true } }),

  'offboard-user-with-a-due-date': ({ place }) =>
    startOffboarding(place, {
      user: seedUser(place).user,
      receivedAt: '2015-01-31',
      law: 'gdpr',
      requestedBy: 'Alice',
    }),

  'offboard-user-lost-answer-settled-by-looking': ({ place }) => {
    const seeded = seedUser(place);
    place.simulators.plaid.faults.add({
      endpoint: 'userItemsRemove',
      kind: 'dropAfter',
      user: seeded.plaidUserId,
      times: 1,
    });
    return run(place, seeded);
  },

  'offboard-user-lost-request-sent-again': ({ place }) => {
    const seeded = seedUser(place);
    place.simulators.plaid.faults.add({
      endpoint: 'userItemsRemove',
      kind: 'dropBefore',
      user: seeded.plaidUserId,
      times: 1,
    });
    place.simulators.plaid.faults.add({
      endpoint: 'userRemove',
      kind: 'serverError',
      processed: true,
      user: seeded.plaidUserId,
      times: 1,
    });
    return run(place, seeded, { plaid: { removeUser: true } });
  },

  'offboard-user-gdpr-after-a-rate-limit': ({ place }) => {
    const seeded = seedUser(place);
    place.simulators.batch.faults.add({
      endpoint: 'gdprRequestCreate',
      kind: 'rateLimit',
      user: seeded.batchUserId,
      times: 1,
    });
    return run(place, seeded, { batch: { mode: 'gdpr' } });
  },

  'offboard-user-cancelled-while-removing': async ({ place }) => {
    const seeded = seedUser(place);
    place.simulators.plaid.faults.add({
      endpoint: 'userItemsRemove',
      kind: 'stall',
      stallMs: 2_000,
      user: seeded.plaidUserId,
    });
    const handle = await startOffboarding(place, { user: seeded.user });
    await until('the removal is in flight', () => callsFor(place, seeded.plaidUserId).includes('userItemsRemove'));
    await handle.cancel();
    return handle;
  },

  'offboard-user-cancelled-while-waiting': async ({ place }) => {
    const seeded = seedUser(place);
    place.simulators.plaid.faults.add({ endpoint: 'userItemsRemove', kind: 'dropBefore', user: seeded.plaidUserId });
    const handle = await startOffboarding(place, { user: seeded.user });
    await until('a look after the lost removal', () => callsFor(place, seeded.plaidUserId).length >= 3);
    await handle.cancel();
    return handle;
  },

  'offboard-user-at-a-provider-from-a-file': async ({ place, house }) => {
    const [contactId, personId, device] = [freshId('c'), freshId('p'), freshId('d')];
    house.contacts.set(contactId, [1, 2, 3]);
    house.devices.add(device);
    const handle = await startOffboarding(place, {
      user: { ids: { courier: { contactId, personId, deviceIds: [device] } } },
      include: ['courier.archive'],
    });
    await until('the run waits for a person', async () => {
      const { waiting } = await handle.query(progressQuery);
      return waiting?.[0]?.step === 'courier.archive';
    });
    await handle.executeUpdate(completeStepUpdate, {
      args: [{ step: 'courier.archive', by: 'Archive', outcome: 'removed' }],
    });
    return handle;
  },

  'offboard-user-at-a-provider-from-a-file-lost-calls': ({ place, house }) => {
    const [contactId, personId] = [freshId('c'), freshId('p')];
    house.contacts.set(contactId, [7]);
    house.faults.set(`DELETE /contacts/${contactId}/topics/7`, ['lostBefore']);
    house.faults.set(`DELETE /contacts/${contactId}`, ['lostAfter']);
    house.faults.set('POST /erasures', ['lostAfter']);
    return startOffboarding(place, { user: { ids: { courier: { contactId, personId } } } });
  },

  'offboard-user-held': async ({ place }) => {
    const seeded = seedUser(place);
    const subjects = [place.hasher.subject('plaid', 'sandbox', seeded.plaidUserId)];
    await place.ledger.addHold({ holdId: freshId('hold'), subjects });
    return run(place, seeded);
  },

  'offboard-user-dry-run': ({ place }) => run(place, seedUser(place), { dryRun: true }),

  'offboard-user-partial-with-compensation-task': ({ place, target }) => {
    const seeded = seedUser(place);
    place.simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      kind: 'unknownErrorCode',
      user: seeded.plaidUserId,
    });
    const compensation = { task: 'http.request', input: { uri: `${target.origin}/tickets`, method: 'POST', body: {} } };
    return run(place, seeded, { onFailure: 'stop', compensation });
  },

  'offboard-user-failed-at-its-deadline': ({ place }) => {
    const seeded = seedUser(place);
    place.simulators.plaid.faults.add({ endpoint: 'userItemsGet', kind: 'stall', user: seeded.plaidUserId });
    return run(place, seeded, { deadline: '1s' });
  },

  'offboard-user-refused': ({ place }) => startOffboarding(place, { user: {} }),

  'run-http-task-of-the-catalogue': ({ place }) =>
    startTask(place, 'plaid.userItemsGet', { user_id: seedUser(place).plaidUserId }),

  'run-http-task-rejected': ({ place }) => startTask(place, 'plaid.userItemsGet', { user_id: freshId('stranger') }),

  'run-http-task-of-the-workers-own': ({ place }) => startTask(place, 'shop.orderRead', { order: '7' }),

  'run-http-task-settled-by-looking': ({ place }) => startTask(place, 'shop.orderCancel', { order: 'cancelled' }),

  'run-http-task-settled-by-a-state': ({ place }) => startTask(place, 'shop.orderCancel', { order: 'removed' }),
};

function run(place: Place, { user }: SeededUser, input: Partial<GivenInput> = {}): Promise<Handle> {
  return startOffboarding(place, { user, ...input });
}

function startTask(place: Place, task: string, input: unknown): Promise<Handle> {
  return place.client.workflow.start('runHttpTask', {
    taskQueue: place.taskQueue,
    workflowId: freshId('task'),
    args: [{ task, input }],
  });
}

function shopTasks(target: HttpTarget) {
  const shop = defineService({
    name: 'shop',
    title: 'The shop',
    docs: 'https://shop.invalid/docs',
    environments: { default: target.origin },
    defaultEnvironment: 'default',
    credentials: [],
    errors: { fields: { code: 'code' }, rules: [] },
  });
  const order = { service: shop, places: { order: 'path' }, input: z.strictObject({ order: z.string() }) } as const;
  const read = { ...order, method: 'GET', output: z.looseObject({}), effect: 'read' } as const;
  return [
    defineHttpTask({ ...read, operation: 'orderRead', summary: 'Read an order', path: '/orders/{order}' }),
    defineHttpTask({ ...read, operation: 'orderLook', summary: 'Look at an order', path: '/{order}' }),
    defineHttpTask({
      ...order,
      operation: 'orderCancel',
      summary: 'Cancel an order',
      method: 'DELETE',
      path: '/orders/{order}',
      output: z.looseObject({}),
      effect: 'irreversible',
      remedy: 'Order again.',
      settle: {
        by: 'look',
        with: 'shop.orderLook',
        input: { order: '${order}' },
        absent: [404, { 'parts.state': 'removed' }],
      },
    }),
  ];
}

async function record(): Promise<void> {
  const { path: binary } = await findTemporalServer();
  const server = await startTemporalServer({ binary });
  process.env['HTTP_TASKS_TEST_TEMPORAL_ADDRESS'] = server.address;
  const worker = { identity: 'recorder', maxHeartbeatThrottleInterval: '500ms' as const };
  const responses: Record<string, ReturnType<Responder>> = {
    '/orders/cancelled': { status: 500, body: {} },
    '/cancelled': { status: 404, body: {} },
    '/orders/removed': { status: 500, body: {} },
    '/removed': { status: 200, body: { parts: [{ state: 'removed' }, { state: 'removed' }] } },
  };
  const target = await startHttpTarget(({ path: at }) => responses[at] ?? { status: 200, body: { ok: true } });
  const house = new CourierHouse();
  const courier = { COURIER_TOKEN: 'courier-key', COURIER_BASE_URL: await house.start() };
  const place = await openPlace({ env: { HTTP_TASKS_HTTP_ALLOW: target.origin, ...courier } });
  const providers = [await readProvider(writeCourierFile())];
  const sweepPlace = await openSweepPlace();
  try {
    await place.startWorker({ worker, plugin: { tasks: shopTasks(target), providers } });
    await sweepPlace.startWorker({ worker });
    for (const [name, start] of wantedOf(RUNS)) await keep(name, await start({ place, target, house }));
    for (const [name, start] of wantedOf(SWEEPS)) {
      await keep(name, await start(sweepPlace));
      sweepPlace.simulators.plaid.faults.remove();
    }
    if (CONTINUED.some(isWanted)) await keepContinued();
    if (isWanted(STOP_OUTLIVED)) await keepStopOutlived();
  } finally {
    await sweepPlace.close();
    await place.close();
    await target.close();
    await house.close();
    await server.stop();
  }
}

function wantedOf<T>(runs: Readonly<Record<string, T>>): [name: string, start: T][] {
  return Object.entries(runs).filter(([name]) => isWanted(name));
}

const CONTINUED = ['offboard-users-continued-as-new', 'offboard-users-continuing'] as const;

/** Both ends of a continue-as-new, on a server that suggests one after few events. */
async function keepContinued(): Promise<void> {
  const { path: binary } = await findTemporalServer();
  const server = await startTemporalServer({
    binary,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 20 },
  });
  process.env['HTTP_TASKS_TEST_TEMPORAL_ADDRESS'] = server.address;
  const place = await openSweepPlace();
  try {
    await place.startWorker({ worker: { identity: 'recorder' } });
    const handle = await place.start({ source: { file: await place.users(4_500) }, concurrency: 1 });
    await handle.result();
    await keep(CONTINUED[0], place.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId));
    await keep(CONTINUED[1], place.client.workflow.getHandle(handle.workflowId));
  } finally {
    await place.close();
    await server.stop();
  }
}

const STOP_OUTLIVED = 'offboard-users-paused-before-their-worker-died';

/** A sweep whose worker dies after it was asked to pause, so that its activity times out. */
async function keepStopOutlived(): Promise<void> {
  const place = await openSweepPlace({ env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '60000' } });
  try {
    const hanging = { endpoint: 'userItemsRemove', provider: 'plaid', users: 5 } as const;
    const { handle, killed } = await sweepHangingIn(place, hanging);
    await handle.executeUpdate(pauseUpdate);
    await replaceStoppedWorker(place, handle, killed);
    await untilProgress(handle, 'it is paused', ({ status, underWay }) => status === 'paused' && underWay === 0);
    await handle.executeUpdate(resumeUpdate);
    await keep(STOP_OUTLIVED, handle);
  } finally {
    await place.close();
  }
}

async function keep(name: string, handle: Handle): Promise<void> {
  const target = path.join(HISTORIES, folder);
  await mkdir(target, { recursive: true });
  await handle.result().catch(() => undefined);
  const json: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()));
  await writeFile(path.join(target, `${name}.json`), `${JSON.stringify(withoutMachine(json), null, 1)}\n`);
  process.stdout.write(`${folder}/${name}\n`);
}

/** What depends on the machine that recorded: the places of files in stack traces, and its name in identities. */
function withoutMachine(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMachine);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'stackTrace');
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, key === 'identity' ? 'recorder' : withoutMachine(inner)]),
  );
}

record().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
