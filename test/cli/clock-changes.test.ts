import { join } from 'node:path';
import Database from 'libsql';
import type { ScheduleDocument } from '@temporal-http-tasks/cli/internal/schedule/document';
import type { RunningCli } from './run-cli';
import { openStage, until } from './sweep-stage';
import type { StageUser, SweepStage } from './sweep-stage';

jest.setTimeout(300_000);

/** The worked query of docs/sweeps.md, for libSQL. */
const QUERY = `select plaid_user_id, batch_user_id, closed_at from accounts
  where closed_at >= strftime('%Y-%m-%dT%H:%M:%fZ', :previousScheduledTime, '-1 hour') and closed_at < :scheduledTime
  order by closed_at, plaid_user_id`;

/** In March there is no 02:30 on the 29th in Paris; in October there are two on the 25th. */
const SEASONS = {
  spring: {
    from: '2026-03-27T00:00:00Z',
    to: '2026-03-31T12:00:00Z',
    closedAt: [
      '2026-03-26T20:00:00.000Z',
      '2026-03-27T12:00:00.000Z',
      '2026-03-28T12:00:00.000Z',
      '2026-03-29T12:00:00.000Z',
      '2026-03-30T12:00:00.000Z',
    ],
  },
  autumn: {
    from: '2026-10-23T00:00:00Z',
    to: '2026-10-27T12:00:00Z',
    closedAt: [
      '2026-10-22T12:00:00.000Z',
      '2026-10-23T12:00:00.000Z',
      '2026-10-24T01:00:00.000Z',
      '2026-10-25T00:45:00.000Z',
      '2026-10-26T12:00:00.000Z',
    ],
  },
};

let stage: SweepStage;
let worker: RunningCli;
let database: Database.Database;

beforeAll(async () => {
  stage = await openStage(({ folder }) => ({
    HTTP_TASKS_SOURCE_CLOSED_URL: `file:${join(folder, 'accounts.db')}`,
    HTTP_TASKS_SOURCE_CLOSED_QUERY: QUERY,
  }));
  database = new Database(join(stage.folder, 'accounts.db'));
  database.exec('create table accounts (plaid_user_id text, batch_user_id text, closed_at text)');
  worker = await stage.startWorker();
});

afterAll(async () => {
  await worker.stop();
  database.close();
  await stage.close();
});

function close({ plaidId, batchId }: StageUser, closedAt: string): void {
  database.prepare('insert into accounts values (?, ?, ?)').run(plaidId, batchId, closedAt);
}

async function create(name: string): Promise<void> {
  const options = [
    '--cron',
    '30 2 * * *',
    '--timezone',
    'Europe/Paris',
    '--source',
    'query:closed',
    '--reason',
    'CONSUMER_ACCOUNT_CLOSED',
    '--paused',
  ];
  expect((await stage.run('schedule', 'create', name, ...options)).code).toBe(0);
}

/** Runs the nights of a time that is over, to their end. */
async function backfill(name: string, from: string, to: string): Promise<ScheduleDocument['lastRuns']> {
  const before = (await stage.run<ScheduleDocument>('schedule', 'show', name)).document.started;
  const { code, document } = await stage.run<{ runs: number }>(
    'schedule',
    'backfill',
    name,
    '--from',
    from,
    '--to',
    to,
  );
  expect(code).toBe(0);
  return until(
    'all nights have ended',
    async () => {
      const { started, underWay, waiting, lastRuns } = (await stage.run<ScheduleDocument>('schedule', 'show', name))
        .document;
      return (
        started === before + document.runs && underWay.length === 0 && waiting === 0 && lastRuns.slice(-document.runs)
      );
    },
    240_000,
  );
}

it.each(['spring', 'autumn'] as const)('leaves out no user where the clocks change in %s', async (season) => {
  const { from, to, closedAt } = SEASONS[season];
  database.exec('delete from accounts');
  const users = stage.newUsers(closedAt.length);
  users.forEach((user, index) => close(user, closedAt[index] ?? ''));
  await create(season);
  const runs = await backfill(season, from, to);
  expect(runs.every(({ status }) => status === 'completed')).toBe(true);
  const { gone } = stage.simulators.plaid.state();
  expect(gone).toEqual(expect.arrayContaining(users.map(({ plaidId }) => plaidId)));
});

it('reads a night again that failed, and one that was skipped', async () => {
  database.exec('delete from accounts');
  const name = 'interrupted';
  await create(name);
  const users = stage.newUsers(4);
  users.forEach((user, index) => close(user, `2026-05-0${index + 1}T12:00:00.000Z`));
  await backfill(name, '2026-05-02T00:00:00Z', '2026-05-02T12:00:00Z');
  // The second user cannot be done at first, so that the night is not over; the third night never runs.
  const second = users[1]?.plaidId ?? '';
  stage.simulators.plaid.faults.add({ endpoint: 'userProductsTerminate', user: second, kind: 'unknownErrorCode' });
  const [failed] = await backfill(name, '2026-05-03T00:00:00Z', '2026-05-03T12:00:00Z');
  expect(failed?.status).not.toBe('completed');
  stage.simulators.plaid.faults.remove();
  const [last] = await backfill(name, '2026-05-05T00:00:00Z', '2026-05-05T12:00:00Z');
  expect(last?.status).toBe('completed');
  const { gone } = stage.simulators.plaid.state();
  expect(gone).toEqual(expect.arrayContaining(users.map(({ plaidId }) => plaidId)));
  expect((await stage.run('sweep', 'status', last?.workflowId ?? '')).document.counts).toMatchObject({
    total: 3,
    accepted: 3,
  });
});
