import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import type { GatewayOptions } from '../../src/gateway/gateway';
import type {
  AboutGateway,
  DurableCall,
  InputProblem,
  OffboardingForm,
  PreparedCall,
  RunLine,
  RunPage,
  StartedCall,
  StartedRun,
  StartForms,
  TaskPage,
  WireError,
} from '../../src/gateway/wire';
import { openLedger } from '../../src/ledger/open-ledger';
import { createSubjectHasher } from '../../src/ledger/subject';
import type { ServiceEnvironment } from '../../src/ledger/worker-environments';
import { snippetsOf } from '../../src/reference/snippets/snippets';
import { offboardWorkflowId } from '../../src/starts/workflow-ids';
import { findTemporalServer } from '../../src/temporal-server';
import { plaid } from '../../src/tasks/catalogue';
import { until } from '../support/offboarding-runs';
import { openSweepPlace } from '../support/sweep-runs';
import type { SweepPlace } from '../support/sweep-runs';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { openGateway } from './stage';
import type { GatewayStage } from './stage';

const ROOT = join(__dirname, '..', '..');

let place: SweepPlace;
let gateway: GatewayStage;

const temporal = (): NonNullable<GatewayOptions['temporal']> => ({
  client: place.client,
  where: 'here',
  ui: 'http://localhost:8233',
  address: temporalAddress(),
  namespace: 'default',
  explain: () => undefined,
});

beforeAll(async () => {
  place = await openSweepPlace();
  place.simulators.plaid.seed({ users: [{ userId: 'usr_1', items: ['item-1', 'item-2'] }] });
  await place.startWorker();
  const [env, taskQueue] = [place.env, place.taskQueue];
  gateway = await openGateway({ env, taskQueue, temporal: temporal() });
});

afterAll(async () => {
  await gateway.close();
  await place.close();
});

async function followed(task: string, input: unknown, confirm?: object): Promise<DurableCall> {
  const { status, body } = await gateway.ask<StartedCall & WireError>('POST', `/api/tasks/${task}/run`, {
    input,
    confirm,
  });
  if (status !== 201) throw new Error(body.error.message);
  let call: DurableCall | undefined;
  await until('the call has ended', async () => {
    call = (await gateway.ask<DurableCall>('GET', `/api/calls/${body.workflowId}/${body.runId}`)).body;
    return call.status !== 'RUNNING';
  });
  return call!;
}

