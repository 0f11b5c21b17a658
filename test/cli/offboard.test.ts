import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { connectClient, freshTaskQueue, temporalAddress } from '../support/temporal';
import { oneDocument, runCli, runJson, startCli } from './run-cli';
import type { CliEnv, Refused, RunningCli } from './run-cli';

const SUBJECT_KEY = 'canary-subject-key-0001';
const hasher = createSubjectHasher(SUBJECT_KEY);
const REASON = ['--reason', 'USER_OFFBOARDING'];

let simulators: Simulators;
let client: Client;
let worker: RunningCli;
/** Of the person at the command line: no key of any provider. */
let person: CliEnv;

beforeAll(async () => {
  simulators = await startSimulators({
    plaid: { clientId: 'canary-client', secret: 'canary-plaid-secret' },
    batch: { restApiKey: 'canary-rest-key' },
  });
  client = await connectClient();
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-offboard-'));
  person = {
    TEMPORAL_ADDRESS: temporalAddress(),
    HTTP_TASKS_TASK_QUEUE: freshTaskQueue('cli'),
    HTTP_TASKS_LEDGER_URL: `file:${join(folder, 'ledger.db')}`,
    HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
  };
  worker = startCli(['worker'], {
    ...person,
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
  await client.connection.close();
  await simulators.close();
});

/** A user of its own for each test, so that none sees another's run. */
function newUser(items = ['a', 'b']): { plaidId: string; batchId: string; workflowId: string; ids: string[] } {
  const name = randomUUID();
  const plaidId = `usr_${name}`;
  simulators.plaid.seed({ users: [{ userId: plaidId, items: items.map((item) => `item-${item}-${name}`) }] });
  simulators.batch.seed({ users: [name] });
  const workflowId = `offboard-${hasher.subject('plaid', 'sandbox', plaidId)}`;
  return { plaidId, batchId: name, workflowId, ids: ['--plaid-user-id', plaidId, '--batch-user-id', name] };
}

describe('offboard', () => {
  it('says which IDs are unlikely, and takes them as they are', async () => {
    const ids = ['--plaid-user-id', 'usr_undefined', '--batch-user-id', 'null', '--item-ids', 'a, b,N/A'];
    const { code, stderr } = await runJson(['offboard', ...ids, ...REASON, '--dry-run'], person);
    expect(code).toBe(1);
    expect(stderr).toContain('Check the ID: user.plaidUserId is a placeholder and not an ID. It is taken as it is.');
    expect(stderr).toContain('Check the ID: user.batchUserId is a placeholder and not an ID.');
    expect(stderr).toContain('Check the ID: itemIds begins or ends with white space');
    expect(stderr).toContain('Check the ID: itemIds is a placeholder');
    const input = JSON.stringify({
      user: { ids: { batch: { userId: ' 1001' } } },
      reason: { code: 'OTHER' },
      dryRun: true,
    });
    const fromInput = await runJson(['offboard', '--input', input], person);
    expect(fromInput.stderr).toContain('Check the ID: user.ids.batch.userId begins or ends with white space');
    const likely = await runJson(['offboard', ...newUser().ids, ...REASON, '--dry-run'], person);
    expect(likely.stderr).not.toContain('Check the ID');
  });

  it('offboards a user and prints the whole result, with exit 0', async () => {
    const user = newUser();
    const { code, document, stderr } = await runJson<OffboardResult>(['offboard', ...user.ids, ...REASON], person);
    expect(code).toBe(0);
    expect(document).toEqual({
      workflowId: user.workflowId,
      runId: expect.any(String),
      status: 'completed',
      steps: [
        expect.objectContaining({
          step: 'plaid.items',
          task: 'plaid.userItemsRemove',
          outcome: 'removed',
          requestId: expect.any(String),
        }),
        expect.objectContaining({ step: 'plaid.products', task: 'plaid.userProductsTerminate', outcome: 'removed' }),
        expect.objectContaining({
          step: 'batch.ios',
          task: 'batch.customDataDelete',
          outcome: 'accepted',
          token: expect.any(String),
        }),
        expect.objectContaining({ step: 'batch.android', outcome: 'accepted', token: expect.any(String) }),
      ],
      compensations: [],
    });
    expect(simulators.plaid.state().gone).toContain(user.plaidId);
    expect(stderr).not.toContain(user.plaidId);
  });

  it('leaves receipts that the workflow id, its last part and the raw ids find', async () => {
    const user = newUser();
    const { document } = await runJson<OffboardResult>(['offboard', ...user.ids, ...REASON], person);
    const byWorkflow = await runJson<Record<string, unknown>[]>(['receipts', user.workflowId], person);
    expect(byWorkflow.document.map(({ step, outcome }) => [step, outcome])).toEqual(
      document.steps.map(({ step, outcome }) => [step, outcome]),
    );
    for (const id of [user.workflowId.slice('offboard-'.length), user.plaidId]) {
      expect((await runJson(['receipts', id], person)).document).toEqual(byWorkflow.document);
    }
    const attempts = await runJson<{ phase: string }[]>(['receipts', user.workflowId, '--attempts'], person);
    expect(new Set(attempts.document.map(({ phase }) => phase))).toEqual(new Set(['intent', 'outcome', 'settled']));
  });

  it('only looks in a dry run, under an id of its own', async () => {
    const user = newUser();
    const { code, document } = await runJson<OffboardResult>(['offboard', ...user.ids, ...REASON, '--dry-run'], person);
    expect({ code, status: document.status, workflowId: document.workflowId }).toEqual({
      code: 0,
      status: 'completed',
      workflowId: user.workflowId.replace('offboard-', 'offboard-dry-'),
    });
    expect(simulators.plaid.state().touched).not.toContain(user.plaidId);
  });

  it('ends with exit 1 and a compensation log when a step failed and another was good', async () => {
    const user = newUser();
    simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      user: user.plaidId,
      kind: 'unknownErrorCode',
      errorType: 'INVALID_REQUEST',
      errorCode: 'NOT_TODAY',
      status: 400,
    });
    const { code, document } = await runJson<OffboardResult>(['offboard', ...user.ids, ...REASON], person);
    expect({ code, status: document.status }).toEqual({ code: 1, status: 'partial' });
    expect(document.steps.find(({ step }) => step === 'plaid.products')).toMatchObject({
      outcome: 'failed',
      failure: { type: 'Task.Rejected', service: 'plaid', status: 400, code: 'NOT_TODAY', message: expect.any(String) },
    });
    expect(document.compensations.map(({ step }) => step)).toContain('plaid.items');
    expect(document.compensations.every(({ remedy }) => remedy.length > 0)).toBe(true);
  });

  it('prints the result of a run that failed, with exit 1', async () => {
    const name = randomUUID();
    simulators.batch.seed({ users: [name] });
    simulators.batch.faults.add({ endpoint: 'customDataDelete', user: name, kind: 'unauthorized' });
    const { code, document } = await runJson<OffboardResult>(['offboard', '--batch-user-id', name, ...REASON], person);
    expect({ code, status: document.status }).toEqual({ code: 1, status: 'failed' });
    expect(document.steps.filter(({ outcome }) => outcome === 'failed').map(({ failure }) => failure?.type)).toEqual([
      'Task.Unauthorized',
      'Task.Unauthorized',
    ]);
    expect(document.compensations).not.toEqual([]);
  });

  it('is held while a hold names any of the ids', async () => {
    const user = newUser();
    await runJson(['hold', 'add', '--batch-user-id', user.batchId], person);
    const { code, document } = await runJson<OffboardResult>(['offboard', ...user.ids, ...REASON], person);
    expect({ code, status: document.status }).toEqual({ code: 1, status: 'held' });
    expect(simulators.plaid.state().touched).not.toContain(user.plaidId);
  });

  it('prints a table, the status and where the receipts are, for people', async () => {
    const user = newUser();
    const { code, stdout, stderr } = await runCli(['offboard', ...user.ids, ...REASON], person);
    expect(code).toBe(0);
    expect(stdout).toMatch(/plaid\.items\s+│ removed\s+│ request_id=/);
    expect(stdout).toContain('Status: completed');
    expect(stderr).toContain(`Started ${user.workflowId}.`);
    expect(stderr).toContain(`http-tasks receipts ${user.workflowId}`);
  });
});

