import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RequestWatch } from 'temporal-http-tasks/internal/activities/request-watch';
import { readRequestSettings } from 'temporal-http-tasks/internal/config/request-settings';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { Metrics } from 'temporal-http-tasks/internal/observability/metrics';
import { httpService } from 'temporal-http-tasks/internal/tasks/http-service';

interface Received {
  body: string;
  headers: IncomingHttpHeaders;
}

const SECRET = 'a secret of enough characters';
const folder = mkdtempSync(join(tmpdir(), 'watch-'));
let server: Server;
let url: string;
let ledger: OpenedLedger;
let received: Received[] = [];
/** With which status the receiver responds. */
let status = 204;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      received.push({ body, headers: request.headers });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/k3y`;
  ledger = await openLedger({
    url: `file:${join(folder, 'ledger.db')}`,
    subjectKey: 'a test key of enough characters',
  });
});

afterAll(async () => {
  await ledger.close();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  received = [];
  status = 204;
});

/** A worker's watch, and what it complained about. */
function watch(notify: { url: string; secret?: string } | undefined) {
  const sender = createTaskSender(readSenderSettings({ HTTP_TASKS_HTTP_ALLOW: new URL(url).origin }, [httpService]));
  const failures: string[] = [];
  const settings = { ...readRequestSettings({}), ...(notify && { notify }) };
  const own = new RequestWatch({
    requests: () => ledger.requests,
    notices: () => ledger.notices,
    sender,
    metrics: new Metrics(),
    settings,
    onFailure: (message) => failures.push(message),
  });
  return { own, failures, close: () => sender.close() };
}

/** One turn of a new worker. */
async function look(
  notify: { url: string; secret?: string } | undefined,
  runs: { workflowId: string; runId: string }[] = [],
) {
  const { own, failures, close } = watch(notify);
  own.findRuns = () => Promise.resolve(runs);
  await own.look();
  await close();
  return { failures, notices: received.map(({ body }) => JSON.parse(body) as Record<string, unknown>) };
}

async function sweepInStatus(sweepId: string, state: 'waitingForApproval' | 'paused'): Promise<void> {
  await ledger.sweeps.create({ sweepId });
  await ledger.sweeps.setStatus({ sweepId, status: state });
}

it('reports each thing once, whichever worker notices it, and signs what it sends', async () => {
  await sweepInStatus('closed-2026-11', 'waitingForApproval');
  await sweepInStatus('paused', 'paused');
  await ledger.stop({ reason: 'drill', by: 'Alice' });
  const { subjects } = { subjects: ['aaaaaaaaaaaaaaaaaaaaaaaa'] };
  for (const [at, dueAt] of ['2015-01-01T00:00:00.000Z', new Date(Date.now() + 86_400_000).toISOString()].entries())
    await ledger.requests.record({
      workflowId: `run-${at}`,
      firstRun: 'r',
      facts: { dueAt, requestedBy: 'Alice' },
      subjects,
      environments: {},
      reference: 'Case Miller',
    });
  const runs = [{ workflowId: 'offboard-1', runId: 'r-1' }];
  const { notices, failures } = await look({ url, secret: SECRET }, runs);
  expect(failures).toEqual([]);
  const today = new Date().toISOString().slice(0, 10);
  expect(notices.sort((a, b) => String(a['id']).localeCompare(String(b['id'])))).toEqual([
    { version: 1, id: 'approval:closed-2026-11', kind: 'approval', at: expect.any(String), sweepId: 'closed-2026-11' },
    { version: 1, id: `due-soon:${today}`, kind: 'dueSoon', at: expect.any(String), requests: 1 },
    { version: 1, id: `overdue:${today}`, kind: 'overdue', at: expect.any(String), requests: 1 },
    { version: 1, id: 'person:offboard-1:r-1', kind: 'person', at: expect.any(String), workflowId: 'offboard-1' },
    { version: 1, id: 'stop:1', kind: 'stop', at: expect.any(String) },
  ]);
  for (const { body, headers } of received) {
    expect(headers['http-tasks-signature']).toBe(`sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`);
    expect(body).not.toMatch(/Miller|aaaaaa|drill/);
  }
  received = [];
  expect((await look({ url, secret: SECRET }, runs)).notices).toEqual([]);
});

it('keeps what could not be sent, says so without the address, and another worker may send it later', async () => {
  await sweepInStatus('closed-2026-12', 'waitingForApproval');
  status = 500;
  const { failures } = await look({ url });
  expect(failures).toEqual([expect.stringMatching(/^A notice could not be sent \(Task\.\w+\); it is tried again\.$/)]);
  expect(received).toHaveLength(1);
  const [first] = received;
  status = 204;
  received = [];
  // It is still that worker's.
  expect((await look({ url })).notices).toEqual([]);
  const [claimed] = await ledger.notices.claim({ limit: 10, forMs: 0 });
  expect(claimed).toBeUndefined();
  expect(first?.headers['http-tasks-signature']).toBeUndefined();
});

it('without an address nothing is stored or sent', async () => {
  await sweepInStatus('closed-2027-01', 'waitingForApproval');
  expect((await look(undefined)).notices).toEqual([]);
  // A worker with an address reports it all the same, since it still waits.
  expect((await look({ url })).notices).toMatchObject([{ sweepId: 'closed-2027-01' }]);
});

it('a claim that has run out is given to the next, longer each time', async () => {
  await ledger.notices.note({ id: 'n-1', kind: 'stop', about: {}, at: new Date().toISOString() });
  const claim = async (forMs: number) =>
    (await ledger.notices.claim({ limit: 10, forMs })).filter(({ id }) => id === 'n-1').length;
  expect(await claim(0)).toBe(1);
  expect(await claim(0)).toBe(1);
  expect(await claim(60_000)).toBe(1);
  expect(await claim(0)).toBe(0);
  await ledger.notices.sent('n-1');
  expect(await ledger.notices.purge(new Date(Date.now() + 60_000))).toBeGreaterThanOrEqual(1);
});