describe('a durable run', () => {
  it('is followed to its answer, with a link into the Temporal UI', async () => {
    const call = await followed('plaid.userItemsGet', { user_id: 'usr_1' });
    expect(call).toMatchObject({
      status: 'COMPLETED',
      result: { status: 200, attempt: 1, output: { items: [{ item_id: 'item-1' }, { item_id: 'item-2' }] } },
    });
    expect(call.url).toBe(`http://localhost:8233/namespaces/default/workflows/${call.workflowId}/${call.runId}`);
  });

  it('tells the failure of the task', async () => {
    expect(await followed('plaid.userItemsGet', { user_id: 'usr_none' })).toMatchObject({
      status: 'FAILED',
      failure: { type: 'Task.Rejected', code: 'USER_NOT_FOUND' },
    });
  });

  it('starts nothing that is wrong, is not confirmed, or that no worker would take', async () => {
    const started = async (): Promise<number> => {
      let count = 0;
      for await (const { taskQueue } of place.client.workflow.list({ query: "WorkflowType = 'runHttpTask'" }))
        count += taskQueue === place.taskQueue ? 1 : 0;
      return count;
    };
    const before = await started();
    await expect(followed('plaid.userItemsGet', { user_idd: 'u' })).rejects.toThrow(/user_idd/);
    await expect(followed('plaid.userItemsRemove', { user_id: 'usr_1', item_ids: ['item-1'] })).rejects.toThrow(
      /type its name/,
    );
    const taskQueue = freshTaskQueue('nobody');
    const lonely = await openGateway({
      env: place.env,
      taskQueue,
      temporal: {
        client: place.client,
        where: 'here',
        address: temporalAddress(),
        namespace: 'default',
        explain: () => undefined,
      },
    });
    expect(
      await lonely.ask('POST', '/api/tasks/plaid.userItemsGet/run', { input: { user_id: 'usr_1' } }),
    ).toMatchObject({ status: 503, body: { error: { type: 'NoWorker' } } });
    await lonely.close();
    expect(await started()).toBe(before);
  });

  it('is not found under an id that nothing has, whatever characters it has', async () => {
    for (const id of [
      'nothing',
      '__proto__',
      '%00',
      '%ff',
      '%0d%0ax',
      'a'.repeat(2_000),
      '%F0%9F%A6%8A',
      "'%20OR%201=1",
    ]) {
      for (const path of [
        `/api/calls/${id}/${id}`,
        `/api/calls/${id}/${randomUUID()}`,
        `/api/runs/${id}`,
        `/api/runs/${id}?runId=${id}`,
      ]) {
        expect({ path, ...(await gateway.ask('GET', path)) }).toMatchObject({
          path,
          status: 404,
          body: { error: { type: 'NotFound' } },
        });
      }
      expect({ id, ...(await gateway.ask('POST', `/api/runs/${id}/pause`, {})) }).toMatchObject({ id, status: 404 });
    }
  });

  it('shows no run but calls, and says so when there is no Temporal server', async () => {
    const handle = await place.client.workflow.start('offboardUser', {
      taskQueue: place.taskQueue,
      workflowId: `other-${randomUUID()}`,
      args: [{ user: { plaidUserId: 'usr_1' }, reason: { code: 'OTHER' }, dryRun: true }],
    });
    await handle.result();
    expect((await gateway.ask('GET', `/api/calls/${handle.workflowId}/${handle.firstExecutionRunId}`)).status).toBe(
      404,
    );
    const without = await openGateway({ env: place.env });
    expect(await without.ask('GET', '/api/runs')).toMatchObject({
      status: 503,
      body: { error: { type: 'TemporalUnavailable' } },
    });
    await without.close();
  });
});

