import { openSweepPlace } from '../support/sweep-runs';
import type { SweepPlace } from '../support/sweep-runs';
import { freshId } from '../support/offboarding';
import { offboard, seedUser, until } from '../support/offboarding-runs';
import { temporalAddress } from '../support/temporal';
import { freshNamespace } from '../support/namespaces';
import { runCli } from './run-cli';

interface Run {
  workflowId: string;
  workflowType: string;
  status: string;
  temporalStatus: string;
  sweepId?: string;
  subject?: string;
  dueAt?: string;
  counts?: Record<string, number>;
}

let place: SweepPlace;

beforeAll(async () => {
  place = await openSweepPlace();
  await place.startWorker();
});

afterAll(() => place.close());

async function listRuns(...args: string[]): Promise<Run[]> {
  const { code, stdout, stderr } = await runCli(['list-runs', ...args, '--json'], {
    ...place.env,
    TEMPORAL_ADDRESS: temporalAddress(),
  });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Run[];
}

/** Visibility lags behind the runs a little, all of which have ended. */
async function untilListed(count: number, ...args: string[]): Promise<Run[]> {
  let runs: Run[] = [];
  await until(`${count} runs are listed as ended`, async () => {
    runs = await listRuns(...args);
    return runs.length === count && runs.every(({ temporalStatus }) => temporalStatus !== 'RUNNING');
  });
  return runs;
}

it("finds a user's runs by an id at either provider, and by the keyed hash, without naming the id", async () => {
  const { user, plaidUserId, batchUserId } = seedUser(place);
  const { workflowId } = await offboard(place, { user });
  const subject = place.hasher.subject('plaid', 'sandbox', plaidUserId);
  const expected = {
    workflowId,
    workflowType: 'offboardUser',
    status: 'completed',
    temporalStatus: 'COMPLETED',
    subject,
  };
  expect(await untilListed(1, '--user', plaidUserId)).toEqual([
    expect.objectContaining({ ...expected, environment: 'sandbox' }),
  ]);
  const table = await runCli(['list-runs', '--user', plaidUserId], {
    ...place.env,
    TEMPORAL_ADDRESS: temporalAddress(),
    PLAID_ENV: 'production',
  });
  expect(table.stdout).toMatch(/Environment[^]*sandbox/);
  expect(await listRuns('--subject', subject, '--status', 'completed')).toEqual([expect.objectContaining(expected)]);
  expect(await listRuns('--subject', subject, '--status', 'partial')).toEqual([]);
  // It is listed under its first id only.
  expect(await listRuns('--user', batchUserId)).toEqual([]);
  const { workflowId: atBatch } = await offboard(place, { user: { batchUserId } });
  expect(await untilListed(1, '--user', batchUserId)).toEqual([expect.objectContaining({ workflowId: atBatch })]);
});

it("finds a sweep together with its users' runs, by status", async () => {
  const handle = await place.start({ source: { file: await place.users(3) }, granularity: 'user' });
  await handle.result();
  const sweepId = handle.workflowId;
  const runs = await untilListed(4, '--sweep', sweepId, '--status', 'completed');
  expect(runs.filter(({ workflowType }) => workflowType === 'offboardUsers')).toEqual([
    expect.objectContaining({ workflowId: sweepId, sweepId }),
  ]);
  for (const run of runs) expect(run.sweepId).toBe(sweepId);
  const people = await runCli(['list-runs', '--sweep', sweepId, '--limit', '2'], {
    ...place.env,
    TEMPORAL_ADDRESS: temporalAddress(),
  });
  expect(people.stdout).toContain('completed');
  expect(people.stderr).toContain('There may be more than these 2; see --limit.');
});

