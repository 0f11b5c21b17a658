import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunPage } from '@temporal-http-tasks/console/internal/gateway/wire';
import type {
  HoldLine,
  HoldLogLine,
  PolicyPage,
  ProviderLine,
  ProviderPage,
  ScheduleLine,
  StartedSweep,
  SweepForm,
  SweepPreview,
} from '@temporal-http-tasks/console/internal/gateway/wire-operations';
import { startConsole, startCourier } from '../browser/console-stage';
import type { CliEnv, RunningCli } from '../cli/run-cli';
import { openStage, until } from '../cli/sweep-stage';
import type { SweepStage } from '../cli/sweep-stage';
import { environmentOf } from '../support/offboarding';
import { askConsole, uploadTo } from './console-client';
import type { ApiResponse } from './console-client';
import { openGateway } from './stage';

let stage: SweepStage;
let worker: RunningCli;
let console_: { url: string; token?: string; cli: RunningCli };
let courier: { close(): Promise<unknown> };
let settings: CliEnv;

const PLAN = { reason: { code: 'OTHER' } };

beforeAll(async () => {
  stage = await openStage();
  const started = await startCourier();
  ({ courier } = started);
  settings = { ...started.env, ...environmentOf(stage.simulators, { taskQueue: '', ledgerUrl: '' }), ...stage.person };
  [worker, console_] = await Promise.all([stage.startWorker(started.env), startConsole(settings)]);
});

afterAll(async () => {
  await console_?.cli.stop();
  await worker?.stop();
  await stage?.close();
  await courier?.close();
});

const ask = <T>(method: string, path: string, body?: unknown, at = console_): Promise<ApiResponse<T>> =>
  askConsole<T>(at, method, path, body);

const uploaded = (text: string): Promise<string> => uploadTo(console_, text);

const fileOf = (count: number): string =>
  `plaid_user_id,batch_user_id,comment\n${stage
    .newUsers(count)
    .map(({ plaidId, batchId }) => `${plaidId},${batchId},x\n`)
    .join('')}`;

const ended = (workflowId: string): Promise<RunPage> =>
  until('the run has ended', async () => {
    const { body } = await ask<RunPage>('GET', `/api/runs/${workflowId}`);
    return body.closedAt !== undefined && body;
  });

const waiting = (workflowId: string): Promise<RunPage> =>
  until('the sweep waits for approval', async () => {
    const { body } = await ask<RunPage>('GET', `/api/runs/${workflowId}`);
    return body.status === 'waitingForApproval' && body;
  });

