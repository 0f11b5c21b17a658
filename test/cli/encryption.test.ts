import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { findTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { findAll, textIn } from '../canary/haystack';
import { guardTemporal } from '../codec/guarded-temporal';
import { temporalAddress } from '../support/temporal';
import { oneDocument, runCli, runJson, startCli } from './run-cli';
import type { Refused } from './run-cli';

const KEY = { HTTP_TASKS_ENCRYPTION_KEY: randomBytes(32).toString('base64') };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'http-tasks-encryption-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function post(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}?preserveStorageRefs=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

interface Payloads {
  payloads: { metadata: Record<string, string>; data: string }[];
}

const PLAIN = {
  metadata: { encoding: Buffer.from('json/plain').toString('base64') },
  data: Buffer.from('"canary"').toString('base64'),
};

describe('http-tasks codec-server', () => {
  it('encodes and decodes for the UI and for who has the token, until it is stopped', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'a-token-of-the-test\n');
    const args = [
      'codec-server',
      '--port',
      '0',
      '--ui-origin',
      'http://localhost:1234,http://127.0.0.1:1234',
      '--token-file',
      tokenFile,
      '--json',
    ];
    const running = startCli(args, KEY);
    await running.printed('\n}\n');
    const { url } = oneDocument<{ url: string }>(running.stdoutSoFar());
    const headers = { authorization: 'Bearer a-token-of-the-test', origin: 'http://127.0.0.1:1234' };
    const encoded = (await (await post(`${url}/encode`, { payloads: [PLAIN] }, headers)).json()) as Payloads;
    expect(JSON.stringify(encoded)).not.toContain(PLAIN.data);
    expect(await (await post(`${url}/decode`, encoded, headers)).json()).toEqual({ payloads: [PLAIN] });
    expect((await post(`${url}/decode`, encoded, { origin: 'http://127.0.0.1:1234' })).status).toBe(401);
    expect((await post(`${url}/decode`, encoded, { ...headers, origin: 'http://localhost:4321' })).status).toBe(403);
    // Every address of 127.0.0.0/8 is this machine: one that listened everywhere would respond there too.
    await expect(post(`${url.replace('127.0.0.1', '127.0.0.2')}/decode`, encoded, headers)).rejects.toThrow();
    const { code, stderr } = await running.stop('SIGINT');
    expect(code).toBe(0);
    expect(stderr).not.toContain('Every program');
  });

  it.each([
    ['no key', {}, [], 'HTTP_TASKS_ENCRYPTION_KEY'],
    ['a bad key', { HTTP_TASKS_ENCRYPTION_KEY: 'canary' }, [], 'HTTP_TASKS_ENCRYPTION_KEY'],
    ['a UI that is no origin', KEY, ['--ui-origin', 'localhost:8233'], undefined],
    ['a UI with a path', KEY, ['--ui-origin', 'http://localhost:8233/namespaces'], undefined],
    ['a token file that is not there', KEY, ['--token-file', 'no-such-file'], undefined],
    ['a port that is none', KEY, ['--port', '70000'], undefined],
    ['a host name with a port', KEY, ['--host-name', 'codec.example.com:443'], undefined],
    ['to listen beyond this machine without a check', KEY, ['--listen', '0.0.0.0'], undefined],
    ['to listen on what is no address', KEY, ['--listen', '127.0.0.1/x'], undefined],
    ['two checks', KEY, ['--token-file', 'x', '--ask-temporal'], undefined],
    ['to ask a server that lets everybody read', KEY, ['--ask-temporal', '--address', temporalAddress()], undefined],
  ])('refuses %s', async (_, env, more, field) => {
    const { code, document } = await runJson<Refused>(['codec-server', ...more], env);
    expect([code, document.error.field]).toEqual([2, field]);
    expect(document.error.message).not.toContain('canary');
  });

  it('accepts callers whom the Temporal server lets read, and rejects others although the command has an API key', async () => {
    const guarded = await guardTemporal(temporalAddress(), new Set(['Bearer of-a-reader', 'Bearer of-the-operator']));
    const env = {
      ...KEY,
      TEMPORAL_ADDRESS: guarded.address,
      TEMPORAL_API_KEY: 'of-the-operator',
      TEMPORAL_TLS: 'false',
    };
    const running = startCli(['codec-server', '--port', '0', '--ask-temporal', '--listen', 'localhost', '--json'], env);
    await running.printed('\n}\n');
    const { url, checked } = oneDocument<{ url: string; checked: boolean }>(running.stdoutSoFar());
    expect([new URL(url).hostname, checked]).toEqual(['localhost', true]);
    const statusWith = async (authorization?: string): Promise<number> =>
      (await post(`${url}/decode`, { payloads: [] }, authorization === undefined ? {} : { authorization })).status;
    expect(
      await Promise.all([statusWith('Bearer of-a-reader'), statusWith('Bearer of-somebody'), statusWith()]),
    ).toEqual([200, 401, 401]);
    expect((await running.stop('SIGINT')).code).toBe(0);
    await guarded.close();
  });

  it('says whom it serves, and that without a token every program here may decrypt', async () => {
    const running = startCli(['codec-server', '--port', '0'], KEY);
    await running.printed('Ctrl-C stops it.');
    const { stdout, stderr } = await running.stop('SIGINT');
    expect(stdout).toContain('--codec-endpoint http://127.0.0.1:');
    expect(stdout).toContain('http://localhost:8233');
    expect(stderr).toContain('--token-file');
  });
});

