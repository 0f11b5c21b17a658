import { openSweepPlace } from '../support/sweep-runs';
import type { SweepPlace } from '../support/sweep-runs';
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

/** Visibility lags behind the runs a little. */
async function untilListed(count: number, ...args: string[]): Promise<Run[]> {
  let runs: Run[] = [];
  await until(`${count} runs are listed`, async () => (runs = await listRuns(...args)).length === count);
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
  // It stands under its first id only.
  expect(await listRuns('--user', batchUserId)).toEqual([]);
  const { workflowId: atBatch } = await offboard(place, { user: { batchUserId } });
  expect(await untilListed(1, '--user', batchUserId)).toEqual([expect.objectContaining({ workflowId: atBatch })]);
});

it("finds a sweep together with its users' runs, by how they stand", async () => {
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

it.each([
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
