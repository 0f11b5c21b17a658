import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Server as GrpcServer, ServerCredentials, status } from '@grpc/grpc-js';
import Database from 'libsql';
import { Client } from 'pg';
import { runRaw } from '../ledger/databases';
import { freePort } from '../support/observing';
import { freshPostgresUrl } from '../support/postgres';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { unhurriedMs } from '../support/unhurried';
import { startCli } from './run-cli';
import type { CliEnd, CliEnv } from './run-cli';

// A worker that cannot start: each message names what to change, and the process ends by itself.

/** From the start of the process, in milliseconds; most need less than one second. */
const ENDS_WITHIN_MS = 10_000;

const KEYS: CliEnv = {
  HTTP_TASKS_SUBJECT_KEY: 'the subject key of these tests',
  PLAID_BASE_URL: 'http://127.0.0.1:1',
  PLAID_CLIENT_ID: 'client',
  PLAID_SECRET: 'secret-of-plaid',
  BATCH_BASE_URL: 'http://127.0.0.1:1',
  BATCH_REST_API_KEY: 'rest-key-of-batch',
  BATCH_API_KEYS: 'ios=app-key-of-batch',
};

const folder = mkdtempSync(join(tmpdir(), 'http-tasks-worker-start-'));
const LEDGER = `file:${folder}/ledger.db`;
const open: Server[] = [];
let env: CliEnv;
let silent: number;
let postgres: string;

beforeAll(async () => {
  env = {
    ...KEYS,
    HTTP_TASKS_LEDGER_URL: LEDGER,
    HTTP_TASKS_TASK_QUEUE: freshTaskQueue('start'),
    TEMPORAL_ADDRESS: temporalAddress(),
  };
  silent = await listen((socket) => socket.on('error', () => undefined));
  postgres = await freshPostgresUrl();
  for (const url of [LEDGER, postgres])
    expect(await startCli(['hold', 'list'], { ...env, HTTP_TASKS_LEDGER_URL: url }).ended).toMatchObject({ code: 0 });
});

afterAll(() => {
  for (const server of open) server.close();
});

/** Listens on loopback and returns the port. */
async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer(onSocket);
  open.push(server.unref());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Runs a worker that has to end by itself. */
async function refused(more: CliEnv): Promise<CliEnd> {
  let end: CliEnd | undefined;
  const tookMs = await unhurriedMs(async () => {
    const worker = startCli(['worker'], { ...env, ...more });
    end = (await Promise.race([worker.ended, delay(3 * ENDS_WITHIN_MS, undefined, { ref: false })])) ?? undefined;
    if (!end) throw new Error(`The worker did not end:\n${(await worker.stop('SIGKILL')).stderr}`);
  });
  if (!end) throw new Error('The worker did not end');
  expect(tookMs).toBeLessThan(ENDS_WITHIN_MS);
  // No stack, and nothing about cleaning up.
  expect(end.stderr).not.toMatch(/^\s+at |hold a reference/m);
  return end;
}

function postgresWith(change: (url: URL) => void): string {
  const url = new URL(postgres);
  change(url);
  return url.href;
}