it('uses a key wherever a command talks to Temporal, and refuses a bad one before it does', async () => {
  const { code, document } = await runJson<Refused>(['offboard', '--plaid-user-id', 'x', '--reason', 'OTHER'], {
    HTTP_TASKS_ENCRYPTION_KEY: 'canary',
  });
  expect([code, document.error.type, document.error.field]).toEqual([2, 'Settings', 'HTTP_TASKS_ENCRYPTION_KEY']);
  const { stderr } = await runCli(['worker'], { HTTP_TASKS_ENCRYPTION_KEY: 'canary' });
  expect(stderr).toContain('HTTP_TASKS_ENCRYPTION_KEY: the key of entry 1');
  expect(stderr).not.toContain('canary');
});

const execute = promisify(execFile);

interface DevDocument {
  temporal: { address: string; uiUrl: string; encrypted: boolean; codecUrl: string };
  settings: Record<string, string>;
  example: { input: { user: { plaidUserId: string } } };
}

it('brings up a whole stack that encrypts under the key that is set, with a UI that can decrypt, and prints no key', async () => {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const running = startCli(['dev', '--json'], { TMPDIR: folder, XDG_CACHE_HOME: cache, ...KEY });
  await running.printed('\n}\n');
  const { temporal, settings, example } = oneDocument<DevDocument>(running.stdoutSoFar());
  expect(temporal.encrypted).toBe(true);
  const run = await runJson<OffboardResult>(['offboard', '--input', JSON.stringify(example.input)], {
    ...settings,
    ...KEY,
  });
  expect({ code: run.code, status: run.document.status }).toEqual({ code: 0, status: 'completed' });

  const connection = await Connection.connect({ address: temporal.address });
  const { events } = await new Client({ connection }).workflow.getHandle(run.document.workflowId).fetchHistory();
  const [payload] = events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads!;
  await connection.close();
  expect(textIn(events)).not.toContain(example.input.user.plaidUserId);

  const uiSettings = (await (await fetch(`${temporal.uiUrl}/api/v1/settings`)).json()) as {
    Codec: { Endpoint: string };
  };
  expect(uiSettings.Codec.Endpoint).toBe(temporal.codecUrl);
  const stored = {
    metadata: Object.fromEntries(
      Object.entries(payload!.metadata!).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
    ),
    data: Buffer.from(payload!.data!).toString('base64'),
  };
  const decoded = (await (
    await post(`${temporal.codecUrl}/decode`, { payloads: [stored] }, { origin: temporal.uiUrl })
  ).json()) as Payloads;
  expect(JSON.parse(Buffer.from(decoded.payloads[0]!.data, 'base64').toString())).toEqual(example.input);

  const { path: temporalCommand } = await findTemporalServer({ report: () => undefined });
  const show = [
    'workflow',
    'show',
    '--workflow-id',
    run.document.workflowId,
    '--address',
    temporal.address,
    '--output',
    'json',
  ];
  const shown = async (more: string[]): Promise<string> =>
    (await execute(temporalCommand, [...show, ...more], { env: {} })).stdout;
  const { plaidUserId } = example.input.user;
  expect(
    findAll(
      { decoded: await shown(['--codec-endpoint', temporal.codecUrl]), stored: await shown([]) },
      { plaidUserId },
    ),
  ).toEqual(['decoded: plaidUserId']);

  const { code, stdout, stderr } = await running.stop('SIGINT');
  expect(code).toBe(0);
  expect(stdout + stderr).not.toContain(KEY.HTTP_TASKS_ENCRYPTION_KEY);
});
