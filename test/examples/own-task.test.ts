import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { createDeskWorker } from '../../examples/own-task/worker';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { runExample } from './run-example';

const KEY = 'desk-key-of-this-test';

let place: Place;
let desk: Server;
let example: { stop(): Promise<void> };
const seen: { route: string; key: unknown; body?: unknown }[] = [];

beforeAll(async () => {
  place = await openPlace();
  desk = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve));
  const { port } = desk.address() as AddressInfo;
  const env = { ...place.env, DESK_BASE_URL: `http://127.0.0.1:${port}`, DESK_API_KEY: KEY };
  example = await runExample((connection) => createDeskWorker(connection, { taskQueue: place.taskQueue, env }));
});

afterAll(async () => {
  await example.stop();
  await new Promise((resolve) => desk.close(resolve));
  await place.close();
});

/** A ticket desk with one ticket; the first time it is asked for it, it is out of order. */
async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const route = `${request.method} ${request.url}`;
  const first = !seen.some((call) => call.route === route);
  seen.push({
    route,
    key: request.headers['x-desk-key'],
    ...(request.method === 'POST' && { body: await json(request) }),
  });
  const ok = request.method === 'POST' || !first;
  response.writeHead(ok ? 200 : 503, { 'content-type': 'application/json' });
  response.end(JSON.stringify(ok ? { ticket: 'T 1', state: 'open' } : { error: 'out_of_order' }));
}

it("a workflow calls tasks of the host's own, which are sent, signed and retried like the catalogue's", async () => {
  const result = await place.client.workflow.execute('askForHelp', {
    taskQueue: place.taskQueue,
    workflowId: freshId('help'),
    args: [{ reference: 'case-7', title: 'Please delete my data' }],
  });
  expect(result).toEqual({ ticket: 'T 1', state: 'open' });
  expect(seen).toEqual([
    { route: 'POST /queues/privacy/tickets', key: KEY, body: { reference: 'case-7', title: 'Please delete my data' } },
    { route: 'GET /tickets/T%201', key: KEY },
    { route: 'GET /tickets/T%201', key: KEY },
  ]);
});

it('the key of a service of ones own is asked for at start', async () => {
  const starting = runExample((connection) =>
    createDeskWorker(connection, { env: place.env }).finally(() => connection.close()),
  );
  await expect(starting).rejects.toThrow('DESK_API_KEY');
});

it('offboards users next to it, and a task of ones own can be run by its name', async () => {
  const result = await place.client.workflow.execute('runHttpTask', {
    taskQueue: place.taskQueue,
    workflowId: freshId('run'),
    args: [{ task: 'desk.ticketGet', input: { ticket: 'T 1' } }],
  });
  expect(result).toMatchObject({ status: 200, output: { state: 'open' } });
});