describe('a worker ends with exit 2 and names the setting', () => {
  const cases: [string, () => CliEnv | Promise<CliEnv>, RegExp][] = [
    [
      'another subject key than the ledger has',
      () => ({ HTTP_TASKS_SUBJECT_KEY: 'quite another subject key' }),
      /HTTP_TASKS_SUBJECT_KEY: this ledger was written with another key/,
    ],
    [
      'no folder for the ledger',
      () => ({ HTTP_TASKS_LEDGER_URL: 'file:/no/such/folder/x.db' }),
      /HTTP_TASKS_LEDGER_URL: file:\/no\/such\/folder\/x\.db: .*Its folder must exist/,
    ],
    [
      'no such database',
      () => ({ HTTP_TASKS_LEDGER_URL: postgresWith((url) => (url.pathname = '/nosuch')) }),
      /HTTP_TASKS_LEDGER_URL: .*3D000/,
    ],
    [
      'a wrong password of the database',
      () => ({ HTTP_TASKS_LEDGER_URL: postgresWith((url) => (url.password = 'wrong')) }),
      /HTTP_TASKS_LEDGER_URL: .*28P01/,
    ],
    [
      'a ledger of a newer version',
      async () => {
        const url = await freshPostgresUrl();
        await startCli(['hold', 'list'], { ...env, HTTP_TASKS_LEDGER_URL: url }).ended;
        await runRaw(url, `insert into ledger_migrations (name, at) values ('9999-newer', '2030-01-01T00:00:00Z')`);
        return { HTTP_TASKS_LEDGER_URL: url };
      },
      /HTTP_TASKS_LEDGER_URL: .*newer version of temporal-http-tasks \(unknown migration 9999-newer\)/,
    ],
    [
      'an address for its health that is in use',
      () => ({ HTTP_TASKS_HEALTH_ADDRESS: String(silent) }),
      /HTTP_TASKS_HEALTH_ADDRESS: .*EADDRINUSE/,
    ],
    [
      'an address for metrics that is in use',
      () => ({ HTTP_TASKS_METRICS_ADDRESS: String(silent) }),
      /HTTP_TASKS_METRICS_ADDRESS: cannot be used/,
    ],
    [
      'a key that is missing',
      () => ({ PLAID_SECRET: '', HTTP_TASKS_SUBJECT_KEY: '' }),
      /HTTP_TASKS_SUBJECT_KEY: is missing[\s\S]*PLAID_SECRET: is missing|PLAID_SECRET: is missing[\s\S]*HTTP_TASKS_SUBJECT_KEY: is missing/,
    ],
    ['an encryption key that is none', () => ({ HTTP_TASKS_ENCRYPTION_KEY: 'short' }), /HTTP_TASKS_ENCRYPTION_KEY: /],
    [
      'a certificate that is not there',
      () => ({ TEMPORAL_TLS_CLIENT_CERT_PATH: '/no/such/cert.pem', TEMPORAL_TLS_CLIENT_KEY_PATH: '/no/such/key.pem' }),
      /TEMPORAL_.*cannot be used/,
    ],
    [
      'a root certificate of the database that is not there',
      () => ({ HTTP_TASKS_LEDGER_URL: `${postgres}?sslmode=verify-full&sslrootcert=/no/such.pem` }),
      /HTTP_TASKS_LEDGER_URL: .*sslrootcert/,
    ],
  ];

  it.each(cases)('for %s', async (_what, settings, message) => {
    const { code, stderr } = await refused(await settings());
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('a worker ends with exit 1 and names what it could not use', () => {
  it.each([
    ['a database that nothing listens for', () => 'postgres://u@127.0.0.1:1/x'],
    ['a database that says nothing', () => `postgres://u@127.0.0.1:${silent}/x`],
    ['a database without the TLS that is asked for', () => `${postgres}?sslmode=verify-full`],
  ])('%s', async (_what, url) => {
    const { code, stderr } = await refused({ HTTP_TASKS_LEDGER_URL: url() });
    expect(stderr).toMatch(/^HTTP_TASKS_LEDGER_URL \(postgres:\/\/127\.0\.0\.1:\d+\/\w+\): /m);
    expect(code).toBe(1);
  });

  it.each([
    [
      'a Temporal server that is not there',
      () => ({ TEMPORAL_ADDRESS: '127.0.0.1:1' }),
      /No Temporal server responds at 127\.0\.0\.1:1, .*TEMPORAL_ADDRESS/,
    ],
    [
      'a Temporal server that says nothing',
      () => ({ TEMPORAL_ADDRESS: `127.0.0.1:${silent}` }),
      /No Temporal server responds at .*TEMPORAL_ADDRESS/,
    ],
    [
      'a namespace that does not exist',
      () => ({ TEMPORAL_NAMESPACE: 'nosuch' }),
      /namespace does not exist at .*TEMPORAL_NAMESPACE/,
    ],
    [
      'a Temporal server without TLS',
      () => ({ TEMPORAL_TLS: 'true' }),
      /TLS with the Temporal server at .* failed; check TEMPORAL_TLS/,
    ],
  ])('%s', async (_what, settings, message) => {
    const { code, stderr } = await refused(settings());
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
  });

  it.each([
    ['does not know the key', status.UNAUTHENTICATED],
    ['does not allow it', status.PERMISSION_DENIED],
  ])('a Temporal server that %s', async (_what, code) => {
    const server = new GrpcServer();
    const raw = (value: Buffer): Buffer => value;
    const method = {
      path: '/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo',
      requestStream: false,
      responseStream: false,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    } as const;
    server.addService(
      { GetSystemInfo: method },
      {
        GetSystemInfo: (_call: unknown, respond: (error: object) => void) =>
          respond({ code, details: 'Request unauthorized.' }),
      },
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const end = await refused({ TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
    server.forceShutdown();
    expect(end.stderr).toMatch(/refuses the login; check TEMPORAL_API_KEY/);
    expect(end.code).toBe(1);
  });

  it('an embedded ledger that another process keeps locked', async () => {
    const other = new Database(LEDGER.slice('file:'.length));
    other.exec('begin immediate');
    try {
      const { code, stderr } = await refused({});
      expect(stderr).toMatch(
        /^HTTP_TASKS_LEDGER_URL \(file:.*\): another process has locked it for \d+ s \(SQLITE_BUSY\)/m,
      );
      expect(code).toBe(1);
    } finally {
      other.exec('rollback');
      other.close();
    }
  });

  it('a ledger in Postgres that another process brings up to date', async () => {
    const other = new Client({ connectionString: postgres });
    await other.connect();
    try {
      await other.query('begin; select pg_advisory_xact_lock(1214606444, 1)');
      const { code, stderr } = await refused({ HTTP_TASKS_LEDGER_URL: postgres });
      expect(stderr).toMatch(
        /^HTTP_TASKS_LEDGER_URL \(postgres:.*\): another process has locked it for \d+ s \(55P03\)/m,
      );
      expect(code).toBe(1);
    } finally {
      await other.end();
    }
  });
});

describe('SIGTERM during startup', () => {
  const ended = async (more: CliEnv, afterMs: number): Promise<CliEnd> => {
    const worker = startCli(['worker'], { ...env, ...more });
    await worker.printed('"msg":"starting"');
    await delay(afterMs);
    let end: CliEnd | undefined;
    expect(await unhurriedMs(async () => (end = await worker.stop('SIGTERM')))).toBeLessThan(ENDS_WITHIN_MS);
    return end!;
  };

  it('ends a worker that waits for the Temporal server', async () => {
    const end = await ended({ TEMPORAL_ADDRESS: `127.0.0.1:${silent}` }, 500);
    expect(end.stderr).toContain('"msg":"stopped before polling"');
    expect(end.code).toBe(0);
  });

  it('ends a worker that waits for the ledger', async () => {
    const end = await ended({ HTTP_TASKS_LEDGER_URL: `postgres://u@127.0.0.1:${silent}/x` }, 800);
    expect(end.stderr).toContain('"msg":"stopped before polling"');
    expect(end.code).toBe(0);
  });

  it.each([0, 100, 300, 600, 1_000, 1_500, 2_500, 4_000])(
    'ends a worker that could start, %d ms after its first line',
    async (afterMs) => {
      const end = await ended({ HTTP_TASKS_HEALTH_ADDRESS: String(await freePort()) }, afterMs);
      expect(end.code).toBe(0);
      expect(end.stderr).not.toMatch(/^\s+at |hold a reference|ended before all work was finished/m);
    },
  );
});
