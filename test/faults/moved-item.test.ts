import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { offboard, stepLines } from '../support/offboarding-runs';
import { freshId } from '../support/offboarding';
import { openSweepPlace } from '../support/sweep-runs';
import type { SweepPlace } from '../support/sweep-runs';

// An Item that moves to another user between the list and the removal. The recorded matrix has faults of single calls only.

/** Passes calls on to the simulator of Plaid. */
class PassingServer {
  /** Called with the path of a call that was processed, before its response is sent. */
  onResponse: (path: string) => Promise<void> = async () => undefined;
  readonly #origin: () => string;
  readonly #server: Server = createServer((request, response) => void this.#pass(request, response));

  constructor(origin: () => string) {
    this.#origin = origin;
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { url: path = '', headers: given } = request;
    const keys = Object.entries(given).filter(([name]) => name.startsWith('plaid-'));
    const headers = { ...Object.fromEntries(keys), 'content-type': 'application/json' } as Record<string, string>;
    const upstream = await fetch(`${this.#origin()}${path}`, { method: 'POST', headers, body: Buffer.concat(chunks) });
    const body = await upstream.text();
    await this.onResponse(path);
    response.writeHead(upstream.status, { 'content-type': 'application/json' }).end(body);
  }
}

let server: PassingServer;
let place: SweepPlace;

beforeAll(async () => {
  server = new PassingServer(() => place.simulators.plaid.url);
  const PLAID_BASE_URL = await server.start();
  place = await openSweepPlace({ env: { PLAID_BASE_URL } });
  await place.startWorker();
});
afterAll(async () => {
  await place.close();
  await server.close();
});

/** Two users; an Item of the first moves to the second as soon as it was listed for the first time. */
function seedMoving(): { userId: string; items: string[]; moved: string; other: string } {
  const [userId, other] = [freshId('usr'), freshId('other')];
  const items = [freshId('item'), freshId('item')];
  const [, moved = ''] = items;
  place.simulators.plaid.seed({
    users: [
      { userId, items },
      { userId: other, items: [] },
    ],
  });
  server.onResponse = async (path) => {
    if (path !== '/user/items/get') return;
    server.onResponse = async () => undefined;
    const { clientId, secret, url } = place.simulators.plaid;
    const body = { client_id: clientId, secret, user_id: other, item_ids: [moved] };
    const response = await fetch(`${url}/user/items/associate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`The Item did not move: ${response.status} ${await response.text()}`);
  };
  return { userId, items, moved, other };
}

function itemsOf(user: string): { left: string[]; removed: string[] } {
  const { items } = place.simulators.plaid.state();
  const own = (some: readonly { itemId: string; user: string }[]) =>
    some.filter((item) => item.user === user).map(({ itemId }) => itemId);
  return { left: own(items.left), removed: own(items.removed) };
}

it('is left to its new user by a single run, which removes the others and reports it as already gone', async () => {
  const { userId, items, moved, other } = seedMoving();
  const result = await offboard(place, { user: { plaidUserId: userId } });
  expect(stepLines(result)).toEqual([
    'plaid.items removed',
    'plaid.items alreadyGone',
    'plaid.products removed',
    'batch skipped noBatchId',
  ]);
  expect(itemsOf(userId)).toEqual({ left: [], removed: items.slice(0, 1) });
  expect(itemsOf(other)).toEqual({ left: [moved], removed: [] });
});

it('is left to its new user by a sweep', async () => {
  const { userId, items, moved, other } = seedMoving();
  const handle = await place.start({
    source: { inline: [{ plaidUserId: userId }] },
    granularity: 'chunk',
    batch: { mode: 'skip' },
  });
  expect(await handle.result()).toMatchObject({ status: 'completed', counts: { total: 1 } });
  const receipts = await place.ledger.sweeps.readReceipts({ sweepId: handle.workflowId, afterSeq: -1, limit: 100 });
  const ends = receipts.flatMap(({ phase, step, outcome }) => (phase === 'settled' ? [`${step} ${outcome}`] : []));
  expect(ends).toEqual(
    expect.arrayContaining(['plaid.items removed', 'plaid.items alreadyGone', 'plaid.products removed']),
  );
  expect(itemsOf(userId)).toEqual({ left: [], removed: items.slice(0, 1) });
  expect(itemsOf(other)).toEqual({ left: [moved], removed: [] });
});
