import { gzipSync } from 'node:zlib';
import type {
  HoldCheck,
  HoldFileCheck,
  HoldFileCounts,
  HoldLine,
  RateLine,
  RequestLine,
  RequestList,
  SchedulePage,
  StartedAgain,
  StopState,
} from '@temporal-http-tasks/console/internal/gateway/wire-operations';
import { startConsole } from '../browser/console-stage';
import type { Console } from '../browser/console-stage';
import type { RunningCli } from '../cli/run-cli';
import { openStage, until } from '../cli/sweep-stage';
import type { SweepStage } from '../cli/sweep-stage';
import { environmentOf } from '../support/offboarding';
import { askConsole, uploadTo } from './console-client';
import type { ApiResponse } from './console-client';

let stage: SweepStage;
let worker: RunningCli;
let console_: Console;

beforeAll(async () => {
  stage = await openStage();
  const settings = { ...environmentOf(stage.simulators, { taskQueue: '', ledgerUrl: '' }), ...stage.person };
  [worker, console_] = await Promise.all([stage.startWorker(), startConsole(settings)]);
});

afterAll(async () => {
  await console_?.cli.stop();
  await worker?.stop();
  await stage?.close();
});

/** What a command printed. */
interface Said<T> {
  document: T;
}

const ask = <T>(method: string, path: string, body?: unknown): Promise<ApiResponse<T>> =>
  askConsole<T>(console_, method, path, body);

const list = async <T>(path: string): Promise<T[]> => (await ask<T[]>('GET', path)).body;

describe('holds', () => {
  it('are checked and set for each row of a file, or for none when a row is wrong', async () => {
    const upload = await uploadTo(
      console_,
      'plaid_user_id,batch_user_id,reason\nusr_f1,,case 7\nusr_f2,2002,\n',
      'held.csv',
    );
    const check = await ask<Said<HoldFileCheck>>('POST', '/api/holds/check', { upload });
    expect(check.body.document).toMatchObject({ held: 0, notHeld: 2, rows: [{ line: 2 }, { line: 3 }] });
    const set = { upload, reason: 'case 8', by: 'anna' };
    for (const field of ['reason', 'by'])
      expect((await ask('POST', '/api/holds/file', { ...set, [field]: '' })).body.error.field).toBe(field);
    const bad = await uploadTo(console_, 'plaid_user_id\nusr_f3\nnull\n', 'held.csv');
    const wrong = await ask('POST', '/api/holds/file', { ...set, upload: bad });
    expect(wrong).toMatchObject({ status: 400, body: { error: { type: 'Task.InvalidInput' } } });
    expect(wrong.body.error.rows).toEqual([expect.stringMatching(/^line 3: /)]);
    expect(wrong.body.error.message).toContain('held.csv: 1 row is wrong, so no hold was set');
    const done = await ask<Said<HoldFileCounts>>('POST', '/api/holds/file', set);
    expect(done).toMatchObject({ status: 201, body: { document: { rows: 2, set: 2, extended: 0, unchanged: 0 } } });
    const again = await ask<Said<HoldFileCounts>>('POST', '/api/holds/file', set);
    expect(again.body.document).toMatchObject({ set: 0, unchanged: 2 });
    expect((await list<HoldLine>('/api/holds')).map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['case 7', 'case 8']),
    );
    const now = await ask<Said<HoldFileCheck>>('POST', '/api/holds/check', { upload });
    expect(now.body.document).toMatchObject({ held: 2, notHeld: 0 });
  });

  it('are CSV files from an upload, packed or not, and never a file of the gateway', async () => {
    const other = await uploadTo(console_, '{"plaid_user_id":"usr_1"}\n', 'held.jsonl');
    expect((await ask('POST', '/api/holds/check', { upload: other })).body.error).toMatchObject({ field: 'upload' });
    for (const upload of ['/etc/passwd', 'none', ['x'], { file: 'x' }])
      expect((await ask('POST', '/api/holds/check', { upload })).status).toBe(404);
    const packed = await fetch(`${console_.url}/api/uploads?name=held.csv.gz`, {
      method: 'POST',
      headers: { authorization: `Bearer ${console_.token}`, 'content-type': 'application/octet-stream' },
      body: gzipSync('plaid_user_id\nusr_packed\n'),
    });
    const { upload } = (await packed.json()) as { upload: string };
    const checked = await ask<Said<HoldFileCheck>>('POST', '/api/holds/check', { upload });
    expect(checked.body.document).toMatchObject({ notHeld: 1 });
  });

  it('are found by the IDs of a user, for each environment of a worker', async () => {
    const ids = ['plaid.userId=usr_checked'];
    const free = await ask<Said<HoldCheck>>('POST', '/api/holds/check', { ids });
    expect(free.body.document).toMatchObject({ held: false, holds: [] });
    await ask('POST', '/api/holds', { ids, reason: 'case 9', by: 'anna', environment: 'sandbox' });
    const { document } = (await ask<Said<HoldCheck>>('POST', '/api/holds/check', { ids })).body;
    expect(document).toMatchObject({ held: false, holds: [{ reason: 'case 9' }] });
    expect(document.environments).toMatchObject({ sandbox: { held: true }, production: { held: false } });
    expect((await ask('POST', '/api/holds/check', { ids: ['a-hold'] })).body.error.field).toBe('ids');
  });
});

