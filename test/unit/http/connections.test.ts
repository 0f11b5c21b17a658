import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { amount } from '../../support/amount';
import { Connections, MOST_IDLE_POOLS } from 'temporal-http-tasks/internal/http/connections';

/** Forty origins, each with as many ways to connect as make several times the pools that are kept, as by as many origins. */
const ADDRESSES = Array.from({ length: 40 }, (_, index) => `127.0.1.${index + 1}`);
const WAYS = amount(20, { whole: 50 });

let servers: Server[];
let origins: string[];
let waiting: ServerResponse[];
let connections: Connections;

beforeAll(async () => {
  waiting = [];
  servers = ADDRESSES.map(() =>
    createServer((request, response) => {
      if (request.url === '/slow') waiting.push(response);
      else response.end('ok');
    }),
  );
  origins = await Promise.all(
    servers.map(async (server, index) => {
      await new Promise<void>((resolve) => server.listen(0, ADDRESSES[index], resolve));
      return `http://${ADDRESSES[index]}:${(server.address() as AddressInfo).port}`;
    }),
  );
  connections = new Connections({ perOrigin: 2, network: readSenderSettings({}, []) });
});

afterAll(async () => {
  await connections.close();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

function call(origin: string, connectMs: number, path = '/'): ReturnType<Connections['exchange']> {
  return connections.exchange({
    request: { method: 'GET', origin, path, headers: {} },
    timeouts: { connectMs, firstByteMs: 30_000, bodyMs: 30_000, totalMs: 60_000 },
    limits: { totalMs: 60_000, maxResponseBytes: 1_000, asBase64: false, mayAbortAfterSending: true },
  });
}

it(`keeps a bounded number of ${ADDRESSES.length * WAYS} pools, and closes none in use`, async () => {
  const [first = ''] = origins;
  const slow = Promise.all([call(first, 5_000, '/slow'), call(first, 5_001, '/slow')]);
  for (let way = 0; way < WAYS; way += 1) {
    const responses = await Promise.all(origins.map((origin) => call(origin, 1_000 + way)));
    expect(responses.map((response) => response.kind === 'response' && response.status)).toEqual(
      origins.map(() => 200),
    );
    expect(connections.pools).toBeLessThanOrEqual(MOST_IDLE_POOLS);
  }
  expect(waiting).toHaveLength(2);
  for (const response of waiting) response.end('late');
  await expect(slow).resolves.toEqual(
    [1, 2].map(() => expect.objectContaining({ kind: 'response', status: 200 }) as object),
  );
  // A pool that was closed is made again.
  await expect(call(first, 1_000)).resolves.toMatchObject({ kind: 'response', status: 200 });
});

it('keeps as many pools as there are calls in progress', async () => {
  waiting = [];
  const calls = Array.from({ length: MOST_IDLE_POOLS + 20 }, (_, index) =>
    call(origins[index % origins.length] ?? '', 10_000 + index, '/slow'),
  );
  while (waiting.length < calls.length) await new Promise((resolve) => setImmediate(resolve));
  expect(connections.pools).toBe(calls.length);
  for (const response of waiting) response.end('late');
  const responses = await Promise.all(calls);
  expect(responses.every((response) => response.kind === 'response' && response.status === 200)).toBe(true);
  await call(origins[0] ?? '', 1);
  expect(connections.pools).toBeLessThanOrEqual(MOST_IDLE_POOLS);
});
