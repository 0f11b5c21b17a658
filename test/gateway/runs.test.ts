import { randomUUID } from 'node:crypto';
import type {
  AboutGateway,
  OffboardingForm,
  RunLine,
  RunList,
  RunPage,
  StartForms,
  TaskPage,
  WireError,
} from '@temporal-http-tasks/console/internal/gateway/wire';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { ServiceEnvironment } from 'temporal-http-tasks/internal/ledger/worker-environments';
import { until } from '../support/offboarding-runs';
import type { SweepPlace } from '../support/sweep-runs';
import { freshTaskQueue } from '../support/temporal';
import { openGateway } from './stage';
import type { GatewayStage } from './stage';
import { openDurableStage, temporalOf } from './durable-stage';

let place: SweepPlace;
let gateway: GatewayStage;

beforeAll(async () => {
  ({ place, gateway } = await openDurableStage());
});

afterAll(async () => {
  await gateway.close();
  await place.close();
});

describe('runs', () => {
  it('are listed with progress, and a sweep is approved, paused and resumed', async () => {
    const file = await place.users(3);
    const sweep = await place.start({ source: { file }, approval: true });
    const line = async (): Promise<RunLine | undefined> =>
      (await gateway.ask<RunList>('GET', '/api/runs')).body.runs.find(
        ({ workflowId }) => workflowId === sweep.workflowId,
      );
    await until('it waits for approval', async () => (await line())?.status === 'waitingForApproval');
    expect(await line()).toMatchObject({ type: 'offboardUsers', progress: { total: 3, counts: { pending: 3 } } });
    const confirm = { task: 'offboardUsers' };
    const steer = (
      action: string,
      body: object = {},
      on = gateway,
    ): ReturnType<typeof gateway.ask<RunPage & WireError>> =>
      on.ask<RunPage & WireError>('POST', `/api/runs/${sweep.workflowId}/${action}`, body);
    const wrong = await steer('approve', { total: 4, by: 'anna', confirm });
    expect(wrong).toMatchObject({ status: 409, body: { error: { type: 'Refused' } } });
    expect((await steer('approve', { by: 'anna' })).body.error.field).toBe('total');
    expect((await steer('burn')).status).toBe(404);
    expect((await steer('pause')).status).toBe(200);
    expect((await steer('resume', { confirm })).status).toBe(200);
    await until('it waits again', async () => (await line())?.status === 'waitingForApproval');
    expect((await steer('approve', { total: 3, by: 'anna', confirm })).status).toBe(200);
    expect(await sweep.result()).toMatchObject({ status: 'completed', approvedBy: 'anna' });
    await until('the list says so', async () => (await line())?.status === 'completed');
    expect((await gateway.ask<RunPage>('GET', `/api/runs/${sweep.workflowId}`)).body.progress).toMatchObject({
      approvedBy: 'anna',
    });
    expect((await steer('pause')).body.error.type).toBe('Conflict');
  });

  it('are approved and resumed only when their type was typed, and in production its name, for the run that was looked at', async () => {
    const production = await openGateway({
      env: { ...place.env, PLAID_ENV: 'production' },
      taskQueue: place.taskQueue,
      temporal: temporalOf(place),
    });
    const sweep = await place.start({ source: { file: await place.users(2) }, approval: true });
    const path = `/api/runs/${sweep.workflowId}`;
    const read = async (): Promise<RunPage> => (await gateway.ask<RunPage>('GET', path)).body;
    const removed = (): number => place.simulators.plaid.state().touched.length;
    await until('it waits for approval', async () => (await read()).status === 'waitingForApproval');
    const before = removed();
    const [task, environment] = ['offboardUsers', 'production'];
    const approval = { total: 2, by: 'anna' };
    const tried = async (on: GatewayStage, action: string, body: object): Promise<unknown> => {
      const {
        status,
        body: { error },
      } = await on.ask<WireError>('POST', `${path}/${action}`, body);
      return { status, type: error.type, needed: error.needed };
    };
    const lacking = [
      { confirm: undefined, needed: { task, environment } },
      { confirm: {}, needed: { task, environment } },
      { confirm: { task }, needed: { environment } },
      { confirm: { environment }, needed: { task } },
      { confirm: { task: 'offboardUser', environment }, needed: { task } },
      { confirm: { task: [task], environment: 'sandbox' }, needed: { task, environment } },
      { confirm: '__proto__', needed: { task, environment } },
    ];
    for (const { confirm, needed } of lacking) {
      expect(await tried(production, 'approve', { ...approval, confirm })).toEqual({
        status: 409,
        type: 'ConfirmationNeeded',
        needed,
      });
      expect(await tried(production, 'resume', { confirm })).toEqual({
        status: 409,
        type: 'ConfirmationNeeded',
        needed,
      });
    }
    expect(await tried(gateway, 'approve', approval)).toEqual({
      status: 409,
      type: 'ConfirmationNeeded',
      needed: { task },
    });
    expect(await tried(gateway, 'approve', { ...approval, confirm: { task }, runId: randomUUID() })).toMatchObject({
      status: 404,
    });
    expect((await gateway.ask<WireError>('POST', `${path}/approve`, approval, { authorization: '' })).status).toBe(401);
    expect(await read()).toMatchObject({ status: 'waitingForApproval', progress: { counts: { pending: 2 } } });
    expect(removed()).toBe(before);
    const { runId } = await read();
    expect(
      (await production.ask('POST', `${path}/approve`, { ...approval, runId, confirm: { task, environment } })).status,
    ).toBe(200);
    expect(await sweep.result()).toMatchObject({
      status: 'completed',
      approvedBy: 'anna',
      counts: { total: 2, pending: 0 },
    });
    await production.close();
  });

  it('take no key or signature with an approval: the private key of an approver has no way into the gateway', async () => {
    for (const field of ['key', 'privateKey', 'privateKeyPem', 'signingKey', 'passphrase', '__proto__']) {
      const body = `{"total":1,"by":"anna","${field}":"-----BEGIN PRIVATE KEY-----","confirm":{"task":"offboardUsers"}}`;
      expect(await gateway.ask('POST', `/api/runs/${randomUUID()}/approve`, body)).toMatchObject({
        status: 400,
        body: { error: { type: 'Task.InvalidInput' } },
      });
    }
  });

  it('show why a run ended without a result, as the run itself reported it', async () => {
    const start = async (args: unknown[]): Promise<RunPage> => {
      const { taskQueue } = place;
      const workflowId = `one-${randomUUID()}`;
      const handle = await place.client.workflow.start('offboardUser', { taskQueue, workflowId, args });
      await handle.result().catch(() => undefined);
      return (await gateway.ask<RunPage>('GET', `/api/runs/${workflowId}`)).body;
    };
    const typo = await start([{ user: { plaidUserld: 'usr_2' }, reason: { code: 'OTHER' } }]);
    expect(typo).toMatchObject({
      status: 'failed',
      steps: [],
      failure: { type: 'Task.InvalidInput', message: expect.stringContaining('plaidUserld') },
    });
    expect(typo.note).toBeUndefined();
    const ended = await place.client.workflow.start('offboardUser', {
      taskQueue: place.taskQueue,
      workflowId: `one-${randomUUID()}`,
      args: [{ user: { plaidUserId: 'usr_2' }, reason: { code: 'OTHER' } }],
      startDelay: '1 hour',
    });
    await ended.terminate('no longer needed');
    expect((await gateway.ask<RunPage>('GET', `/api/runs/${ended.workflowId}`)).body).toMatchObject({
      status: 'terminated',
      failure: { message: expect.stringMatching(/no longer needed|terminated/) },
    });
  });

  it('show the steps of one user with their evidence', async () => {
    place.simulators.plaid.seed({ users: [{ userId: 'usr_2', items: ['item-9'] }] });
    const handle = await place.client.workflow.start('offboardUser', {
      taskQueue: place.taskQueue,
      workflowId: `one-${randomUUID()}`,
      args: [{ user: { plaidUserId: 'usr_2' }, reason: { code: 'OTHER' } }],
    });
    await handle.result();
    const { body } = await gateway.ask<RunPage>('GET', `/api/runs/${handle.workflowId}`);
    expect(body).toMatchObject({
      status: 'completed',
      steps: expect.arrayContaining([
        expect.objectContaining({ step: 'plaid.items', outcome: 'removed', requestId: expect.any(String) }),
      ]),
    });
    expect(body.receipts).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ step: 'plaid.items', outcome: 'removed', requestId: expect.any(String) }),
      ]),
    );
    const steered = await gateway.ask<WireError>('POST', `/api/runs/${handle.workflowId}/pause`, {});
    expect(steered.body.error.type).toBe('Refused');
  });
});