describe('the register of requests', () => {
  const today = new Date().toISOString().slice(0, 10);
  const add = async (id: string, more: object = {}): Promise<RequestLine> => {
    const body = {
      ids: [`plaid.userId=${id}`],
      receivedAt: today,
      law: 'gdpr',
      reference: `case ${id.slice(4)}`,
      ...more,
    };
    const response = await ask<Said<RequestLine>>('POST', '/api/requests', body);
    expect(response).toMatchObject({ status: 201 });
    return response.body.document;
  };
  const requests = async (query = ''): Promise<RequestLine[]> =>
    (await ask<RequestList>('GET', `/api/requests?${query}`)).body.requests;

  it('lists, extends and refuses requests, with reason and name, and is downloaded as CSV', async () => {
    const first = await add('usr_r1');
    const second = await add('usr_r2', { receivedAt: '2015-03-05', requestedBy: 'carol' });
    expect(first).toMatchObject({ state: 'open', reference: 'case r1' });
    expect(second).toMatchObject({ state: 'overdue' });
    expect((await requests('show=overdue')).map(({ id }) => id)).toEqual([second.id]);
    expect((await requests('show=open&dueBefore=2016-01-01')).map(({ id }) => id)).toEqual([second.id]);
    const decide = (id: number, decision: string, body: object): Promise<ApiResponse<Said<RequestLine>>> =>
      ask('POST', `/api/requests/${id}/${decision}`, body);
    for (const decision of ['extend', 'refuse'])
      for (const field of ['why', 'by'])
        expect((await decide(first.id, decision, { why: 'x', by: 'anna', [field]: ' ' })).body.error.field).toBe(field);
    const extended = await decide(first.id, 'extend', { why: 'three providers', by: 'anna' });
    expect(extended.body.document).toMatchObject({
      state: 'open',
      extended: { by: 'anna', reason: 'three providers' },
    });
    // Once, and not after its date.
    for (const id of [first.id, second.id])
      expect(await decide(id, 'extend', { why: 'x', by: 'anna' })).toMatchObject({
        status: 409,
        body: { error: { type: 'Refused' } },
      });
    expect((await decide(second.id, 'refuse', { why: 'not proven', by: 'bob' })).body.document).toMatchObject({
      state: 'refused',
      holdId: `refused-request-${second.id}`,
    });
    expect((await decide(first.id, 'burn', {})).status).toBe(404);
    expect((await decide('--help' as unknown as number, 'refuse', { why: 'x', by: 'x' })).status).toBe(400);
    const csv = await ask('GET', '/api/requests/file?show=all');
    expect(csv).toMatchObject({ status: 200, text: expect.stringMatching(/^request,state,law,.*\n1,open,gdpr,/) });
    expect(csv.text).not.toContain('usr_');
    expect((await ask('GET', '/api/requests/file?show=overdue')).text.trim().split('\n')).toHaveLength(1);
    for (const query of ['show=burned', 'dueBefore=soon', 'after=x'])
      expect((await ask('GET', `/api/requests?${query}`)).status).toBe(400);
    expect((await ask('POST', '/api/requests', { ids: ['plaid.userId=usr_1'] })).body.error.field).toBe('receivedAt');
  });

  it('has pages', async () => {
    for (let index = 0; index < 101; index += 1) await add(`usr_p${index}`);
    const { requests: first, after } = (await ask<RequestList>('GET', '/api/requests?show=all')).body;
    expect(first).toHaveLength(100);
    expect(after).toBe(first.at(-1)?.id);
    const next = (await ask<RequestList>('GET', `/api/requests?show=all&after=${after}`)).body;
    expect(next.requests.length).toBeGreaterThan(0);
    expect(next.after).toBeUndefined();
    const ids = [...first, ...next.requests].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

it('sets and clears standing limits, for keys that a worker has', async () => {
  const limit = async (): Promise<RateLine | undefined> =>
    (await list<RateLine>('/api/rates')).find(({ service }) => service === 'plaid');
  expect((await ask('POST', '/api/rates', { key: 'plaid', calls: '600' })).status).toBe(200);
  expect(await limit()).toMatchObject({ callsPerMinute: 600, by: 'standing', standing: 600 });
  expect((await ask('POST', '/api/rates', { key: 'plaid', calls: '10/s' })).status).toBe(200);
  expect(await limit()).toMatchObject({ standing: 600 });
  for (const [key, calls] of [
    ['plad', '600'],
    ['plaid', '0'],
    ['plaid', 'fast'],
    ['--help', '600'],
    ['', '600'],
  ])
    expect({ key, calls, ...(await ask('POST', '/api/rates', { key, calls })) }).toMatchObject({ status: 400 });
  expect((await ask('POST', '/api/rates/clear', { key: 'plaid' })).status).toBe(200);
  expect((await limit())?.standing).toBeUndefined();
});

it('stops all calls, says so, and starts again only when that was typed', async () => {
  const state = async (): Promise<StopState> => (await ask<StopState>('GET', '/api/stop')).body;
  expect(await state()).toEqual({ known: true, earlier: [] });
  for (const field of ['reason', 'by'])
    expect((await ask('POST', '/api/stop', { reason: 'x', by: 'anna', [field]: '' })).body.error.field).toBe(field);
  expect((await ask('POST', '/api/stop', { reason: 'wrong export', by: 'anna' })).status).toBe(200);
  expect(await state()).toMatchObject({ inForce: { reason: 'wrong export', by: 'anna' }, earlier: [] });
  const sweepId = `stopped-${Date.now()}`;
  const sweep = await stage.run(
    'sweep',
    '--source',
    stage.fileOf(stage.newUsers(2)),
    '--reason',
    'OTHER',
    '--id',
    sweepId,
  );
  expect(sweep.code).toBe(0);
  await until('the sweep is paused', async () => {
    const { document } = await stage.run('sweep', 'status', sweepId);
    return document.status === 'paused';
  });
  expect(stage.simulators.plaid.state().touched).toEqual([]);
  const start = (body: object): Promise<ApiResponse<Said<StartedAgain>>> => ask('POST', '/api/start', body);
  expect((await start({ by: 'bob' })).body.error).toMatchObject({
    type: 'ConfirmationNeeded',
    needed: { task: 'start' },
  });
  expect((await start({ confirm: { task: 'start' } })).body.error.field).toBe('by');
  for (const resume of ['false', 0, null])
    expect((await start({ by: 'bob', resume, confirm: { task: 'start' } })).body.error.field).toBe('resume');
  expect(await state()).toMatchObject({ inForce: { by: 'anna' } });
  const started = await start({ by: 'bob', confirm: { task: 'start' } });
  expect(started.body.document).toMatchObject({ lifted: true, resumed: [sweepId], paused: [] });
  expect(await state()).toMatchObject({ earlier: [{ by: 'anna', liftedBy: 'bob' }] });
  await until('the sweep is done', async () => {
    const { document } = await stage.run('sweep', 'status', sweepId);
    return document.status === 'completed';
  });
});

it('shows a schedule with its runs, and makes up for a time that is over when its name is typed', async () => {
  const name = `nightly-${Date.now()}`;
  const confirm = { task: name };
  const plan = { reason: { code: 'OTHER' } };
  const wanted = { name, cron: '0 3 * * *', source: 'file:none.csv', plan, paused: true, confirm };
  for (const [wrong, field] of [
    [{ paused: 'true' }, 'paused'],
    [{ pauseOnFailure: 1 }, 'pauseOnFailure'],
    [{ pause: true }, 'pause'],
    [{ dryRun: true }, 'dryRun'],
  ] as const)
    expect(await ask('POST', '/api/schedules', { ...wanted, ...wrong })).toMatchObject({
      status: 400,
      body: { error: { type: 'Task.InvalidInput', field } },
    });
  for (const [wrong, field] of [
    [{ dryRun: 'true' }, 'dryRun'],
    [{ dry_run: true }, 'dry_run'],
  ] as const)
    expect(await ask('POST', '/api/sweeps', { source: 'file:none.csv', plan, ...wrong })).toMatchObject({
      status: 400,
      body: { error: { type: 'Task.InvalidInput', field } },
    });
  expect((await ask('POST', '/api/schedules', wanted)).status).toBe(201);
  const schedule = async (): Promise<SchedulePage> => (await ask<SchedulePage>('GET', `/api/schedules/${name}`)).body;
  expect(await schedule()).toMatchObject({ name, paused: true, overlap: 'skip', lastRuns: [], input: plan });
  const period = { from: '2026-01-01T00:00:00Z', to: '2026-01-03T00:00:00Z' };
  const backfill = (body: object): Promise<ApiResponse<Said<{ runs: number }>>> =>
    ask('POST', `/api/schedules/${name}/backfill`, body);
  expect((await backfill(period)).body.error).toMatchObject({ type: 'ConfirmationNeeded', needed: { task: name } });
  for (const wrong of [
    { ...period, to: '2025-01-01T00:00:00Z' },
    { ...period, from: 'yesterday' },
    { ...period, from: '' },
  ])
    expect((await backfill({ ...wrong, confirm })).status).toBe(400);
  expect((await backfill({ ...period, confirm })).body.document).toMatchObject({ runs: 2 });
  const isExplained = ({ status, why }: SchedulePage['lastRuns'][number]): boolean =>
    status === 'failed' && why !== undefined;
  await until('a run has failed, and the page says why', async () => (await schedule()).lastRuns.some(isExplained));
  expect((await ask('GET', '/api/schedules/none')).status).toBe(404);
  expect((await ask('POST', `/api/schedules/${name}/delete`, {})).status).toBe(200);
});
