import { randomBytes } from 'node:crypto';
import { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { EncryptionPlugin } from 'temporal-http-tasks/internal/encryption-plugin';
import { startLink } from 'temporal-http-tasks/internal/operator/prepared-starts';
import { makeStartTemplates, templateId } from 'temporal-http-tasks/internal/operator/start-templates';
import { exampleInputs, WORKFLOW_TYPES } from 'temporal-http-tasks/internal/policy/example-inputs';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { offboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { freshNamespace } from '../support/namespaces';
import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { until } from '../support/offboarding-runs';

let place: Place;

beforeAll(async () => {
  place = await openPlace();
});

afterAll(() => place.close());

async function clientIn(namespace: string): Promise<Client> {
  return new Client({ connection: place.client.connection, namespace });
}

async function eventsOf(client: Client, workflowId: string, runId: string): Promise<{ count: number; input: unknown }> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  return { count: events?.length ?? 0, input: payload && defaultPayloadConverter.fromPayload(payload) };
}

it('makes for each workflow a terminated run of two events whose input is valid, changes nothing and calls no provider', async () => {
  const namespace = await freshNamespace(place.client);
  const client = await clientIn(namespace);
  // A worker that would take them up, if they waited for one.
  await place.startWorker({ worker: { namespace } });
  const templates = await makeStartTemplates(client, { taskQueue: place.taskQueue, inputs: exampleInputs() });
  expect(templates.map(({ workflowType }) => workflowType)).toEqual([...WORKFLOW_TYPES]);
  for (const { workflowType, runId, input } of templates) {
    const { status, type } = await client.workflow.getHandle(templateId(workflowType), runId).describe();
    expect({ status: status.name, type }).toEqual({ status: 'TERMINATED', type: workflowType });
    expect(await eventsOf(client, templateId(workflowType), runId)).toEqual({ count: 2, input });
  }
  const [one, many, task] = templates;
  expect(offboardUserInput.parse(one?.input)).toMatchObject({ dryRun: true });
  expect(offboardUsersInput.parse(many?.input)).toMatchObject({ dryRun: true });
  expect(task?.input).toEqual({ task: 'plaid.userItemsGet', input: { user_id: 'usr_example' } });
  expect(place.simulators.plaid.calls().calls).toEqual([]);
});

it('has examples that run unedited and change nothing', async () => {
  const { worker } = await place.startWorker();
  const plaidUserId = 'usr_known';
  place.simulators.plaid.seed({ users: [{ userId: plaidUserId, items: ['item-known'] }] });
  const inputs = exampleInputs({ plaidUserId, batchUserId: 'known' });
  const run = (type: keyof typeof inputs) =>
    worker.client!.workflow.execute(type, {
      workflowId: `try-${type}-${place.taskQueue}`,
      taskQueue: place.taskQueue,
      args: [inputs[type]],
    });
  expect(await run('offboardUser')).toMatchObject({ status: 'completed' });
  expect(await run('offboardUsers')).toMatchObject({ status: 'completed', counts: { total: 1, skipped: 1 } });
  expect(await run('runHttpTask')).toMatchObject({ status: 200 });
  expect(place.simulators.plaid.state().touched).toEqual([]);
});

it('uses a template again while it is fresh, and makes another for another example', async () => {
  const client = await clientIn(await freshNamespace(place.client));
  const { taskQueue } = place;
  const runIds = async (inputs = exampleInputs()) =>
    (await makeStartTemplates(client, { taskQueue, inputs })).map(({ runId }) => runId);
  const first = await runIds();
  expect(await runIds()).toEqual(first);
  const others = await runIds(exampleInputs({ plaidUserId: 'usr_other' }));
  expect(others.filter((runId) => first.includes(runId))).toEqual([]);
});

it('is made by several workers concurrently without a message', async () => {
  const client = await clientIn(await freshNamespace(place.client));
  const { taskQueue } = place;
  const made = await Promise.all(
    Array.from({ length: 4 }, () => makeStartTemplates(client, { taskQueue, inputs: exampleInputs() })),
  );
  for (const { workflowType, runId } of made.flat()) {
    const { status } = await client.workflow.getHandle(templateId(workflowType), runId).describe();
    expect(status.name).toBe('TERMINATED');
  }
});

it("encrypts them under the client's key, and replaces those that it cannot read", async () => {
  const namespace = await freshNamespace(place.client);
  const make = async (key: Buffer): Promise<string> => {
    const plugins = [new EncryptionPlugin({ env: { HTTP_TASKS_ENCRYPTION_KEY: key.toString('base64') } })];
    const client = new Client({ connection: place.client.connection, namespace, plugins });
    const [template] = await makeStartTemplates(client, { taskQueue: place.taskQueue, inputs: exampleInputs() });
    return template?.runId ?? '';
  };
  const [key, another] = [randomBytes(32), randomBytes(32)];
  const first = await make(key);
  const { events } = await (
    await clientIn(namespace)
  ).workflow
    .getHandle(templateId('offboardUser'), first)
    .fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  expect(Buffer.from(payload?.data ?? []).toString()).not.toContain('usr_example');
  expect(await make(key)).toBe(first);
  expect(await make(another)).not.toBe(first);
});

it("is made again when a worker starts with them switched on, under the worker's task queue", async () => {
  const namespace = await freshNamespace(place.client);
  const client = await clientIn(namespace);
  await place.startWorker({ worker: { namespace }, plugin: { startTemplates: true } });
  for (const workflowType of WORKFLOW_TYPES) {
    const handle = client.workflow.getHandle(templateId(workflowType));
    await until(
      `the template of ${workflowType} is there`,
      async () => (await handle.describe().catch(() => undefined))?.status.name === 'TERMINATED',
    );
    expect((await handle.describe()).taskQueue).toBe(place.taskQueue);
  }
});

it('links carry type, task queue and run, and never a workflow id', () => {
  const url = new URL(
    startLink(
      { uiUrl: 'https://ui.example.com/temporal/', namespace: 'people & co', taskQueue: 'http tasks' },
      { workflowType: 'offboardUser', runId: 'run-1' },
    ),
  );
  expect(`${url.origin}${url.pathname}`).toBe(
    'https://ui.example.com/temporal/namespaces/people%20%26%20co/workflows/start-workflow',
  );
  expect(Object.fromEntries(url.searchParams)).toEqual({
    taskQueue: 'http tasks',
    workflowType: 'offboardUser',
    runId: 'run-1',
  });
});
