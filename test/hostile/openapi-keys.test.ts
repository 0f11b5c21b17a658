import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi';
import { HttpTasksPlugin } from 'temporal-http-tasks';
import { runCli, runJson, startCli } from '../cli/run-cli';
import type { Refused } from '../cli/run-cli';
import { documentWith, operation } from '../openapi/documents';
import { header, stealing } from './stealing-document';
import type { Json } from './stealing-document';

/** Settings of other services, and of the machine, that no document may have. */
const CANARIES = {
  PLAID_CLIENT_ID: 'canary-plaid-client',
  PLAID_SECRET: 'canary-plaid-secret',
  BATCH_REST_API_KEY: 'canary-batch-rest',
  BATCH_API_KEYS: 'ios=CANARYIOS',
  AWS_SECRET_ACCESS_KEY: 'canary-aws',
  GITHUB_TOKEN: 'canary-github',
  HTTP_TASKS_SUBJECT_KEY: 'canary-subject-key-of-32-characters',
  TEMPORAL_API_KEY: 'canary-temporal',
};

let sink: Server;
let origin: string;
let folder: string;
const heard: string[] = [];

beforeAll(async () => {
  sink = createServer((request, response) => {
    heard.push(JSON.stringify([request.method, request.url, request.headers]));
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
  folder = await mkdtemp(join(tmpdir(), 'http-tasks-keys-'));
});

afterAll(async () => {
  sink.closeAllConnections();
  await new Promise((resolve) => sink.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => void (heard.length = 0));

async function file(document: unknown): Promise<string> {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.json`);
  await writeFile(path, JSON.stringify(document));
  return path;
}

/** What the sink heard of secrets. */
const stolen = (): string[] => heard.filter((call) => /canary/i.test(call));

const THEFTS: [title: string, scheme: string][] = [
  ['Plaid', 'secret'],
  ['Plaid', 'clientId'],
  ['Batch', 'restApiKey'],
  ['Batch', 'apiKeys'],
  ['AWS', 'secretAccessKey'],
  ['GitHub', 'token'],
  ['HTTP tasks', 'subjectKey'],
  ['Temporal', 'apiKey'],
  ['pLAID', 'SECRET'],
];

describe.each([true, false])(
  'A document that asks for a key of another service (own server of the operation: %s)',
  (own) => {
    it.each(THEFTS)('gets nothing through the command line: %s|%s', async (title, scheme) => {
      const spec = await file(stealing(origin, title, scheme, { own }));
      const [task] = tasksFromOpenApi(stealing(origin, title, scheme, { own })).tasks;
      const name = task?.name ?? `${title.toLowerCase()}127.status`;
      expect((await runCli(['call', name, '--openapi', spec, '--input', '{}', '--json'], CANARIES)).code).toBe(2);
      expect(heard).toEqual([]);
    });

    it.each(THEFTS)('gets nothing through a worker: %s|%s', (title, scheme) => {
      const { tasks } = tasksFromOpenApi(stealing(origin, title, scheme, { own }));
      const env = { ...CANARIES, HTTP_TASKS_LEDGER_URL: 'file::memory:' };
      if (own) expect(tasks).toEqual([]);
      else
        expect(() => new HttpTasksPlugin({ env, tasks }).configureWorker({ taskQueue: 'any' })).toThrow(
          /HTTP_TASKS_OPENAPI_|Two services are named/,
        );
    });
  },
);

it('gets nothing through the console either, where one click tries keys', async () => {
  for (const own of [true, false]) {
    const spec = await file(stealing(origin, 'AWS', 'secretAccessKey', { own }));
    const console = startCli(['console', '--port', '0', '--json', '--openapi', spec], CANARIES);
    await console.printed('\n}');
    const { url, token } = JSON.parse(console.stdoutSoFar()) as { url: string; token: string };
    const headers = { 'content-type': 'application/json', connection: 'close', authorization: `Bearer ${token}` };
    const ask = (path: string) => fetch(`${url}${path}`, { method: 'POST', headers, body: '{"input":{}}' });
    // The token is taken, so that what is refused below is the call.
    expect((await fetch(`${url}/api/credentials`, { headers })).ok).toBe(true);
    for (const service of ['aws', 'aws127']) {
      expect((await ask(`/api/credentials/${service}/check`)).ok).toBe(false);
      expect((await ask(`/api/tasks/${service}.status/test`)).ok).toBe(false);
    }
    await console.stop();
  }
  expect(heard).toEqual([]);
});

describe('A missing key', () => {
  it('is refused with the setting to set, the one that 0.1.0 read, and how to name another', async () => {
    const spec = await file(stealing(origin, 'GitHub', 'bearer', { own: false }));
    const unnamed = await runJson<Refused>(['call', 'github.status', '--openapi', spec, '--input', '{}'], {
      GITHUB_BEARER: 'canary',
    });
    expect(unnamed).toMatchObject({
      code: 2,
      document: { error: { type: 'Settings', field: 'HTTP_TASKS_OPENAPI_GITHUB_BEARER' } },
    });
    for (const part of ['HTTP_TASKS_OPENAPI_GITHUB_BEARER', '--service github', '--key', 'GITHUB_BEARER'])
      expect(unnamed.document.error.message).toContain(part);
    const named = await runJson<Refused>(
      ['call', 'github.status', '--openapi', spec, '--service', 'github', '--input', '{}'],
      { GITHUB_BEARER: 'canary' },
    );
    expect(named).toMatchObject({
      code: 2,
      document: { error: { type: 'Settings', field: 'HTTP_TASKS_OPENAPI_GITHUB_BEARER' } },
    });
    expect(named.document.error.message).toContain('Version 0.1.0 read GITHUB_BEARER');
    // Not even what is set under the reserved prefix, while only the document says that it is this service.
    const set = await runCli(['call', 'github.status', '--openapi', spec, '--input', '{}'], {
      HTTP_TASKS_OPENAPI_GITHUB_BEARER: 'canary',
    });
    expect(set.code).toBe(2);
    expect(heard).toEqual([]);
  });
});

describe('A key that the operator named', () => {
  const call = (spec: string, ...more: string[]) => [
    'call',
    'hub.status',
    '--openapi',
    spec,
    '--service',
    'hub',
    '--input',
    '{}',
    ...more,
  ];

  it('goes to the address that is shown with it before the call', async () => {
    const spec = await file(stealing(origin, 'GitHub', 'token', { own: false }));
    const byPrefix = await runCli(call(spec), { HTTP_TASKS_OPENAPI_HUB_TOKEN: 'key-1' });
    expect(byPrefix).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`HTTP_TASKS_OPENAPI_HUB_TOKEN -> ${origin}`),
    });
    const byOption = await runCli(call(spec, '--key', 'token=GITHUB_TOKEN'), { GITHUB_TOKEN: 'key-2' });
    expect(byOption).toMatchObject({ code: 0, stderr: expect.stringContaining(`GITHUB_TOKEN -> ${origin}`) });
    expect(heard.map((one) => /key-\d/.exec(one)?.[0])).toEqual(['key-1', 'key-2']);
  });

  it('goes to the base URL of the operator only, which is read for a service that is named', async () => {
    const spec = await file(documentOfHub('https://hub.example.com'));
    const env = { HTTP_TASKS_OPENAPI_HUB_TOKEN: 'key-3', HUB_BASE_URL: origin };
    expect((await runCli(call(spec), env)).code).toBe(0);
    expect(heard).toHaveLength(1);
    const unnamed = await runCli(
      ['call', 'hub.status', '--openapi', spec, '--key', 'token=MY_TOKEN', '--input', '{}', '--dry-run', '--json'],
      { MY_TOKEN: 'key', HUB_BASE_URL: origin, HUB_ENV: 'nowhere' },
    );
    expect(JSON.parse(unnamed.stdout)).toMatchObject({ request: { url: 'https://hub.example.com/status' } });
  });

  it.each([
    [
      'a server of the operation',
      (server: string) => documentOfHub('https://hub.example.com', { operation: { servers: [{ url: server }] } }),
    ],
    [
      'a server of the path',
      (server: string) => documentOfHub('https://hub.example.com', { path: { servers: [{ url: server }] } }),
    ],
  ])('never goes to %s at another origin, unless the operator says so', async (_what, documentAt) => {
    const spec = await file(documentAt(origin));
    const env = { HTTP_TASKS_OPENAPI_HUB_TOKEN: 'key-4' };
    const { report } = tasksFromOpenApi(documentAt(origin), { service: 'hub' });
    expect(report.skipped[0]!.why).toContain(`the keys are bound to https://hub.example.com`);
    for (const name of ['hub.status', 'hub127.status'])
      expect((await runCli(['call', name, '--openapi', spec, '--service', 'hub', '--input', '{}'], env)).code).toBe(2);
    expect(heard).toEqual([]);
    const allowed = await runCli(
      [
        'call',
        'hub127.status',
        '--openapi',
        spec,
        '--service',
        'hub',
        '--origin',
        'https://hub.example.com',
        '--origin',
        origin,
        '--input',
        '{}',
      ],
      env,
    );
    expect({ code: allowed.code, heard: heard.length }).toEqual({ code: 0, heard: 1 });
    // The operator's own address binds the key again.
    const moved = await runCli(
      ['call', 'hub127.status', '--openapi', spec, '--service', 'hub', '--origin', origin, '--input', '{}'],
      { ...env, HUB_BASE_URL: 'http://127.0.0.1:9' },
    );
    expect({ code: moved.code, heard: heard.length }).toEqual({ code: 2, heard: 1 });
  });

  it('goes nowhere when the document names another origin than the operator', async () => {
    const spec = await file(stealing(origin, 'Hub', 'token', { own: false }));
    const refused = await runJson<Refused>(call(spec, '--origin', 'https://hub.example.com'), {
      HTTP_TASKS_OPENAPI_HUB_TOKEN: 'key-5',
    });
    expect(refused).toMatchObject({ code: 2, document: { error: { type: 'Settings', field: 'HUB_BASE_URL' } } });
    expect(refused.document.error.message).toContain('bound to https://hub.example.com');
    expect(heard).toEqual([]);
  });

  it.each<[string, string[], string]>([
    ["Plaid's", ['--key', 'token=PLAID_SECRET'], 'key'],
    ["a file of Batch's", ['--key', 'token=BATCH_API_KEYS_FILE'], 'key'],
    ["the package's", ['--key', 'token=HTTP_TASKS_SUBJECT_KEY'], 'key'],
    ['a named secret of http.request', ['--key', 'token=HTTP_TASKS_SECRET_DESK'], 'key'],
    ["Temporal's", ['--key', 'token=TEMPORAL_API_KEY'], 'key'],
    ['the bare prefix', ['--key', 'token=HTTP_TASKS_OPENAPI_'], 'key'],
    ['no setting', ['--key', 'token'], 'key'],
    ['one of no scheme', ['--key', 'tokn=HUB_TOKEN'], 'key'],
    ['two for one scheme', ['--key', 'token=A', '--key', 'token=B'], 'key'],
    ['an origin with a path', ['--origin', 'https://hub.example.com/v1'], 'origin'],
  ])('cannot be %s', async (_what, options, field) => {
    const spec = await file(stealing(origin, 'Hub', 'token', { own: false }));
    const { code, document } = await runJson<Refused>(call(spec, ...options), {
      ...CANARIES,
      A: 'canary-a',
      B: 'canary-b',
      HUB_TOKEN: 'canary-hub',
    });
    expect({ code, type: document.error.type, field: document.error.field }).toEqual({ code: 2, type: 'Usage', field });
    expect(heard).toEqual([]);
  });

  it.each(['plaid', 'batch', 'http', 'httpTasks', 'temporal', 'otel', 'plaidDesk', '__proto__', 'Desk', 'a b'])(
    'has no service that is called %s',
    async (service) => {
      const spec = await file(stealing(origin, 'Hub', 'token', { own: false }));
      const { code, stdout } = await runCli(
        ['call', `${service}.status`, '--input', '{}', '--openapi', spec, '--service', service, '--json'],
        CANARIES,
      );
      expect({ code, field: (JSON.parse(stdout) as Refused).error.field }).toEqual({ code: 2, field: 'service' });
    },
  );
});

function documentOfHub(server: string, more: { operation?: Json; path?: Json } = {}): Json {
  const document = documentWith(
    { '/status': { ...more.path, get: operation({ operationId: 'status', ...more.operation }) } },
    { security: [{ token: [] }], components: { securitySchemes: { token: header() } } },
  );
  return { ...document, info: { title: 'Hub', version: '1' }, servers: [{ url: server }] };
}

describe('Generated code', () => {
  it('has no setting of another service in it, and reads none that only the document names', async () => {
    for (const [title, scheme] of THEFTS) {
      const spec = await file(stealing(origin, title, scheme, { own: false }));
      const out = await mkdtemp(join(folder, 'out-'));
      const { document } = await runJson<{ files: string[] }>(['import', spec, '--operation', 'status', '--out', out]);
      const code = (await Promise.all(document.files.map((one) => readFile(one, 'utf8')))).join('\n');
      const settings = [...code.matchAll(/'([A-Z][A-Z0-9_]{3,})'/g)].map(([, name]) => name);
      expect(settings.length).toBeGreaterThan(0);
      expect(settings.filter((name) => !/^(HTTP_TASKS_OPENAPI_[A-Z0-9_]+|GET)$/.test(name!))).toEqual([]);
      expect(code).toContain('unnamed: true');
      expect(code).toContain(`origins: ['${origin}']`);
    }
  });

  it('names the setting that the operator named', async () => {
    const spec = await file(stealing(origin, 'Hub', 'token', { own: false }));
    const { stdout } = await runCli([
      'import',
      spec,
      '--operation',
      'status',
      '--service',
      'hub',
      '--key',
      'token=GITHUB_TOKEN',
    ]);
    expect(stdout).toContain("setting: 'GITHUB_TOKEN'");
    expect(stdout).not.toContain('unnamed');
  });
});

it('stole nothing', () => expect(stolen()).toEqual([]));
