import { ProblemList, SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readPlaintext } from 'temporal-http-tasks/internal/config/database-settings';
import { readProcess } from 'temporal-http-tasks/internal/config/process-settings';
import { readSettings, setupLine, setupText } from 'temporal-http-tasks/internal/config/settings';
import { readTemporalConnection } from '@temporal-http-tasks/cli/internal/temporal/config';

/** Without the profile of the user who runs the tests. */
const NO_FILE = { TEMPORAL_CONFIG_FILE: '/nowhere/at/all.toml' };

function problemOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a connection to Temporal', () => {
  it.each(['localhost:7233', '127.0.0.1', '[::1]:7233', 'LOCALHOST:1'])(
    'needs no TLS on this machine: %s',
    (address) => {
      expect(readTemporalConnection({ ...NO_FILE, TEMPORAL_ADDRESS: address })).toMatchObject({
        connectionOptions: { address },
      });
    },
  );

  it.each([
    'temporal.example.com:7233',
    'temporal:7233',
    '127.0.0.1.nip.io:7233',
    'localhost.:7233',
    '10.0.0.1',
    '[2001:db8::1]:7233',
  ])('needs TLS beyond it: %s', (address) => {
    const env = { ...NO_FILE, TEMPORAL_ADDRESS: address };
    for (const plain of [
      {},
      { TEMPORAL_TLS: 'false' },
      { TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: 'canary' },
      { HTTP_TASKS_ALLOW_PLAINTEXT: 'ledger' },
    ]) {
      expect(problemOf(() => readTemporalConnection({ ...env, ...plain }))).toMatch(
        /TEMPORAL_ADDRESS: connects to .* without TLS.*TEMPORAL_TLS=true/,
      );
    }
    expect(problemOf(() => readTemporalConnection(NO_FILE, { address }))).toContain('without TLS');
    for (const fine of [
      { TEMPORAL_TLS: 'true' },
      { TEMPORAL_API_KEY: 'canary' },
      { HTTP_TASKS_ALLOW_PLAINTEXT: 'temporal' },
    ]) {
      expect(readTemporalConnection({ ...env, ...fine }).connectionOptions.address).toBe(address);
    }
  });

  it.each([
    'user:canary@127.0.0.1:7233',
    '127.0.0.1:7233#canary',
    'http://canary.example:7233',
    'dns:///canary:7233',
    'unix:/canary',
    '127.0.0.1:7233,canary:7233',
    'canary example:1',
    '::1:7233',
  ])('is refused, and not repeated, if it is not an address: %s', (address) => {
    const problem = problemOf(() =>
      readTemporalConnection({ ...NO_FILE, TEMPORAL_ADDRESS: address, TEMPORAL_TLS: 'true' }),
    );
    expect(problem).toContain('write HOST:PORT');
    expect(problem).not.toContain('canary');
  });
});

describe('the endpoint for traces', () => {
  const problems = (env: Record<string, string>): string => {
    const list = new ProblemList();
    readProcess(env, list);
    return problemOf(() => list.finish(undefined));
  };
  const KEY = { OTEL_EXPORTER_OTLP_HEADERS: 'x-key=canary' };

  it.each(['http://collector:4318', 'http://collector.example.com', 'http://u:canary@10.0.0.1:4318'])(
    'gets no keys in clear beyond this machine: %s',
    (endpoint) => {
      for (const setting of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) {
        const problem = problems({ ...KEY, [setting]: endpoint });
        expect(problem).toContain(`${setting}: connects to`);
        expect(problem).not.toContain('canary');
      }
    },
  );

  it.each([
    { ...KEY, OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example.com' },
    { ...KEY, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' },
    { ...KEY, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', HTTP_TASKS_ALLOW_PLAINTEXT: 'otlp' },
    { ...KEY, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SDK_DISABLED: 'true' },
  ])('is taken otherwise: %j', (env) => expect(problems(env)).toBe('Invalid settings:'));
});

describe('what a worker says when it starts', () => {
  const ENV = {
    PLAID_CLIENT_ID: 'canary-client',
    PLAID_SECRET: 'canary-secret',
    PLAID_ENV: 'production',
    HTTP_TASKS_SERVICES: 'plaid',
    HTTP_TASKS_SUBJECT_KEY: 'canary-subject-key-0123456789',
    HTTP_TASKS_LEDGER_URL: 'postgres://app:canary@db.example.com:6432/ledger',
    HTTP_TASKS_ALLOW_PLAINTEXT: 'ledger,source.closed',
    HTTP_TASKS_SOURCE_CLOSED_URL: 'postgres://app:canary@db.example.com/x',
    HTTP_TASKS_SOURCE_CLOSED_QUERY: 'select 1',
    HTTP_TASKS_NEXUS: 'off',
  };

  it('names environments, ledger, encryption and what is off, and no secret', () => {
    const line = setupLine(readSettings(ENV), ['plaid', 'batch', 'http']);
    expect(line).toEqual({
      taskQueue: 'http-tasks',
      environments: { plaid: 'production', http: 'default' },
      ledger: 'postgres://db.example.com:6432/ledger (no TLS)',
      encryption: 'off',
      sources: ['closed'],
      allowedPlaintext: ['ledger', 'source.closed'],
      off: ['encryption', 'TLS for ledger', 'TLS for source.closed', 'service batch', 'Nexus'],
    });
    expect(setupText(line)).toContain('ledger postgres://db.example.com:6432/ledger (no TLS); encryption off;');
    expect(setupText(line) + JSON.stringify(line)).not.toContain('canary');
  });

  it('says that TLS checks the ledger, and that a key encrypts', () => {
    const line = setupLine(
      readSettings({
        ...ENV,
        HTTP_TASKS_LEDGER_URL: 'postgres://app:canary@db.example.com/ledger?sslmode=verify-full',
        HTTP_TASKS_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
        HTTP_TASKS_ENCRYPTION_PLAINTEXT: 'refuse',
      }),
      ['plaid'],
    );
    expect(line).toMatchObject({
      ledger: 'postgres://db.example.com/ledger (TLS, server verified)',
      encryption: 'on, plain-text inputs: refuse',
    });
    expect(line.off).not.toContain('encryption');
  });
});

it('refuses to allow plain text for a source that is not configured', () => {
  expect(
    problemOf(() =>
      readSettings({ HTTP_TASKS_ALLOW_PLAINTEXT: 'source.closed', HTTP_TASKS_SUBJECT_KEY: 'a-subject-key-for-tests' }),
    ),
  ).toContain('"source.closed" is not a configured source; configured: none.');
  expect(readPlaintext({}, new ProblemList()).items).toEqual([]);
});
