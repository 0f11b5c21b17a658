import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { failureOfRun, until } from '../support/offboarding-runs';
import { connectClient, freshTaskQueue, temporalAddress } from '../support/temporal';
import { runJson, startCli } from './run-cli';
import type { CliEnv, RunningCli } from './run-cli';

// What the README says a legal team sets: the worker's ledger and its key, and nothing about the providers.
let desk: { HTTP_TASKS_LEDGER_URL: string; HTTP_TASKS_SUBJECT_KEY: string };
let simulators: Simulators;
let client: Client;
let worker: RunningCli;
let taskQueue: string;

const SUBJECT_KEY = 'canary-subject-key-0002';
const hasher = createSubjectHasher(SUBJECT_KEY);

beforeAll(async () => {
  simulators = await startSimulators({
    plaid: { clientId: 'canary-client', secret: 'canary-plaid-secret' },
    batch: { restApiKey: 'canary-rest-key' },
  });
  client = await connectClient();
  taskQueue = freshTaskQueue('hold-in-production');
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-hold-'));
  desk = { HTTP_TASKS_LEDGER_URL: `file:${join(folder, 'ledger.db')}`, HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY };
  const ledger = await openLedger({ url: desk.HTTP_TASKS_LEDGER_URL, subjectKey: SUBJECT_KEY });
  for (const id of ['old-1', 'old-2'])
    await ledger.addHold({ holdId: id, subjects: [hasher.subject('plaid', 'sandbox', id)] });
  await ledger.close();
  worker = startCli(['worker'], {
    ...desk,
    TEMPORAL_ADDRESS: temporalAddress(),
    HTTP_TASKS_TASK_QUEUE: taskQueue,
    HTTP_TASKS_ALLOW_SENSITIVE: 'access_token',
    PLAID_ENV: 'production',
    PLAID_BASE_URL: simulators.plaid.url,
    PLAID_CLIENT_ID: simulators.plaid.clientId,
    PLAID_SECRET: simulators.plaid.secret,
    BATCH_BASE_URL: simulators.batch.url,
    BATCH_REST_API_KEY: simulators.batch.restApiKey,
    BATCH_API_KEYS: Object.entries(simulators.batch.appKeys)
      .map(([name, key]) => `${name}=${key}`)
      .join(','),
  });
  await worker.printed('RUNNING');
});

afterAll(async () => {
  await worker.stop();
  await client.connection.close();
  await simulators.close();
});

function newUser(): string {
  const plaidUserId = `usr_${randomUUID()}`;
  simulators.plaid.seed({ users: [{ userId: plaidUserId, items: [`item-${plaidUserId}`] }] });
  return plaidUserId;
}

async function offboard(plaidUserId: string): Promise<OffboardResult> {
  const input = { user: { plaidUserId }, reason: { code: 'USER_OFFBOARDING' } };
  return client.workflow.execute('offboardUser', {
    taskQueue,
    workflowId: `run-${randomUUID()}`,
    args: [input],
  }) as Promise<OffboardResult>;
}

async function holdAdd(...args: string[]): Promise<void> {
  expect((await runJson(['hold', 'add', ...args], desk)).code).toBe(0);
}

const gone = (): string[] => [...simulators.plaid.state().gone, ...simulators.plaid.state().touched];

it('is obeyed by a worker in production when it was set with the ledger and its key only', async () => {
  const plaidUserId = newUser();
  await holdAdd('--plaid-user-id', plaidUserId, '--reason', 'case 2031');
  const { document } = await runJson<{ held: boolean }>(['hold', 'check', '--plaid-user-id', plaidUserId], desk);
  expect(document.held).toBe(true);
  const person = {
    ...desk,
    TEMPORAL_ADDRESS: temporalAddress(),
    HTTP_TASKS_TASK_QUEUE: taskQueue,
    PLAID_ENV: 'production',
  };
  const refused = await runJson<OffboardResult>(
    ['offboard', '--plaid-user-id', plaidUserId, '--reason', 'USER_OFFBOARDING', '--yes'],
    person,
  );
  expect({ code: refused.code, status: refused.document.status }).toEqual({ code: 1, status: 'held' });
  expect(gone()).not.toContain(plaidUserId);

  await runJson(['hold', 'remove', '--plaid-user-id', plaidUserId], desk);
  expect((await offboard(plaidUserId)).status).toBe('completed');
  expect(gone()).toContain(plaidUserId);
});

it('is obeyed by a sweep in production', async () => {
  const [held, free] = [newUser(), newUser()];
  await holdAdd('--plaid-user-id', held);
  const input = {
    source: { inline: [{ plaidUserId: held }, { plaidUserId: free }] },
    reason: { code: 'USER_OFFBOARDING' },
  };
  await client.workflow.execute('offboardUsers', { taskQueue, workflowId: `sweep-${randomUUID()}`, args: [input] });
  expect(gone()).toContain(free);
  expect(gone()).not.toContain(held);
});

it('in the other environment only is not obeyed, and hold check says so', async () => {
  const plaidUserId = newUser();
  await holdAdd('--plaid-user-id', plaidUserId, '--environment', 'sandbox');
  const { document } = await runJson<{ held: boolean }>(
    ['hold', 'check', '--plaid-user-id', plaidUserId, '--environment', 'production'],
    desk,
  );
  expect(document.held).toBe(false);
  expect((await offboard(plaidUserId)).status).toBe('completed');
});

it('on an access token stops the removal of its Item', async () => {
  const accessToken = `access-production-${randomUUID()}`;
  await holdAdd('--plaid-access-token', accessToken);
  const input = { task: 'plaid.itemRemove', input: { access_token: accessToken } };
  const failure = await failureOfRun(
    client.workflow.execute('runHttpTask', { taskQueue, workflowId: `item-${randomUUID()}`, args: [input] }),
  );
  expect(failure.type).toBe('Task.Held');
});

it('leaves receipts and runs that the id finds without a setting of the environment', async () => {
  const plaidUserId = newUser();
  await offboard(plaidUserId);
  const receipts = await runJson<{ step: string; environment: string }[]>(['receipts', plaidUserId], desk);
  expect(receipts.document).toContainEqual(
    expect.objectContaining({ step: 'plaid.items', environment: 'production', outcome: 'removed' }),
  );
  const env: CliEnv = { ...desk, TEMPORAL_ADDRESS: temporalAddress() };
  let runs: { status: string }[] = [];
  await until('the run is listed as ended', async () => {
    const { document } = await runJson<typeof runs>(['list-runs', '--user', plaidUserId], env);
    runs = document;
    return runs.length === 1 && runs.every(({ status }) => status !== 'running');
  });
  expect(runs).toEqual([expect.objectContaining({ environment: 'production', status: 'completed' })]);
});

it('of version 0.1.0 is counted in the log of a worker that starts', () => {
  const line = worker
    .stderrSoFar()
    .split('\n')
    .find((text) => text.includes('unknown environment'));
  expect(JSON.parse(line ?? 'null')).toMatchObject({
    level: 40,
    holds: 2,
    msg: expect.stringContaining('2 holds of this ledger cover one unknown environment only') as string,
  });
});
