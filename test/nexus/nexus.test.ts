import { randomUUID } from 'node:crypto';
import { Client, WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { ensureNexusEndpoint } from 'temporal-http-tasks/internal/operator/nexus-endpoint';
import { startOrJoin } from 'temporal-http-tasks/internal/starts/start-or-join';
import type { OffboardResult, OffboardUserInput } from 'temporal-http-tasks/nexus';
import { freshNamespace } from '../support/namespaces';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { callsFor, REASON, seedUser, stepLines, until } from '../support/offboarding-runs';
import type { SeededUser } from '../support/offboarding-runs';
import { temporalAddress } from '../support/temporal';
import type { Call, CallEnd, closeAccountByChild } from './caller-workflows';

/** The offboarding runs in the default namespace, and its caller in one of its own. */
let place: Place;
let caller: Client;
let endpoint: string;
let stopCaller: () => Promise<void>;
const CALLERS_QUEUE = 'accounts';

beforeAll(async () => {
  place = await openPlace();
  await place.startWorker();
  endpoint = `offboarding-${randomUUID()}`;
  const { namespace } = place.client.options;
  await ensureNexusEndpoint(place.client.connection.operatorService, {
    name: endpoint,
    namespace,
    taskQueue: place.taskQueue,
  });
  const callers = await freshNamespace(place.client, 'callers');
  caller = new Client({ connection: place.client.connection, namespace: callers });
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  const worker = await Worker.create({
    connection,
    namespace: callers,
    taskQueue: CALLERS_QUEUE,
    workflowsPath: require.resolve('./caller-workflows'),
  });
  const run = worker.run();
  stopCaller = async () => {
    worker.shutdown();
    await run;
    await connection.close();
  };
});

afterAll(async () => {
  await stopCaller?.();
  await place.close();
});

function startCall(operation: Call['operation'], input: unknown): Promise<WorkflowHandle> {
  const call: Call = { endpoint, operation, input };
  return caller.workflow.start('callOperation', {
    workflowId: freshId('caller'),
    taskQueue: CALLERS_QUEUE,
    args: [call],
  });
}

async function call(operation: Call['operation'], input: unknown): Promise<CallEnd> {
  const handle = await startCall(operation, input);
  return (await handle.result()) as CallEnd;
}

function offboardRunOf({ plaidUserId }: SeededUser, dry = ''): WorkflowHandle {
  return place.client.workflow.getHandle(`offboard-${dry}${place.hasher.subject('plaid', 'sandbox', plaidUserId)}`);
}

const inputFor = ({ user }: SeededUser, more: Partial<OffboardUserInput> = {}): OffboardUserInput => ({
  user,
  reason: REASON,
  ...more,
});

/** Keeps a run in progress until the fault is cleared. */
function keepWaiting({ plaidUserId }: SeededUser): void {
  place.simulators.plaid.faults.add({
    endpoint: 'userProductsTerminate',
    kind: 'maintenance',
    user: plaidUserId,
    retryAfter: { form: 'seconds', seconds: 2 },
    times: 1,
  });
}

async function untilInProgress(handle: WorkflowHandle): Promise<void> {
  await until(
    `${handle.workflowId} is under way`,
    async () => (await handle.describe().catch(() => undefined))?.status.name === 'RUNNING',
  );
}

it('offboards a user for a workflow of another namespace, and returns what became of each step', async () => {
  const user = seedUser(place);
  const { result } = (await call('offboardUser', inputFor(user))) as { result: OffboardResult };
  expect(result.status).toBe('completed');
  expect(stepLines(result)).toContain('plaid.items removed');
  expect(result.workflowId).toBe(offboardRunOf(user).workflowId);
  const { status } = await offboardRunOf(user).describe();
  expect(status.name).toBe('COMPLETED');
});

it('sweeps a source, and runs one task', async () => {
  const user = seedUser(place);
  const sweep = await call('offboardUsers', { source: { inline: [user.user] }, reason: REASON });
  expect(sweep).toMatchObject({ result: { status: 'completed', counts: { total: 1 } } });
  const other = seedUser(place);
  const task = await call('runHttpTask', { task: 'plaid.userItemsGet', input: { user_id: other.plaidUserId } });
  expect(task).toMatchObject({ result: { status: 200, output: { items: [{ item_id: other.items[0] }] } } });
});

it('returns held for a user on a legal hold', async () => {
  const user = seedUser(place);
  const subjects = [place.hasher.subject('plaid', 'sandbox', user.plaidUserId)];
  await place.ledger.addHold({ holdId: randomUUID(), subjects, reason: 'a test' });
  expect(await call('offboardUser', inputFor(user))).toMatchObject({ result: { status: 'held' } });
  expect(callsFor(place, user.plaidUserId)).toEqual([]);
});

it('fails an operation with the type and the details of the run that failed', async () => {
  const user = seedUser(place);
  for (const endpointName of ['userItemsGet', 'userProductsTerminate'] as const) {
    place.simulators.plaid.faults.add({ endpoint: endpointName, kind: 'unknownErrorCode', user: user.plaidUserId });
  }
  const failed = await call('offboardUser', { user: { plaidUserId: user.plaidUserId }, reason: REASON });
  expect(failed.failure).toMatchObject({
    type: 'Offboarding.Failed',
    result: { status: 'failed', steps: expect.arrayContaining([expect.objectContaining({ outcome: 'failed' })]) },
  });
  const task = await call('runHttpTask', { task: 'plaid.userItemsGet', input: { user_id: user.plaidUserId } });
  expect(task.failure).toMatchObject({
    type: 'Task.Rejected',
    failure: { service: 'plaid', code: expect.any(String) },
  });
});

it.each([
  ['offboardUser', { user: {}, reason: REASON }, 'user'],
  ['offboardUser', { user: { plaidUserId: 'usr_x' }, reason: REASON, dryrun: true }, 'dryrun'],
  ['offboardUser', { user: { sweepId: 'sweep-1', seq: 0 }, reason: REASON }, 'user.sweepId'],
  ['offboardUsers', { reason: REASON }, 'source'],
  ['runHttpTask', { task: 'plaid.userItemsGet', input: { user_id: 7 } }, 'input.user_id'],
  ['runHttpTask', { task: 'plaid.noSuchTask', input: {} }, 'task'],
] as const)(
  'refuses a wrong input of %s immediately, naming the field, and starts nothing: %j',
  async (operation, input, field) => {
    const handle = await startCall(operation, input);
    const { failure } = (await handle.result()) as CallEnd;
    expect(failure).toMatchObject({
      type: 'Task.InvalidInput',
      failure: { field },
      message: expect.stringContaining(field),
    });
    const { events } = await handle.fetchHistory();
    expect(events?.filter(({ nexusOperationStartedEventAttributes: started }) => started)).toEqual([]);
  },
);

it('cancels the run when the calling workflow is cancelled, and the run reports what it did not do', async () => {
  const user = seedUser(place);
  keepWaiting(user);
  const handle = await startCall('offboardUser', inputFor(user));
  await untilInProgress(offboardRunOf(user));
  await handle.cancel();
  const error: unknown = await handle.result().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
  await until('the run is cancelled', async () => (await offboardRunOf(user).describe()).status.name === 'CANCELLED');
});

it('lets a second caller with the same wish join, whether it comes over Nexus or from a client, with one set of calls', async () => {
  const user = seedUser(place);
  keepWaiting(user);
  const first = await startCall('offboardUser', inputFor(user));
  await untilInProgress(offboardRunOf(user));
  // Written in another order, and with a default written out.
  const second = await startCall('offboardUser', {
    dryRun: false,
    reason: REASON,
    user: { batchUserId: user.batchUserId, plaidUserId: user.plaidUserId },
  });
  const { workflowId } = offboardRunOf(user);
  const third = await startOrJoin(place.client, {
    workflowType: 'offboardUser',
    workflowId,
    taskQueue: place.taskQueue,
    input: inputFor(user),
  });
  const [one, other] = (await Promise.all([first.result(), second.result()])) as { result: OffboardResult }[];
  expect(other?.result).toEqual(one?.result);
  expect(third).toEqual({ workflowId, runId: one?.result.runId, joined: true });
  expect(callsFor(place, user.plaidUserId).filter((endpointName) => endpointName === 'userItemsRemove')).toHaveLength(
    1,
  );
});

it('refuses a second caller with another wish, and a real job never joins a dry run', async () => {
  const user = seedUser(place);
  keepWaiting(user);
  const first = await startCall('offboardUser', inputFor(user));
  await untilInProgress(offboardRunOf(user));
  const other = await call('offboardUser', inputFor(user, { plaid: { removeUser: true } }));
  expect(other.failure).toMatchObject({
    type: 'Offboarding.Conflict',
    message: expect.stringMatching(/is in progress with another input, so nothing was started/),
  });
  const dry = (await call('offboardUser', inputFor(user, { dryRun: true }))) as { result: OffboardResult };
  const real = (await first.result()) as { result: OffboardResult };
  expect(dry.result.workflowId).toBe(offboardRunOf(user, 'dry-').workflowId);
  expect(dry.result.runId).not.toBe(real.result.runId);
  expect(real.result.status).toBe('completed');
});

it('runs as a child of a workflow of the same namespace, typed, and fails with the same types', async () => {
  const user = seedUser(place);
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  const taskQueue = freshId('parents');
  const worker = await Worker.create({ connection, taskQueue, workflowsPath: require.resolve('./caller-workflows') });
  const asChild = (input: OffboardUserInput): Promise<CallEnd> =>
    place.client.workflow.execute<typeof closeAccountByChild>('closeAccountByChild', {
      workflowId: freshId('parent'),
      taskQueue,
      args: [{ taskQueue: place.taskQueue, input }],
    });
  await worker.runUntil(async () => {
    expect(await asChild(inputFor(user))).toMatchObject({ result: { status: 'completed' } });
    const wrong = { user: { plaidUserId: '' }, reason: REASON };
    expect((await asChild(wrong)).failure).toMatchObject({
      type: 'Task.InvalidInput',
      failure: { field: 'user.plaidUserId' },
    });
  });
  await connection.close();
});

it('creates an endpoint once, and leaves one alone that leads elsewhere', async () => {
  const { operatorService } = place.client.connection;
  const wanted = { name: `endpoint-${randomUUID()}`, namespace: 'default', taskQueue: 'one' };
  const made = await Promise.all([
    ensureNexusEndpoint(operatorService, wanted),
    ensureNexusEndpoint(operatorService, wanted),
  ]);
  expect(made.filter(({ created }) => created)).toHaveLength(1);
  for (const { found } of made) expect(found).toEqual(wanted);
  expect(await ensureNexusEndpoint(operatorService, { ...wanted, taskQueue: 'two' })).toEqual({
    created: false,
    found: wanted,
  });
});