it('shows of a sweep that failed how many of its users are done, and how many need attention', async () => {
  const [good, bad] = [freshId('usr'), freshId('usr')];
  place.simulators.plaid.seed({ users: [{ userId: good, items: ['item-1'] }] });
  const users = [good, bad].map((plaidUserId) => ({ plaidUserId }));
  const handle = await place.start({ source: { inline: users }, granularity: 'chunk' });
  await handle.result().catch(() => undefined);
  const sweepId = handle.workflowId;
  const [run] = await untilListed(1, '--sweep', sweepId);
  expect(run?.counts).toMatchObject({ total: 2, removed: 1, notFound: 1 });
  const env = { ...place.env, TEMPORAL_ADDRESS: temporalAddress() };
  expect((await runCli(['list-runs', '--sweep', sweepId], env)).stdout).toMatch(/2 of 2 users[^]*1 needs attention/);
  const without = { ...env, HTTP_TASKS_LEDGER_URL: undefined };
  const unknown = await runCli(['list-runs', '--sweep', sweepId, '--json'], without);
  const { counts: _counts, ...rest } = run!;
  expect(JSON.parse(unknown.stdout)).toEqual([rest]);
});

describe('by due date', () => {
  it('finds runs before a day or a moment, done ones too, and those past it that have not completed', async () => {
    const [done, later] = [seedUser(place), seedUser(place)];
    const { workflowId } = await offboard(place, { user: done.user, dueAt: '2020-02-03' });
    await offboard(place, { user: later.user, dueAt: '2032-06-01T12:00:00Z' });
    const unknown = { plaidUserId: freshId('usr') };
    await offboard(place, { user: unknown, dueAt: '2020-02-04' }).catch(() => undefined);
    const [byUser, ofLater] = [
      ['--user', done.plaidUserId],
      ['--user', later.plaidUserId],
    ];
    // A day counts to its end.
    expect(await untilListed(1, ...byUser, '--due-before', '2020-02-04')).toMatchObject([
      { workflowId, status: 'completed', dueAt: '2020-02-03T23:59:59.000Z' },
    ]);
    expect(await listRuns(...byUser, '--due-before', '2020-02-03')).toEqual([]);
    expect(await listRuns(...byUser, '--due-before', '2020-02-04T00:59:59+01:00')).toEqual([]);
    expect(await untilListed(1, ...ofLater, '--due-before', '2032-06-01T12:00:01Z')).toHaveLength(1);
    expect(await listRuns(...ofLater, '--due-before', '2032-06-01T12:00:00Z')).toEqual([]);
    expect(await untilListed(1, '--user', unknown.plaidUserId, '--overdue')).toMatchObject([
      { dueAt: '2020-02-04T23:59:59.000Z' },
    ]);
    expect(await listRuns(...byUser, '--overdue')).toEqual([]);
    expect(await listRuns(...ofLater, '--overdue')).toEqual([]);
    const before = (await listRuns('--due-before', '2020-02-05')).map(({ dueAt = '' }) => dueAt);
    expect(before.length).toBeGreaterThanOrEqual(2);
    expect(before.every((dueAt) => dueAt !== '' && dueAt < '2020-02-05')).toBe(true);
    const table = await runCli(['list-runs', ...byUser], { ...place.env, TEMPORAL_ADDRESS: temporalAddress() });
    expect(table.stdout).toMatch(/Due[^]*2020/);
  });
});

it.each([
  [['--due-before', 'tomorrow'], '--due-before must be a day such as 2026-03-28'],
  [['--due-before', '2026-02-30'], '--due-before must be a day such as 2026-03-28'],
  [['--due-before', '2026-03-28', '--overdue'], 'not both'],
  [['--status', 'done'], '--status must be one of running, waitingForPerson, waitingForApproval'],
  [['--subject', 'usr_1'], '--subject is not a keyed hash'],
  [['--user', ''], '--user must not be empty'],
  [['--user', 'usr_1', '--subject', 'usr_1'], 'not both'],
])('refuses %j', async (args, message) => {
  const { code, stdout } = await runCli(['list-runs', ...args, '--json'], place.env);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ error: { message: expect.stringContaining(message) as string } });
});

it('takes any text for the id of a sweep', async () => {
  expect(await listRuns('--sweep', `it's "a" \\ sweep' OR OffboardingStatus = 'completed`)).toEqual([]);
});

it('says what is missing in a namespace without the attributes', async () => {
  const namespace = await freshNamespace(place.client);
  const { code, stderr } = await runCli(['list-runs', '--namespace', namespace], {
    TEMPORAL_ADDRESS: temporalAddress(),
  });
  expect(code).toBe(1);
  expect(stderr).toContain('This namespace cannot be searched');
});