describe('a sweep from the page', () => {
  it('is previewed, tried and approved, with the guards of the command line', async () => {
    const file = fileOf(3);
    const upload = await uploaded(file);
    const request = { upload, plan: { ...PLAN, requestedBy: 'bob' } };
    const form = (await ask<SweepForm>('GET', '/api/sweeps/form')).body;
    expect(form.form.map(({ name }) => name)).toEqual(expect.arrayContaining(['reason.code', 'requestedBy', 'rate']));
    expect(form.form.map(({ name }) => name)).not.toEqual(expect.arrayContaining(['approval']));
    const preview = await ask<SweepPreview>('POST', '/api/sweeps/preview', request);
    expect(preview).toMatchObject({
      status: 200,
      body: {
        production: false,
        removals: expect.arrayContaining([['Plaid', expect.stringContaining('removes all Items')]]),
        file: { users: 3, rejected: 0, columns: { used: ['plaid_user_id', 'batch_user_id'], ignored: ['comment'] } },
      },
    });
    expect(preview.body.file?.first).toHaveLength(3);
    expect(await ask('POST', '/api/sweeps', request)).toMatchObject({
      status: 409,
      body: { error: { type: 'DryRunNeeded' } },
    });
    const dry = (await ask<StartedSweep>('POST', '/api/sweeps', { ...request, dryRun: true })).body;
    expect(dry).toMatchObject({ dryRun: true, total: 3 });
    expect((await ended(dry.workflowId)).status).toBe('completed');
    expect(stage.simulators.plaid.state().touched).toEqual([]);
    // Another plan, or another file, was not tried.
    for (const other of [
      { ...request, plan: PLAN },
      { ...request, upload: await uploaded(fileOf(3)) },
    ])
      expect((await ask('POST', '/api/sweeps', other)).body.error.type).toBe('DryRunNeeded');
    // The same file, uploaded again, was.
    const again = { ...request, upload: await uploaded(file) };
    const { workflowId } = (await ask<StartedSweep>('POST', '/api/sweeps', again)).body;
    const page = await waiting(workflowId);
    expect(page.sweep).toMatchObject({ reason: 'OTHER', requestedBy: 'bob' });
    expect(stage.simulators.plaid.state().touched).toEqual([]);
    const approval = { total: 3, by: 'anna' };
    expect((await ask('POST', `/api/runs/${workflowId}/approve`, approval)).body.error.type).toBe('ConfirmationNeeded');
    const confirm = { task: 'offboardUsers' };
    expect((await ask('POST', `/api/runs/${workflowId}/approve`, { ...approval, confirm })).status).toBe(200);
    const done = await ended(workflowId);
    expect(done).toMatchObject({
      status: 'completed',
      evidence: { merkleRoot: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(stage.simulators.plaid.state().touched).toHaveLength(3);
    // No user is left to retry.
    expect(await ask('POST', `/api/runs/${workflowId}/redrive`, {})).toMatchObject({
      status: 409,
      body: { error: { type: 'Conflict' } },
    });
    for (const format of ['csv', 'jsonl']) {
      const file = await ask('GET', `/api/runs/${workflowId}/receipts?format=${format}`);
      const printed = await stage.begin('receipts', workflowId, `--${format}`).ended;
      expect(file).toMatchObject({ status: 200, text: printed.stdout });
      expect(file.text.trim().split('\n').length).toBeGreaterThan(3);
      expect(file.text).not.toMatch(/usr_/);
    }
    expect((await ask('GET', '/api/runs/none/receipts?format=csv')).body.error).toMatchObject({
      message: expect.stringContaining('no receipt for this ID'),
    });
    const report = await ask('GET', `/api/runs/${workflowId}/report`);
    expect(report.status).toBe(200);
    expect(report.text).toMatch(/^<!doctype html>/i);
    const bundle = await ask('GET', `/api/runs/${workflowId}/bundle`);
    const saved = join(stage.folder, 'bundle.jsonl');
    writeFileSync(saved, bundle.text);
    const root = done.evidence?.merkleRoot ?? '';
    expect((await stage.run('verify', '--bundle', saved, '--root', root)).code).toBe(0);
  });

  it('is refused with the message of the command, and names no file of the gateway', async () => {
    const upload = await uploaded('plaid_user_id,plaid_user\nusr_1,usr_2\n');
    const preview = await ask<SweepPreview>('POST', '/api/sweeps/preview', { upload, plan: PLAN });
    expect(preview.body.file?.refused?.message).toContain('plaid_user');
    const ignored = { upload, plan: PLAN, ignoreColumns: ['plaid_user'] };
    expect((await ask<SweepPreview>('POST', '/api/sweeps/preview', ignored)).body.file?.refused).toBeUndefined();
    const rejected = await uploaded('plaid_user_id\nusr_1\n" "\n');
    expect(
      (await ask<SweepPreview>('POST', '/api/sweeps/preview', { upload: rejected, plan: PLAN })).body.file,
    ).toMatchObject({
      rejected: 1,
      rejectedRows: [{ line: 3, problem: expect.any(String) }],
      refused: { type: 'Task.InvalidInput' },
    });
    for (const source of ['/etc/passwd', 'users.csv', '-', '--input=@/etc/passwd', 'query:'])
      expect((await ask('POST', '/api/sweeps/preview', { source, plan: PLAN })).status).toBe(400);
    for (const plan of [
      { reason: { code: 'NO' } },
      { ...PLAN, approval: false },
      { ...PLAN, source: { file: 'x' } },
      [],
    ])
      expect((await ask('POST', '/api/sweeps/preview', { source: 'query:x', plan })).status).toBe(400);
    expect((await ask('POST', '/api/sweeps/preview', { upload: 'other', plan: PLAN })).status).toBe(404);
    expect((await ask('POST', '/api/uploads?name=users.xlsx', 'x')).status).toBe(400);
    expect((await ask('POST', '/api/uploads?name=users.csv', {})).status).toBe(415);
  });

  it('retries failed users in a new sweep, which waits for approval', async () => {
    const [first, second] = stage.newUsers(2);
    const upload = await uploaded(`plaid_user_id,reference\n${first?.plaidId},case-1\n${second?.plaidId},case-2\n`);
    const request = { upload, plan: PLAN };
    const dry = await ask<StartedSweep>('POST', '/api/sweeps', { ...request, dryRun: true });
    await ended(dry.body.workflowId);
    stage.simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      kind: 'unknownErrorCode',
      errorType: 'INVALID_REQUEST',
      errorCode: 'NOT_TODAY',
      status: 400,
    });
    const { workflowId } = (await ask<StartedSweep>('POST', '/api/sweeps', request)).body;
    await waiting(workflowId);
    await ask('POST', `/api/runs/${workflowId}/approve`, { total: 2, by: 'anna', confirm: { task: 'offboardUsers' } });
    const done = await ended(workflowId);
    stage.simulators.plaid.faults.remove();
    expect(done.failed?.map(({ reference }) => reference)).toEqual(['case-1', 'case-2']);
    const redrive = await ask<StartedSweep>('POST', `/api/runs/${workflowId}/redrive`, { requestedBy: 'carol' });
    expect(redrive).toMatchObject({ status: 201, body: { workflowId: `${workflowId}-redrive-1` } });
    expect(await waiting(redrive.body.workflowId)).toMatchObject({
      progress: { total: 2 },
      sweep: { requestedBy: 'carol' },
    });
    await ask('POST', `/api/runs/${redrive.body.workflowId}/cancel`, {});
    await ended(redrive.body.workflowId);
  });
});

it('sets, lists and lifts holds with reason and name', async () => {
  const set = { ids: ['plaid.userId=usr_held', 'courier.contactId=c_1'], reason: 'case 1', by: 'anna' };
  for (const [field, wrong] of Object.entries({ reason: '', by: ' ', ids: ['a-hold'] }))
    expect((await ask('POST', '/api/holds', { ...set, [field]: wrong })).body.error.field).toBe(field);
  const { status, body } = await ask<{ document: { holdId: string } }>('POST', '/api/holds', set);
  expect(status).toBe(201);
  const { holdId } = body.document;
  const found = (await ask<HoldLine[]>('GET', '/api/holds')).body as unknown as HoldLine[];
  expect(found.find((hold) => hold.holdId === holdId)).toMatchObject({ reason: 'case 1', setBy: 'anna' });
  const lift = { hold: holdId, reason: 'closed', by: 'bob' };
  expect((await ask('POST', '/api/holds/remove', { ...lift, reason: '' })).body.error.field).toBe('reason');
  expect((await ask('POST', '/api/holds/remove', lift)).status).toBe(200);
  expect((await ask('POST', '/api/holds/remove', lift)).status).toBe(404);
  const log = (await ask<HoldLogLine[]>('GET', '/api/holds/log')).body as unknown as HoldLogLine[];
  expect(log.filter((entry) => entry.holdId === holdId)).toMatchObject([
    { by: 'anna', reason: 'case 1' },
    { by: 'bob', why: 'closed' },
  ]);
});

it('creates, pauses, resumes and deletes schedules, what starts runs with the name typed', async () => {
  const wanted = {
    name: `nightly-${Date.now()}`,
    cron: '0 3 * * *',
    source: 'file:users.csv',
    plan: PLAN,
    paused: true,
  };
  const confirm = { task: wanted.name };
  expect((await ask('POST', '/api/schedules', wanted)).body.error.type).toBe('ConfirmationNeeded');
  expect((await ask('POST', '/api/schedules', { ...wanted, source: 'users.csv', confirm })).status).toBe(400);
  expect((await ask('POST', '/api/schedules', { ...wanted, cron: '0 0 3 * * *', confirm })).body.error).toMatchObject({
    field: 'cron',
  });
  expect((await ask('POST', '/api/schedules', { ...wanted, confirm })).status).toBe(201);
  const line = async (): Promise<ScheduleLine | undefined> =>
    ((await ask<ScheduleLine[]>('GET', '/api/schedules')).body as unknown as ScheduleLine[]).find(
      ({ name }) => name === wanted.name,
    );
  expect(await until('it is listed', line)).toMatchObject({ paused: true, times: ['0 3 * * *'] });
  const change = (action: string, body: object = {}): Promise<ApiResponse<object>> =>
    ask('POST', `/api/schedules/${wanted.name}/${action}`, body);
  expect((await change('resume')).body.error.type).toBe('ConfirmationNeeded');
  expect((await change('resume', { confirm })).status).toBe(200);
  expect((await change('pause', { note: 'incident' })).status).toBe(200);
  expect(await until('it is paused', async () => ((await line())?.paused ? await line() : undefined))).toMatchObject({
    note: 'incident',
  });
  expect((await change('burn')).status).toBe(404);
  expect((await change('delete')).status).toBe(200);
  expect((await change('pause')).status).toBe(404);
});

it('shows providers and the policy', async () => {
  const providers = (await ask<ProviderLine[]>('GET', '/api/providers')).body as unknown as ProviderLine[];
  expect(providers.map(({ provider }) => provider)).toEqual(expect.arrayContaining(['plaid', 'batch', 'courier']));
  const courierPage = (await ask<ProviderPage>('GET', '/api/providers/courier')).body;
  expect(courierPage.steps.length).toBeGreaterThan(0);
  for (const name of ['..%2Fx.provider.yaml', 'x.yaml'])
    expect((await ask('GET', `/api/providers/${name}`)).status).toBe(404);
  expect((await ask<PolicyPage>('GET', '/api/policy')).body).toEqual({ set: false });
});

it('refuses what the policy of the gateway forbids', async () => {
  const file = join(stage.folder, 'policy.yaml');
  writeFileSync(file, 'version: 1\nreasonCodes: [CONSUMER_ACCOUNT_CLOSED]\n');
  const strict = await startConsole({ ...settings, HTTP_TASKS_POLICY: file });
  expect((await ask<PolicyPage>('GET', '/api/policy', undefined, strict)).body).toMatchObject({ set: true });
  const refused = await ask('POST', '/api/sweeps/preview', { source: 'query:x', plan: PLAN }, strict);
  expect(refused).toMatchObject({ status: 403, body: { error: { type: 'Task.NotAllowed' } } });
  await strict.cli.stop();
});

it('says so where a gateway has no commands', async () => {
  const bare = await openGateway();
  expect(await bare.ask('GET', '/api/holds')).toMatchObject({ status: 503, body: { error: { type: 'NoCommands' } } });
  await bare.close();
});
