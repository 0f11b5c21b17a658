import { join } from 'node:path';
import Database from 'libsql';
import type { ScheduleDocument } from '@temporal-http-tasks/cli/internal/schedule/document';
import type { RunningCli } from './run-cli';
import { openStage, until } from './sweep-stage';
import type { StageUser, SweepEnd, SweepStage } from './sweep-stage';

jest.setTimeout(240_000);

/** Nights at three; the account was closed a day before each. */
const NIGHTS = ['2024-03-01T03:00:00Z', '2024-03-02T03:00:00Z', '2024-03-03T03:00:00Z'];
const CLOSED_AT = ['2024-02-29T12:00:00.000Z', '2024-03-01T12:00:00.000Z', '2024-03-02T12:00:00.000Z'];
const NAME = 'nightly-clean-up';

let stage: SweepStage;
let worker: RunningCli;
let users: StageUser[];

beforeAll(async () => {
  stage = await openStage(({ folder }) => ({
    HTTP_TASKS_SOURCE_CLOSED_URL: `file:${join(folder, 'accounts.db')}`,
    HTTP_TASKS_SOURCE_CLOSED_QUERY:
      'select plaid_user_id, batch_user_id, closed_at from accounts where closed_at < :scheduledTime order by closed_at',
  }));
  users = stage.newUsers(3);
  const accounts = new Database(join(stage.folder, 'accounts.db'));
  accounts.exec('create table accounts (plaid_user_id text, batch_user_id text, closed_at text)');
  const insert = accounts.prepare('insert into accounts values (?, ?, ?)');
  users.forEach(({ plaidId, batchId }, index) => insert.run(plaidId, batchId, CLOSED_AT[index] ?? ''));
  accounts.close();
  worker = await stage.startWorker();
});

afterAll(async () => {
  await worker.stop();
  await stage.close();
});

function show(): Promise<{ code: number | null; document: ScheduleDocument }> {
  return stage.run<ScheduleDocument>('schedule', 'show', NAME);
}

interface ScheduleRow {
  name: string;
  paused: boolean;
  lastStatus?: string;
}

/** The line of a schedule in the list, which lags behind the schedules a little, once it is so. */
function listed(name: string, holds: (row: ScheduleRow) => boolean = () => true): Promise<ScheduleRow> {
  return until(`${name} is listed`, async () => {
    const { document } = await stage.run<ScheduleRow[]>('schedule', 'list');
    return document.find((row) => row.name === name && holds(row));
  });
}

it('creates a Schedule of sweeps over a configured query, which shows what it will do', async () => {
  const created = await stage.run(
    'schedule',
    'create',
    NAME,
    '--cron',
    '0 3 * * *',
    '--source',
    'query:closed',
    '--reason',
    'CONSUMER_ACCOUNT_CLOSED',
    '--paused',
    '--pause-on-failure',
  );
  expect({ code: created.code, document: created.document }).toMatchObject({ code: 0 });
  const { code, document } = await show();
  expect(code).toBe(0);
  expect(document).toMatchObject({
    name: NAME,
    overlap: 'skip',
    paused: true,
    pauseOnFailure: true,
    skippedByOverlap: 0,
    started: 0,
    input: { source: { query: 'closed' }, reason: { code: 'CONSUMER_ACCOUNT_CLOSED' }, skipDone: true },
  });
  expect(document.nextRuns.every((time) => new Date(time).getUTCHours() === 3)).toBe(true);
  expect(await listed(NAME)).toMatchObject({ paused: true });
});

it('runs every missed night of a backfill, each with its own nominal time, and leaves out who was done before', async () => {
  const backfilled = await stage.run(
    'schedule',
    'backfill',
    NAME,
    '--from',
    '2024-03-01T00:00:00Z',
    '--to',
    '2024-03-04T00:00:00Z',
  );
  expect({ code: backfilled.code, document: backfilled.document }).toMatchObject({ code: 0 });
  const { lastRuns } = await until(
    'all nights have ended',
    async () => {
      const { document } = await show();
      return (
        document.lastRuns.length === 3 && document.lastRuns.every(({ status }) => status === 'completed') && document
      );
    },
    180_000,
  );
  expect(lastRuns.map(({ scheduledAt }) => new Date(scheduledAt).toISOString().replace('.000', ''))).toEqual(NIGHTS);
  const nights = await Promise.all(lastRuns.map(({ workflowId }) => stage.run('sweep', 'status', workflowId)));
  expect(
    nights.map(({ document: { counts } }) => ({
      total: counts?.total,
      accepted: counts?.accepted,
      skipped: counts?.skipped,
    })),
  ).toEqual([
    { total: 1, accepted: 1, skipped: 0 },
    { total: 2, accepted: 1, skipped: 1 },
    { total: 3, accepted: 1, skipped: 2 },
  ]);
  const { gone } = stage.simulators.plaid.state();
  expect([...gone].sort()).toEqual(users.map(({ plaidId }) => plaidId).sort());
});

it('refuses a backfill of more runs than Temporal keeps waiting, of which it would drop some', async () => {
  const period = ['--from', '1970-01-01T00:00:00Z', '--to', '2024-03-01T00:00:00Z'];
  const refused = await stage.run('schedule', 'backfill', NAME, ...period);
  expect(refused).toMatchObject({ code: 1, document: { error: { type: 'Conflict' } } });
  expect(refused.document.error?.message).toContain('Choose a shorter period');
  expect((await show()).document.started).toBe(3);
});