describe('a run in progress', () => {
  /** Its Items stay listed, so that it waits. */
  const slow = { readLag: { ms: 120_000, reads: 0 } };

  beforeEach(() => simulators.plaid.configure(slow));
  afterEach(() => simulators.plaid.configure({ readLag: { ms: 0, reads: 0 } }));

  it('is joined with the same input, refused with another, and reported when it is cancelled', async () => {
    const user = newUser();
    const words = ['offboard', ...user.ids, ...REASON];
    const first = startCli([...words, '--json'], person);
    await untilWaiting(user.plaidId);

    const other = await runJson<Refused>([...words, '--note', 'another wish'], person);
    expect({ code: other.code, type: other.document.error.type }).toEqual({ code: 1, type: 'Conflict' });

    const second = startCli(words, person);
    await second.printed('already in progress');
    await client.workflow.getHandle(user.workflowId).cancel();
    const ends = await Promise.all([first.ended, second.ended]);
    const document = oneDocument<OffboardResult>(ends[0].stdout);
    expect(ends.map(({ code }) => code)).toEqual([1, 1]);
    expect(document).toMatchObject({ workflowId: user.workflowId, status: 'cancelled' });
    expect(document.compensations.map(({ step }) => step)).toContain('plaid.items');
    expect(ends[1].stdout).toContain('Status: cancelled');
  });

  it('continues after Ctrl-C, which says how to see it again', async () => {
    const user = newUser();
    const running = startCli(['offboard', ...user.ids, ...REASON, '--json'], person);
    await untilWaiting(user.plaidId);
    const { code, stdout } = await running.stop('SIGINT');
    const { error } = oneDocument<Refused>(stdout);
    expect({ code, type: error.type }).toEqual({ code: 1, type: 'Interrupted' });
    expect(error.message).toContain(`http-tasks receipts ${user.workflowId}`);
    const handle = client.workflow.getHandle(user.workflowId);
    expect((await handle.describe()).status.name).toBe('RUNNING');
    await handle.terminate();
  });

  it('that is terminated is reported as such, with exit 1', async () => {
    const user = newUser();
    const running = startCli(['offboard', ...user.ids, ...REASON, '--json'], person);
    await untilWaiting(user.plaidId);
    await client.workflow.getHandle(user.workflowId).terminate();
    const { code, stdout } = await running.ended;
    expect({ code, type: oneDocument<Refused>(stdout).error.type }).toEqual({ code: 1, type: 'RunEnded' });
  });

  it('that is terminated during a call leaves a receipt which says that its outcome is unknown', async () => {
    const user = newUser();
    simulators.plaid.faults.add({ endpoint: 'userItemsRemove', user: user.plaidId, kind: 'stall' });
    const running = startCli(['offboard', ...user.ids, ...REASON, '--json'], person);
    await untilWaiting(user.plaidId);
    await client.workflow.getHandle(user.workflowId).terminate();
    await running.ended;
    const { code, document } = await runJson<{ task: string; outcome: string }[]>(
      ['receipts', user.workflowId],
      person,
    );
    expect({ code, receipts: document.map(({ task, outcome }) => [task, outcome]) }).toEqual({
      code: 0,
      receipts: [
        ['plaid.userItemsGet', 'read'],
        ['plaid.userItemsRemove', 'unknown'],
      ],
    });
  });

  /** Until the removal was processed: from then on the run only looks again. */
  async function untilWaiting(plaidId: string): Promise<void> {
    while (!simulators.plaid.state().touched.includes(plaidId)) await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

describe('a refusal by the worker', () => {
  it("of a user's token in a plain history exits 2 and names the field, not the token", async () => {
    const { code, document, stderr } = await runJson<Refused>(
      ['offboard', '--plaid-user-token', 'user-sandbox-canary', ...REASON],
      person,
    );
    expect({ code, type: document.error.type, field: document.error.field }).toEqual({
      code: 2,
      type: 'Task.InvalidInput',
      field: 'user.plaidUserToken',
    });
    expect(JSON.stringify(document) + stderr).not.toContain('canary');
  });
});

describe('without a worker on the queue', () => {
  it.each([
    ['offboard', ['offboard', '--batch-user-id', '1', ...REASON]],
    ['call --durable', ['call', 'plaid.userItemsGet', '--input', '{"user_id":"usr_1"}', '--durable']],
  ])('%s says so, starts nothing and exits 1', async (_, words) => {
    const queue = freshTaskQueue('empty');
    const { code, document } = await runJson<Refused>(words, { ...person, HTTP_TASKS_TASK_QUEUE: queue });
    expect({ code, type: document.error.type }).toEqual({ code: 1, type: 'NoWorker' });
    expect(document.error.message).toContain(queue);
  });
});

describe('call --durable', () => {
  it('runs the task on the worker, with the keys that only the worker has', async () => {
    const user = newUser(['only']);
    const { code, document } = await runJson(
      ['call', 'plaid.userItemsGet', '--input', JSON.stringify({ user_id: user.plaidId }), '--durable'],
      person,
    );
    expect(code).toBe(0);
    expect(document).toMatchObject({
      ok: true,
      status: 200,
      output: { items: [{ item_id: `item-only-${user.batchId}` }] },
      requestId: expect.any(String),
    });
  });

  it("reports the task's failure with exit 1", async () => {
    const { code, document } = await runJson(
      ['call', 'plaid.userItemsGet', '--input', '{"user_id":"usr_nobody"}', '--durable'],
      person,
    );
    expect(code).toBe(1);
    expect(document).toMatchObject({
      ok: false,
      status: 400,
      failure: { type: 'Task.Rejected', service: 'plaid', code: 'USER_NOT_FOUND' },
    });
  });

  it('asks before an irreversible task too', async () => {
    const { code, document } = await runJson<Refused>(
      ['call', 'plaid.userRemove', '--input', '{"user_id":"usr_1"}', '--durable'],
      person,
    );
    expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'yes' });
  });
});

describe('the worker', () => {
  it('ends by Ctrl-C with exit 0, has logged to stderr alone, and no secret or id', async () => {
    const user = newUser();
    await runJson(['offboard', ...user.ids, ...REASON], person);
    const { code, stdout, stderr } = await worker.stop('SIGINT');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('"msg":"polling"');
    expect(stderr).not.toMatch(/canary/);
    expect(stderr).not.toContain(user.batchId);
  });
});
