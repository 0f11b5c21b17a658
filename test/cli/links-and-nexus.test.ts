import { randomUUID } from 'node:crypto';
import { connectClient, freshTaskQueue, temporalAddress } from '../support/temporal';
import { runCli, runJson } from './run-cli';
import type { Refused } from './run-cli';

interface LinksDocument {
  namespace: string;
  uiUrl: string;
  workflows: { workflowType: string; url: string; input: object }[];
  task: { activityType: string; url: string; input: object };
}

const UI = 'https://temporal.example.com/ui';

describe('http-tasks links', () => {
  it('prints a link for each workflow, whose run is a template, and one for a task', async () => {
    const taskQueue = freshTaskQueue();
    const env = {
      TEMPORAL_ADDRESS: temporalAddress(),
      HTTP_TASKS_TASK_QUEUE: taskQueue,
      HTTP_TASKS_TEMPORAL_UI: `${UI}/namespaces/default/workflows`,
    };
    const { code, document, stderr } = await runJson<LinksDocument>(['links'], env);
    expect({ code, uiUrl: document.uiUrl }).toEqual({ code: 0, uiUrl: UI });
    expect(stderr).toContain(`No worker polls the task queue "${taskQueue}" now`);
    const client = await connectClient();
    for (const { workflowType, url } of document.workflows) {
      const query = new URL(url).searchParams;
      expect(Object.fromEntries(query)).toEqual({ taskQueue, workflowType, runId: expect.any(String) });
      const { status, historyLength } = await client.workflow
        .getHandle(`http-tasks-example-${workflowType}`, query.get('runId') ?? '')
        .describe();
      expect({ status: status.name, historyLength }).toEqual({ status: 'TERMINATED', historyLength: 2 });
    }
    await client.connection.close();
    expect(document.task.url).toBe(
      `${UI}/namespaces/default/activities/start?taskQueue=${taskQueue}&activityType=plaid.userItemsGet&startToCloseTimeout=300s&scheduleToCloseTimeout=600s`,
    );
    const people = await runCli(['links', '--ui-url', 'http://localhost:8233'], env);
    expect(people.stdout).toMatch(
      /^offboardUser:\n  http:\/\/localhost:8233\/namespaces\/default\/workflows\/start-workflow\?taskQueue=/,
    );
  });

  it.each([
    ['--ui-url', 'localhost'],
    ['--ui-url', 'https://me:secret@ui.example.com'],
    ['--ui-url', 'https://ui.example.com/?a=b'],
  ])('refuses %s %s before it contacts anybody', async (...option) => {
    const { code, document } = await runJson<Refused>(['links', ...option]);
    expect({ code, type: document.error.type, field: document.error.field }).toEqual({
      code: 2,
      type: 'Usage',
      field: 'uiUrl',
    });
    expect(document.error.message).not.toContain('secret');
  });

  it('asks where the UI is when the server is elsewhere', async () => {
    const { code, document } = await runJson<Refused>(['links', '--address', 'temporal.example.com:7233'], {
      TEMPORAL_TLS: 'true',
    });
    expect({ code, message: document.error.message }).toEqual({
      code: 2,
      message: '--ui-url is required: the address of the Temporal UI; or set HTTP_TASKS_TEMPORAL_UI.',
    });
  });
});

describe('http-tasks nexus setup', () => {
  it('creates an endpoint, compares it when run again, and leaves one alone that leads elsewhere', async () => {
    const endpoint = `endpoint-${randomUUID()}`;
    const taskQueue = freshTaskQueue();
    const env = { TEMPORAL_ADDRESS: temporalAddress(), HTTP_TASKS_TASK_QUEUE: taskQueue };
    const setup = ['nexus', 'setup', '--endpoint', endpoint];
    const made = { endpoint, namespace: 'default', taskQueue, service: 'offboarding' };
    expect(await runJson(setup, env)).toMatchObject({ code: 0, document: { ...made, created: true } });
    expect(await runJson(setup, env)).toMatchObject({ code: 0, document: { ...made, created: false } });
    const other = await runJson<Refused>(setup, { ...env, HTTP_TASKS_TASK_QUEUE: 'elsewhere' });
    expect({ code: other.code, type: other.document.error.type }).toEqual({ code: 1, type: 'Conflict' });
    expect(other.document.error.message).toContain(
      `--name ${endpoint} --target-namespace default --target-task-queue elsewhere`,
    );
  });

  it('refuses a name that Temporal does not take', async () => {
    const { code, document } = await runJson<Refused>(['nexus', 'setup', '--endpoint', '1st endpoint']);
    expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'endpoint' });
  });
});
