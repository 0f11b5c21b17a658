import type { AboutGateway, RunPage } from '@temporal-http-tasks/console/internal/gateway/wire';
import type { StartedSweep, StopState } from '@temporal-http-tasks/console/internal/gateway/wire-operations';
import { startConsole } from '../browser/console-stage';
import type { Console } from '../browser/console-stage';
import type { CliEnv, RunningCli } from '../cli/run-cli';
import { openStage, until } from '../cli/sweep-stage';
import type { SweepStage } from '../cli/sweep-stage';
import { workersFileOf } from '../cli/asking-stage';
import { environmentOf } from '../support/offboarding';
import { askConsole } from './console-client';
import type { ApiResponse } from './console-client';

const PLAN = { reason: { code: 'OTHER' } };
const environment = 'production';

let stage: SweepStage;
let worker: RunningCli;
/** Has the ledger of the worker, and settings that name the sandbox. */
let informed: Console;
/** Has no ledger, so that it cannot know where the worker deletes. */
let uninformed: Console;

beforeAll(async () => {
  stage = await openStage();
  const settings: CliEnv = {
    ...environmentOf(stage.simulators, { taskQueue: '', ledgerUrl: '' }),
    ...stage.person,
    PLAID_ENV: 'sandbox',
  };
  [worker, informed, uninformed] = await Promise.all([
    stage.startWorker({ PLAID_ENV: 'production' }),
    startConsole(settings),
    startConsole({ ...settings, HTTP_TASKS_LEDGER_URL: undefined }),
  ]);
});

afterAll(async () => {
  await informed?.cli.stop();
  await uninformed?.cli.stop();
  await worker?.stop();
  await stage?.close();
});

const ask = <T>(at: Console, method: string, path: string, body?: unknown): Promise<ApiResponse<T>> =>
  askConsole<T>(at, method, path, body);

const touched = (): number => stage.simulators.plaid.state().touched.length;

/** What each request is refused for until production is typed. */
const needs = (more: object = {}): object => ({
  status: 409,
  body: { error: { type: 'ConfirmationNeeded', needed: { ...more, environment } } },
});

async function reached(at: Console, workflowId: string, status: (page: RunPage) => boolean): Promise<RunPage> {
  return until(`${workflowId} is there`, async () => {
    const { body } = await ask<RunPage>(at, 'GET', `/api/runs/${workflowId}`);
    return status(body) && body;
  });
}

const ended = (at: Console, workflowId: string): Promise<RunPage> =>
  reached(at, workflowId, ({ closedAt }) => closedAt !== undefined);

const waits = (at: Console, workflowId: string): Promise<RunPage> =>
  reached(at, workflowId, ({ status }) => status === 'waitingForApproval');

it('names production, which the worker recorded, although its own settings name the sandbox', async () => {
  expect((await ask<AboutGateway>(informed, 'GET', '/api/about')).body).toMatchObject({ production: environment });
});

it('tries, starts and retries a sweep only when production was typed', async () => {
  const request = { source: workersFileOf(stage, stage.newUsers(2)), plan: PLAN };
  for (const confirm of [undefined, {}, { environment: 'sandbox' }, { task: environment }])
    expect(await ask(informed, 'POST', '/api/sweeps', { ...request, dryRun: true, confirm })).toMatchObject(needs());
  const confirm = { environment };
  const dry = await ask<StartedSweep>(informed, 'POST', '/api/sweeps', { ...request, dryRun: true, confirm });
  await ended(informed, dry.body.workflowId);
  expect(await ask(informed, 'POST', '/api/sweeps', request)).toMatchObject(needs());
  stage.simulators.plaid.faults.add({
    endpoint: 'userProductsTerminate',
    kind: 'unknownErrorCode',
    errorType: 'INVALID_REQUEST',
    errorCode: 'NOT_TODAY',
    status: 400,
  });
  const { workflowId } = (await ask<StartedSweep>(informed, 'POST', '/api/sweeps', { ...request, confirm })).body;
  await waits(informed, workflowId);
  expect(touched()).toBe(0);
  const approval = { total: 2, by: 'anna' };
  const approve = (given: object): Promise<ApiResponse<object>> =>
    ask(informed, 'POST', `/api/runs/${workflowId}/approve`, { ...approval, confirm: given });
  expect(await approve({ task: 'offboardUsers' })).toMatchObject(needs());
  expect((await approve({ task: 'offboardUsers', environment })).status).toBe(200);
  await ended(informed, workflowId);
  stage.simulators.plaid.faults.remove();
  const redrive = (given?: object): Promise<ApiResponse<StartedSweep>> =>
    ask(informed, 'POST', `/api/runs/${workflowId}/redrive`, { requestedBy: 'carol', confirm: given });
  expect(await redrive()).toMatchObject(needs());
  const again = await redrive(confirm);
  expect(again).toMatchObject({ status: 201, body: { workflowId: `${workflowId}-redrive-1` } });
  await waits(informed, again.body.workflowId);
  await ask(informed, 'POST', `/api/runs/${again.body.workflowId}/cancel`, {});
  await ended(informed, again.body.workflowId);
});