it('goes by the environment that the workers recorded, not by its own settings alone', async () => {
  const taskQueue = freshTaskQueue('recorded');
  const on = await openGateway({ env: place.env, taskQueue, temporal: temporalOf(place) });
  const sweep = await place.client.workflow.start('offboardUsers', {
    taskQueue,
    workflowId: `sweep-${randomUUID()}`,
    args: [{ source: { inline: [{ plaidUserId: 'usr_1' }] }, reason: { code: 'OTHER' }, approval: true }],
  });
  const ledger = await openLedger({
    url: place.env['HTTP_TASKS_LEDGER_URL'] ?? '',
    subjectKey: place.env['HTTP_TASKS_SUBJECT_KEY'] ?? '',
  });
  const environments = (environment: string): ServiceEnvironment[] => [
    { service: 'plaid', environment, production: environment === 'production', keySlots: [] },
  ];
  const worker = { worker: 'w', identity: 'w', namespace: 'default', taskQueue };
  const needed = async (path: string, body: object): Promise<unknown> =>
    (await on.ask<WireError>('POST', path, body)).body.error.needed;
  const asked = async (): Promise<unknown> => ({
    resume: await needed(`/api/runs/${sweep.workflowId}/resume`, {}),
    removal: await needed('/api/tasks/plaid.userItemsRemove/run', {
      input: { user_id: 'usr_1', item_ids: ['item-1'] },
    }),
    user: await needed('/api/offboardings', { input: { user: { plaidUserId: 'usr_3' }, reason: { code: 'OTHER' } } }),
    // Batch lists no production; this call can be repeated, but deletes data.
    other: await needed('/api/tasks/batch.customDataDelete/run', { input: { id: '1', app: 'ios' } }),
    form: (await on.ask<OffboardingForm>('GET', '/api/offboardings/form')).body.production,
    about: (await on.ask<AboutGateway>('GET', '/api/about')).body.production,
    task: (await on.ask<TaskPage>('GET', '/api/tasks/plaid.userItemsGet')).body.workersProduction,
  });
  const sandbox = {
    resume: { task: 'offboardUsers' },
    removal: { task: 'plaid.userItemsRemove' },
    user: { task: 'offboardUser' },
    other: { task: 'batch.customDataDelete' },
    form: false,
  };
  expect(await asked()).toEqual(sandbox);
  await ledger.workers.beat({ ...worker, environments: environments('sandbox') });
  expect(await asked()).toEqual(sandbox);
  await ledger.workers.beat({ ...worker, worker: 'real', environments: environments('production') });
  const environment = 'production';
  expect(await asked()).toEqual({
    resume: { task: 'offboardUsers', environment },
    removal: { task: 'plaid.userItemsRemove', environment },
    user: { task: 'offboardUser', environment },
    other: { task: 'batch.customDataDelete' },
    form: true,
    about: 'production',
    task: 'production',
  });
  await ledger.workers.end('real');
  expect(await asked()).toEqual(sandbox);
  await ledger.close();
  await sweep.terminate();
  await on.close();
});

it('links to the forms of the Temporal UI with an example of its own, which is not in the list of runs', async () => {
  const { workflows } = (await gateway.ask<StartForms>('POST', '/api/start-forms', {})).body;
  expect(workflows.map(({ workflowType }) => workflowType)).toEqual(['offboardUser', 'offboardUsers', 'runHttpTask']);
  expect(workflows[0]?.url).toMatch(
    /^http:\/\/localhost:8233\/namespaces\/default\/workflows\/start-workflow\?taskQueue=[^&]+&workflowType=offboardUser&runId=[0-9a-f-]{36}$/,
  );
  expect(
    (await gateway.ask<RunList>('GET', '/api/runs')).body.runs.filter(({ workflowId }) =>
      workflowId.startsWith('http-tasks-example'),
    ),
  ).toEqual([]);
});