describe('runs', () => {
  it('are listed with progress, and a sweep is approved, paused and resumed', async () => {
    const file = await place.users(3);
    const sweep = await place.start({ source: { file }, approval: true });
    const line = async (): Promise<RunLine | undefined> =>
      (await gateway.ask<RunLine[]>('GET', '/api/runs')).body.find(({ workflowId }) => workflowId === sweep.workflowId);
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
      temporal: temporal(),
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
  const on = await openGateway({ env: place.env, taskQueue, temporal: temporal() });
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
    // Batch lists no production, and this call can be repeated.
    other: await needed('/api/tasks/batch.customDataDelete/run', { input: { id: '1', app: 'ios' } }),
    form: (await on.ask<OffboardingForm>('GET', '/api/offboardings/form')).body.production,
    about: (await on.ask<AboutGateway>('GET', '/api/about')).body.production,
    task: (await on.ask<TaskPage>('GET', '/api/tasks/plaid.userItemsGet')).body.workersProduction,
  });
  const sandbox = {
    resume: { task: 'offboardUsers' },
    removal: { task: 'plaid.userItemsRemove' },
    user: { task: 'offboardUser' },
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

describe('an off-boarding from the page', () => {
  const input = { user: { plaidUserId: 'usr_3' }, reason: { code: 'OTHER' } };
  const confirm = { task: 'offboardUser' };
  const start = (body: unknown, on = gateway): ReturnType<typeof gateway.ask<StartedRun & WireError>> =>
    on.ask<StartedRun & WireError>('POST', '/api/offboardings', body);
  const ended = async ({ workflowId, runId }: StartedRun): Promise<unknown> =>
    place.client.workflow.getHandle(workflowId, runId).result();

  it('is started when a dry run with the same input has ended, and its name was typed', async () => {
    place.simulators.plaid.seed({ users: [{ userId: 'usr_3', items: ['item-3'] }] });
    expect(await start({ input, confirm })).toMatchObject({ status: 409, body: { error: { type: 'DryRunNeeded' } } });
    const dry = await start({ input: { ...input, dryRun: true } });
    expect(dry).toMatchObject({
      status: 201,
      body: {
        joined: false,
        workflowId: expect.stringMatching(/^offboard-dry-/),
        url: expect.stringContaining('/namespaces/default/workflows/offboard-dry-'),
      },
    });
    await ended(dry.body);
    expect(await start({ input })).toMatchObject({
      status: 409,
      body: { error: { type: 'ConfirmationNeeded', needed: { task: 'offboardUser' } } },
    });
    expect((await start({ input: { ...input, plaid: { removeUser: true } }, confirm })).body.error.type).toBe(
      'DryRunNeeded',
    );
    expect(place.simulators.plaid.state().touched).not.toContain('usr_3');
    const real = await start({ input, confirm });
    expect(await ended(real.body)).toMatchObject({ status: 'completed' });
    expect(place.simulators.plaid.state().gone).toContain('usr_3');
  });

  it('joins one under way with the same input, and leaves another alone', async () => {
    const dry = { user: { plaidUserId: 'usr_4' }, reason: { code: 'OTHER' }, dryRun: true };
    const hasher = createSubjectHasher(place.env['HTTP_TASKS_SUBJECT_KEY'] ?? '');
    // Nobody works at it, so that it is surely under way.
    const waiting = await place.client.workflow.start('offboardUser', {
      taskQueue: place.taskQueue,
      workflowId: offboardWorkflowId({ ...dry, user: { plaidUserId: 'usr_4' } }, 'sandbox', hasher),
      args: [dry],
      startDelay: '1 hour',
    });
    expect((await start({ input: dry })).body).toMatchObject({
      joined: true,
      workflowId: waiting.workflowId,
      runId: waiting.firstExecutionRunId,
    });
    expect(await start({ input: { ...dry, notFoundIsFine: true } })).toMatchObject({
      status: 409,
      body: { error: { type: 'Conflict' } },
    });
    await waiting.terminate();
  });

  it('wants the name of production typed, even for a dry run, and a subject key', async () => {
    const production = await openGateway({
      env: { ...place.env, PLAID_ENV: 'production' },
      taskQueue: place.taskQueue,
      temporal: temporal(),
    });
    expect((await production.ask<OffboardingForm>('GET', '/api/offboardings/form')).body).toMatchObject({
      environment: 'production',
      production: true,
    });
    expect((await start({ input: { ...input, dryRun: true } }, production)).body.error).toMatchObject({
      type: 'ConfirmationNeeded',
      needed: { environment: 'production' },
    });
    await production.close();
    const keyless = await openGateway({
      env: { ...place.env, HTTP_TASKS_SUBJECT_KEY: '' },
      taskQueue: place.taskQueue,
      temporal: temporal(),
    });
    expect((await keyless.ask<OffboardingForm>('GET', '/api/offboardings/form')).body.problem).toContain(
      'HTTP_TASKS_SUBJECT_KEY',
    );
    expect(await start({ input: { ...input, dryRun: true } }, keyless)).toMatchObject({
      status: 409,
      body: { error: { field: 'HTTP_TASKS_SUBJECT_KEY' } },
    });
    await keyless.close();
  });

  it('names the fields of its form by their paths, and what is wrong by the same', async () => {
    const { body } = await gateway.ask<OffboardingForm>('GET', '/api/offboardings/form');
    expect(body.form.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['user.plaidUserId', 'reason.code', 'itemIds', 'batch.mode']),
    );
    expect(body.form.find(({ name }) => name === 'user.plaidUserToken')).toMatchObject({
      control: 'secret',
      path: ['user', 'plaidUserToken'],
      more: true,
    });
    const wrong = await gateway.ask<{ problems: InputProblem[] }>('POST', '/api/offboardings/check', {
      input: { user: { sweepId: 's', seq: 1 }, reason: { code: 'NONE' } },
    });
    expect(wrong.body.problems.map(({ field }) => field)).toEqual(['reason.code']);
    const ofSweep = await start({ input: { user: { sweepId: 's', seq: 1 }, reason: { code: 'OTHER' } }, confirm });
    expect(ofSweep).toMatchObject({ status: 400, body: { error: { field: 'user.sweepId' } } });
  });
});

it('links to the forms of the Temporal UI with an example of its own, which is no run of the list', async () => {
  const { workflows } = (await gateway.ask<StartForms>('POST', '/api/start-forms', {})).body;
  expect(workflows.map(({ workflowType }) => workflowType)).toEqual(['offboardUser', 'offboardUsers', 'runHttpTask']);
  expect(workflows[0]?.url).toMatch(
    /^http:\/\/localhost:8233\/namespaces\/default\/workflows\/start-workflow\?taskQueue=[^&]+&workflowType=offboardUser&runId=[0-9a-f-]{36}$/,
  );
  expect(
    (await gateway.ask<RunLine[]>('GET', '/api/runs')).body.filter(({ workflowId }) =>
      workflowId.startsWith('http-tasks-example'),
    ),
  ).toEqual([]);
});

describe('the snippets of a durable call', () => {
  const snippet = async (language: string): Promise<string> => {
    const { body } = await gateway.ask<PreparedCall>('POST', '/api/tasks/plaid.userItemsGet/prepare', {
      input: { user_id: 'usr_1' },
    });
    return body.snippets.find((one) => one.language === language)!.code;
  };

  function run(
    command: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<{ code: number | null; output: string }> {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', TEMPORAL_ADDRESS: temporalAddress(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    return new Promise((resolve, reject) =>
      child.once('error', reject).once('close', (code) => resolve({ code, output })),
    );
  }

  it('run as they are: the TypeScript client', async () => {
    const folder = join(ROOT, '.test-state', `snippet-${randomUUID()}`);
    await mkdir(folder, { recursive: true });
    const { outputText } = ts.transpileModule(await snippet('client'), {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
    });
    await writeFile(join(folder, 'client.cjs'), outputText);
    const { code, output } = await run(process.execPath, [join(folder, 'client.cjs')]);
    await rm(folder, { recursive: true });
    expect(output).toContain('item-1');
    expect(code).toBe(0);
  });

  it("run as they are: Temporal's command line", async () => {
    const { path } = await findTemporalServer();
    const { code, output } = await run('sh', ['-c', (await snippet('temporal')).replace(/^temporal/, `'${path}'`)]);
    expect(output).toContain('item-1');
    expect(code).toBe(0);
  });

  it('run as they are: our own command line, which asks before what cannot be undone', async () => {
    const cli = `'${process.execPath}' '${join(ROOT, 'dist', 'cli', 'main.js')}'`;
    const env = Object.fromEntries(Object.entries(place.env).filter(([name]) => name.startsWith('PLAID_')));
    const { code, output } = await run('sh', ['-c', (await snippet('call')).replace(/^http-tasks/, cli)], env);
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('item-1') });
    const { snippets } = snippetsOf(
      plaid.userItemsRemove,
      { user_id: 'usr_1', item_ids: ['item-1'] },
      {},
      { taskQueue: 'q', address: 'localhost:7233', namespace: 'default' },
    );
    const removal = await run(
      'sh',
      ['-c', snippets.find(({ language }) => language === 'call')!.code.replace(/^http-tasks/, cli)],
      env,
    );
    expect(removal).toEqual({ code: 2, output: expect.stringContaining('--yes') });
  });
});