describe.each([
  ['has the ledger of the worker', () => informed],
  ['cannot know where the worker deletes', () => uninformed],
])('a console that %s', (_, at) => {
  it('creates, resumes, runs and backfills a schedule only when its name and production were typed', async () => {
    const name = `nightly-${Date.now()}`;
    const source = workersFileOf(stage, stage.newUsers(1));
    const wanted = { name, cron: '0 3 1 1 *', source, plan: { ...PLAN, approval: true }, paused: true };
    const confirm = { task: name, environment };
    expect(await ask(at(), 'POST', '/api/schedules', { ...wanted, confirm: { task: name } })).toMatchObject(needs());
    expect((await ask(at(), 'POST', '/api/schedules', { ...wanted, confirm })).status).toBe(201);
    const change = (action: string, given: object): Promise<ApiResponse<{ document: { workflowId: string } }>> => {
      const period = action === 'backfill' && { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' };
      return ask(at(), 'POST', `/api/schedules/${name}/${action}`, { ...period, confirm: given });
    };
    for (const action of ['resume', 'trigger', 'backfill']) {
      expect({ action, ...(await change(action, { task: name })) }).toMatchObject(needs());
      expect((await change(action, { environment })).body.error).toMatchObject({ needed: { task: name } });
    }
    expect((await change('resume', confirm)).status).toBe(200);
    const { workflowId } = (await change('trigger', confirm)).body.document;
    await waits(informed, workflowId);
    expect((await change('delete', {})).status).toBe(200);
    await ask(informed, 'POST', `/api/runs/${workflowId}/cancel`, {});
    await ended(informed, workflowId);
  });
});

it('says why and what to type where it cannot know, and takes that', async () => {
  const request = { source: workersFileOf(stage, stage.newUsers(1)), plan: PLAN };
  const dry = await ask<StartedSweep>(uninformed, 'POST', '/api/sweeps', { ...request, dryRun: true });
  await ended(uninformed, dry.body.workflowId);
  const refused = await ask(uninformed, 'POST', '/api/sweeps', request);
  expect(refused).toMatchObject(needs());
  expect(refused.body.error.message).toMatch(
    /^Whether the task queue ".*" is production is not known: .* Type production to start it anyway\. Nothing was started\.$/,
  );
  expect(refused.body.error.message).not.toContain('--yes');
  const { workflowId } = (
    await ask<StartedSweep>(uninformed, 'POST', '/api/sweeps', { ...request, confirm: { environment } })
  ).body;
  await waits(uninformed, workflowId);
  await ask(uninformed, 'POST', `/api/runs/${workflowId}/cancel`, {});
  await ended(uninformed, workflowId);
});

it('starts again after a stop only when that and production were typed', async () => {
  expect((await ask(informed, 'POST', '/api/stop', { reason: 'incident', by: 'anna' })).status).toBe(200);
  const start = (confirm: object): Promise<ApiResponse<object>> =>
    ask(informed, 'POST', '/api/start', { by: 'bob', confirm });
  expect(await start({})).toMatchObject(needs({ task: 'start' }));
  expect(await start({ task: 'start' })).toMatchObject(needs());
  expect((await ask<StopState>(informed, 'GET', '/api/stop')).body.inForce).toMatchObject({ by: 'anna' });
  expect((await start({ task: 'start', environment })).status).toBe(200);
  expect((await ask<StopState>(informed, 'GET', '/api/stop')).body.inForce).toBeUndefined();
  expect((await ask<StopState>(uninformed, 'GET', '/api/stop')).body).toMatchObject({ known: false });
});
