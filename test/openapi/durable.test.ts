import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure } from '@temporalio/common';
import type { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi';
import { HttpTasksPlugin } from 'temporal-http-tasks';
import { openDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import { readApi } from '@temporal-http-tasks/openapi/internal/read-api';
import { sourceFiles } from '@temporal-http-tasks/openapi/internal/source/task-source';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';
import { runExample } from '../examples/run-example';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { documentWith, jsonBody, operation } from './documents';

const TEXT = { type: 'string' };
const KEY = 'canary-key-of-the-desk';
const FOLDER = join(__dirname, '..', '..', '.test-state', 'imported', randomUUID());

/** A ticket desk as its provider would describe it. */
const DESK = documentWith(
  {
    '/tickets/{id}': {
      get: operation({
        operationId: 'ticketGet',
        parameters: [
          { in: 'path', name: 'id', required: true, schema: TEXT },
          { in: 'query', name: 'fields', explode: false, schema: { type: 'array', items: TEXT } },
        ],
      }),
    },
    '/tickets': {
      post: operation({
        operationId: 'ticketOpen',
        requestBody: jsonBody({ type: 'object', required: ['title'], properties: { title: TEXT } }),
      }),
    },
    '/tickets/close': {
      post: operation({
        operationId: 'ticketClose',
        requestBody: jsonBody({ type: 'array', items: TEXT, minItems: 1 }),
      }),
    },
  },
  {
    info: { title: 'Desk API', version: '1' },
    security: [{ key: [] }],
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
  },
);

let place: Place;
let desk: Server;
let worker: { stop(): Promise<void> };
const seen: { route: string; signed: string | undefined; body: string }[] = [];

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const route = `${request.method} ${request.url}`;
  const isFirst = !seen.some((call) => call.route === route);
  seen.push({ route, signed: request.headers.authorization, body });
  if (route === 'POST /tickets/close') {
    // Closed or not, the desk does not say: the response is lost.
    request.socket.destroy();
    return;
  }
  const isBusy = request.method === 'GET' && isFirst;
  response.writeHead(isBusy ? 503 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(isBusy ? { code: 'busy' } : { id: 'T 1', state: 'open', key: KEY }));
}

beforeAll(async () => {
  place = await openPlace();
  desk = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve));
  const env = {
    ...place.env,
    DESK_BASE_URL: `http://127.0.0.1:${(desk.address() as AddressInfo).port}`,
    HTTP_TASKS_OPENAPI_DESK_KEY: KEY,
  };
  await mkdir(FOLDER, { recursive: true });
  for (const { name, text: code } of sourceFiles(
    readApi(openDocument(DESK), { service: 'desk', operations: ['ticketGet'] }),
  ))
    await writeFile(join(FOLDER, name), code);
  const workflows = join(FOLDER, 'workflows.ts');
  await writeFile(
    workflows,
    "import { httpTask } from 'temporal-http-tasks/workflow';\nimport { ticketGet } from './ticket-get';\nexport * from 'temporal-http-tasks/workflow';\nexport async function look(input: { id: string }): Promise<unknown> {\n  return httpTask(ticketGet)({ id: input.id, fields: ['a', 'b'] });\n}\n",
  );
  worker = await runExample((connection) =>
    Worker.create({
      connection,
      taskQueue: place.taskQueue,
      workflowsPath: workflows,
      bundlerOptions: {
        webpackConfigHook: (config) => ({
          ...config,
          resolve: {
            ...config.resolve,
            alias: {
              ...config.resolve?.alias,
              'temporal-http-tasks/workflow$': join(__dirname, '..', '..', 'src', 'workflow.ts'),
            },
          },
        }),
      },
      plugins: [new HttpTasksPlugin({ env, tasks: tasksFromOpenApi(DESK, { service: 'desk' }).tasks })],
    }),
  );
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  desk?.closeAllConnections();
  await new Promise((resolve) => desk.close(resolve));
  await place.close();
  await rm(FOLDER, { recursive: true, force: true });
});

async function run(workflow: string, input: unknown): Promise<unknown> {
  return place.client.workflow.execute(workflow, {
    taskQueue: place.taskQueue,
    workflowId: freshId('imported'),
    args: [input],
  });
}

/** What a workflow failed with, as its history has it. */
async function failureOf(workflow: string, input: unknown): Promise<TaskFailure | undefined> {
  const error: unknown = await run(workflow, input).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowFailedError)) throw new Error('it did not fail', { cause: error });
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  return (cause as ApplicationFailure).details?.[0] as TaskFailure;
}

it('a task made at run time is run by its name: checked, signed, retried, and its response is free of the key', async () => {
  const result = await run('runHttpTask', { task: 'desk.ticketGet', input: { id: 'T 1' } });
  expect(result).toMatchObject({ status: 200, attempt: 2, output: { state: 'open', key: '[secret]' } });
  expect(seen).toEqual([
    { route: 'GET /tickets/T%201', signed: `Bearer ${KEY}`, body: '' },
    { route: 'GET /tickets/T%201', signed: `Bearer ${KEY}`, body: '' },
  ]);
});

it('the same task, generated as code, is called by a workflow', async () => {
  expect(await run('look', { id: 'T 2' })).toMatchObject({ state: 'open' });
  expect(seen.at(-1)!.route).toBe('GET /tickets/T%202?fields=a,b');
});

it('a call that changes something is sent once, and a lost response leaves its outcome unknown', async () => {
  const before = seen.length;
  expect(await run('runHttpTask', { task: 'desk.ticketOpen', input: { title: 'x' } })).toMatchObject({ status: 200 });
  const failure = await failureOf('runHttpTask', { task: 'desk.ticketClose', input: { body: ['T 1'] } });
  expect(failure).toMatchObject({ type: 'Task.OutcomeUnknown', service: 'desk' });
  expect(seen.slice(before).map(({ route, body }) => `${route} ${body}`)).toEqual([
    'POST /tickets {"title":"x"}',
    'POST /tickets/close ["T 1"]',
  ]);
});

it('a wrong input is refused before anything is sent', async () => {
  const before = seen.length;
  const failure = await failureOf('runHttpTask', { task: 'desk.ticketOpen', input: { titel: 'x' } });
  expect(failure).toMatchObject({ type: 'Task.InvalidInput' });
  expect(seen).toHaveLength(before);
});

it('the key of an imported service is asked for when the plugin is made', () => {
  expect(() =>
    new HttpTasksPlugin({ env: place.env, tasks: tasksFromOpenApi(DESK, { service: 'desk' }).tasks }).configureWorker({
      taskQueue: 'any',
    }),
  ).toThrow('HTTP_TASKS_OPENAPI_DESK_KEY');
});