it('is triggered, resumed, paused with a note, and deleted', async () => {
  expect((await stage.run('schedule', 'resume', NAME)).code).toBe(0);
  expect((await show()).document.paused).toBe(false);
  expect((await stage.run('schedule', 'trigger', NAME)).code).toBe(0);
  await until('the triggered run has ended', async () => {
    const { document } = await show();
    return document.started === 4 && document.underWay.length === 0;
  });
  expect((await stage.run('schedule', 'pause', NAME, '--note', 'while we look')).code).toBe(0);
  expect((await show()).document).toMatchObject({ paused: true, note: 'while we look' });
  expect((await stage.run('schedule', 'delete', NAME)).code).toBe(0);
  const gone = await stage.run<SweepEnd>('schedule', 'show', NAME);
  expect(gone).toMatchObject({ code: 1, document: { error: { message: expect.stringContaining(NAME) as string } } });
});

const OPTIONS = ['--source', 'query:closed', '--reason', 'CONSUMER_ACCOUNT_CLOSED', '--paused'];

it.each([
  ['six fields', ['--cron', '0 0 3 * * *'], 'has six fields', '"0 3 * * *"'],
  ['a comment', ['--cron', '0 3 * * * # nightly'], 'must not contain "#"', '--note'],
  ['the third Friday of another program', ['--cron', '0 3 * * 5#3'], 'must not contain "#"', '5#3'],
  ['no time', ['--cron', ' '], 'must not be empty', '0 3 * * *'],
  ['no date', ['--cron', '0 3 30 2 *'], 'never runs', '0 3 30 2 *'],
  ['too few fields', ['--cron', '0 3 * *'], 'Temporal refuses it', '5-7 fields'],
])('refuses times with %s, and creates nothing', async (_, times, ...said) => {
  const refused = await stage.run('schedule', 'create', 'refused', ...times, ...OPTIONS);
  expect({ code: refused.code, error: refused.document.error }).toMatchObject({ code: 2, error: { field: 'cron' } });
  for (const text of said) expect(refused.document.error?.message).toContain(text);
  expect((await stage.run('schedule', 'show', 'refused')).code).toBe(1);
});

it.each([
  ['@daily', [], []],
  ['0 3 * * * 2099', [], []],
  ['30 2 * * *', ['--timezone', 'Europe/Paris'], ['02:30 does not exist on', '02:30 occurs twice on']],
  ['30 2 * * 3', ['--timezone', 'Europe/Paris'], []],
  ['0 4 * * *', ['--timezone', 'Europe/Paris'], []],
  ['15 * * * *', ['--timezone', 'Europe/Paris'], []],
])('takes %s and warns only about times that do not exist or occur twice', async (cron, more, warnings) => {
  const name = `times-${Math.random()}`;
  const { code, stderr } = await stage.run('schedule', 'create', name, '--cron', cron, ...more, ...OPTIONS);
  expect(code).toBe(0);
  for (const warning of warnings) expect(stderr).toContain(warning);
  if (warnings.length === 0) expect(stderr).not.toContain('Warning');
  expect((await stage.run<ScheduleDocument>('schedule', 'show', name)).document.times).toEqual([cron]);
  await stage.run('schedule', 'delete', name);
});

it('refuses a query that no live worker has, and says which there are', async () => {
  const refused = await stage.run(
    'schedule',
    'create',
    'unknown',
    '--cron',
    '0 3 * * *',
    '--source',
    'query:closed_accounts',
    '--reason',
    'OTHER',
    '--paused',
  );
  expect({ code: refused.code, error: refused.document.error }).toMatchObject({
    code: 2,
    error: { type: 'Task.InvalidInput', field: 'source' },
  });
  expect(refused.document.error?.message).toMatch(/closed_accounts; known: closed\./);
  expect((await stage.run('schedule', 'show', 'unknown')).code).toBe(1);
});

it('says how the last run ended and why, in the list and by name', async () => {
  const created = await stage.run(
    'schedule',
    'create',
    'broken',
    '--cron',
    '0 3 * * *',
    '--source',
    'file:missing.csv',
    '--reason',
    'OTHER',
    '--pause-on-failure',
  );
  expect(created.stderr).toContain('When a run fails, the schedule is paused');
  expect((await stage.run('schedule', 'trigger', 'broken')).code).toBe(0);
  const { document } = await until('the run has failed', async () => {
    const shown = await stage.run<ScheduleDocument>('schedule', 'show', 'broken');
    return shown.document.lastRuns[0]?.status === 'failed' && shown.document.paused && shown;
  });
  expect(document.lastRuns).toEqual([
    expect.objectContaining({ status: 'failed', why: expect.stringContaining('source.file') as string }),
  ]);
  expect(await listed('broken', ({ paused, lastStatus }) => paused && lastStatus === 'failed')).toMatchObject({
    lastWhy: expect.stringContaining('source.file') as string,
  });
  const shown = await stage.begin('schedule', 'show', 'broken').ended;
  expect(shown.stdout).toMatch(/failed: /);
  expect(shown.stdout).toContain('no user is offboarded until it is resumed');
});
