import { request } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { openGateway, STAGE_TOKEN } from '../gateway/stage';
import type { GatewayStage } from '../gateway/stage';
import { environmentOf } from '../support/offboarding';
import { Bystander, INHERITED_NAMES, tried } from './fuzzing';

let bystander: Bystander;
let simulators: Simulators;
let folder: string;
let gateway: GatewayStage;
/** What the gateway did not foresee. */
const said: string[] = [];

beforeAll(async () => {
  bystander = new Bystander();
  folder = await mkdtemp(join(tmpdir(), 'http-tasks-hostile-'));
  simulators = await startSimulators({});
  const env = environmentOf(simulators, { taskQueue: 'unused', ledgerUrl: `file:${join(folder, 'ledger.db')}` });
  gateway = await openGateway({
    env: { ...env, HTTP_TASKS_HTTP_ALLOW: simulators.plaid.url },
    report: (line) => said.push(line),
  });
});

afterAll(async () => {
  await gateway.close();
  await simulators.close();
  await rm(folder, { recursive: true, force: true });
  await bystander.leave();
});

interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

interface Came {
  status: number;
  type: string;
  text: string;
}

/** Sends a request as it is; nothing resolves its path or decides about its headers. */
function ask({ method, path, headers, body }: Sent): Promise<Came> {
  const { hostname, port, host } = new URL(gateway.url);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: hostname,
        port,
        path,
        method,
        agent: false,
        headers: { host, 'content-length': Buffer.byteLength(body), ...headers },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const SIGNED = `Bearer ${STAGE_TOKEN}`;
const tasks = CATALOGUE.map(({ name }) => name);
const word = fc.oneof(
  fc.constantFrom(
    ...tasks,
    ...INHERITED_NAMES,
    '..',
    '%2e%2e',
    '%00',
    '%ff',
    '%',
    '%2f',
    'a%0d%0ab',
    'a'.repeat(3_000),
  ),
  fc.string({ unit: 'binary', maxLength: 10 }).map((text) => encodeURIComponent(text)),
);
const path = fc
  .tuple(
    fc.constantFrom(
      '/',
      '/page/',
      '/tasks/',
      '/api/tasks',
      '/api/tasks/',
      '/api/calls/',
      '/api/runs',
      '/api/runs/',
      '/api/credentials',
      '/api/credentials/',
      '/api/about',
      '/openapi.json',
      '/utcp',
      '/codec/',
      '/api/offboardings',
      '/api/start-forms',
      '/api/other-gateway',
      '//',
    ),
    word,
    fc.constantFrom('', '/prepare', '/test', '/run', '/check', '/pause', '/approve', '?query=a&query=%ff', '?runId=x'),
  )
  .map((parts) => parts.join(''));
const field = fc.constantFrom(
  'input',
  'confirm',
  'task',
  'environment',
  'user_id',
  'item_ids',
  'id',
  'ids',
  'app',
  'uri',
  'method',
  'url',
  'total',
  'by',
  'PLAID_SECRET',
  ...INHERITED_NAMES,
);
const value = fc.oneof(
  fc.constantFrom<unknown>('usr_1', '', 'ios', 'POST', 'TRACE', null, 0, -1, true, [], {}, ...tasks),
  fc.jsonValue({ maxDepth: 2 }),
);
const fields = fc.dictionary(field, fc.oneof(value, fc.dictionary(field, value, { maxKeys: 4 })), { maxKeys: 4 });
const endless = fc
  .integer({ min: 90, max: 50_000 })
  .map((depth) => `{"input":${'{"a":['.repeat(depth)}${']}'.repeat(depth)}}`);
const body = fc.oneof(
  { weight: 6, arbitrary: fields.map((given) => JSON.stringify(given)) },
  { weight: 1, arbitrary: endless },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '{', '\0', '[]', 'null', '"a"', '1e999', '{"input":{"__proto__":{"user_id":"a"}}}'),
  },
);
const headers = fc.record(
  {
    'content-type': fc.constantFrom(
      'application/json',
      'application/json; charset=utf-16',
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/jsonp',
    ),
    origin: fc.constantFrom('null', 'https://evil.example', 'http://localhost'),
    'sec-fetch-site': fc.constantFrom('none', 'same-origin', 'same-site', 'cross-site'),
    'x-http-tasks-confirm': fc.constantFrom(...tasks),
    cookie: fc.constantFrom('http-tasks-gateway=http://x.example', `token=${STAGE_TOKEN}`, 'a=%', '='),
    authorization: fc.constantFrom(...Array<string>(6).fill(SIGNED), '', 'Bearer x', 'Basic %', STAGE_TOKEN),
    'content-encoding': fc.constantFrom('gzip', 'br'),
  },
  { requiredKeys: [] },
);
const requests: fc.Arbitrary<Sent> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'POST', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'),
  path,
  headers: headers.map((some) => ({ 'content-type': 'application/json', ...some })),
  body,
});

/** The static page, which holds nothing of anyone. */
const isPage = ({ method, path: asked }: Sent): boolean =>
  ['GET', 'HEAD'].includes(method) && /^\/+(?:page\/|\?|#|$)/.test(asked);

const isForeign = ({ headers: { origin, 'sec-fetch-site': site } }: Sent): boolean =>
  origin !== undefined || site === 'same-site' || site === 'cross-site';

describe('Whatever is asked of the gateway', () => {
  it('it responds, in words where it refuses, and fails at nothing', async () => {
    await fc.assert(
      fc.asyncProperty(requests, async (sent) => {
        const calledBefore = simulators.plaid.calls().calls.length + simulators.batch.calls().calls.length;
        const { status, type, text } = await ask(sent);
        // 502 reports what became of a call, 503 that there is no Temporal server or no ledger.
        expect(status < 500 || status === 502 || status === 503).toBe(true);
        if (sent.method !== 'HEAD' && status >= 400 && text !== '') {
          expect(type).toContain('application/json');
          expect(text).toMatch(/"(type|message|problems|error)":/);
        }
        if (!sent.path.startsWith('/codec/') && isForeign(sent)) expect(status).toBe(403);
        if (sent.headers['authorization'] !== SIGNED && sent.method !== 'OPTIONS' && !isPage(sent)) {
          expect([400, 401, 403]).toContain(status);
          expect(simulators.plaid.calls().calls.length + simulators.batch.calls().calls.length).toBe(calledBefore);
        }
        expect(said).toEqual([]);
      }),
      tried(300),
    );
  });

  it.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['text that holds JSON', { 'content-type': 'text/plain;application/json' }],
    ['two types', { 'content-type': 'text/plain, application/json' }],
    ['a page whose origin is hidden', { origin: 'null' }],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }],
    ['a page of another scheme', { origin: 'https://127.0.0.1' }],
    ['an image or a script', { 'sec-fetch-site': 'cross-site' }],
    ['a name that was made to point here', { host: 'rebound.example' }],
    ['a name with a dot at its end', { host: 'localhost.' }],
    ['a name that begins as this one', { host: '127.0.0.1.evil.example' }],
  ])('another site cannot make it call, by %s', async (_what, more) => {
    simulators.plaid.reset();
    const sent = {
      method: 'POST',
      path: '/tasks/plaid.userItemsGet',
      headers: { 'content-type': 'application/json', authorization: SIGNED, ...(more as Record<string, string>) },
      body: '{"user_id":"usr_1"}',
    };
    expect([403, 415]).toContain((await ask(sent)).status);
    expect(simulators.plaid.calls().calls).toEqual([]);
  });
});
