import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readWorkerSettings } from 'temporal-http-tasks/internal/config/settings';
import type { ProcessSettings } from 'temporal-http-tasks/internal/config/process-settings';
import { ENV } from '../plugin/host';

const read = (env: Record<string, string>): ProcessSettings => readWorkerSettings({ ...ENV, ...env }).process;

function problemsWith(env: Record<string, string>): string[] {
  try {
    read(env);
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ setting, message }) => `${setting}: ${message}`);
  }
}

it('listens nowhere, sends no spans and is of no version, unless configured otherwise', () => {
  expect(read({})).toEqual({ shutdownMs: 300_000 });
});

it.each([
  ['9464', { host: '127.0.0.1', port: 9464 }],
  ['0.0.0.0:9464', { host: '0.0.0.0', port: 9464 }],
  ['[::1]:9464', { host: '::1', port: 9464 }],
])('reads the address %s', (text, address) => {
  expect(read({ HTTP_TASKS_METRICS_ADDRESS: text }).metrics).toEqual(address);
  expect(read({ HTTP_TASKS_HEALTH_ADDRESS: text }).health).toEqual(address);
});

it.each(['on', '0', '65536', ':9464', '::1:9464', 'http://0.0.0.0:9464', '0.0.0.0'])(
  'refuses the address "%s"',
  (text) => {
    expect(problemsWith({ HTTP_TASKS_METRICS_ADDRESS: text })).toEqual([
      expect.stringContaining(`HTTP_TASKS_METRICS_ADDRESS: "${text}" is not an address`),
    ]);
  },
);

it('refuses one port for two purposes', () => {
  expect(problemsWith({ HTTP_TASKS_METRICS_ADDRESS: '9464', HTTP_TASKS_HEALTH_ADDRESS: '0.0.0.0:9464' })).toEqual([
    expect.stringContaining('HTTP_TASKS_HEALTH_ADDRESS: has the same port as HTTP_TASKS_METRICS_ADDRESS'),
  ]);
});

it('reports all problems together, of the tasks and of the process', () => {
  const problems = problemsWith({
    PLAID_SECRET: '',
    HTTP_TASKS_SHUTDOWN_MS: '5s',
    HTTP_TASKS_BUILD_ID: '1',
    HTTP_TASKS_VERSIONING: 'none',
  });
  expect(problems.map((line) => line.split(':')[0])).toEqual([
    'PLAID_SECRET',
    'HTTP_TASKS_VERSIONING',
    'HTTP_TASKS_DEPLOYMENT',
    'HTTP_TASKS_SHUTDOWN_MS',
  ]);
});

it('takes the version of its code, which upgrades running workflows unless they are pinned', () => {
  const version = { HTTP_TASKS_DEPLOYMENT: 'http-tasks', HTTP_TASKS_BUILD_ID: '1.2.3' };
  expect(read(version).deployment).toEqual({ name: 'http-tasks', buildId: '1.2.3', behavior: 'auto-upgrade' });
  expect(read({ ...version, HTTP_TASKS_VERSIONING: 'pinned' }).deployment).toHaveProperty('behavior', 'pinned');
  expect(problemsWith({ ...version, HTTP_TASKS_DEPLOYMENT: 'a.b' })).toEqual([
    expect.stringContaining('contains a dot'),
  ]);
  expect(problemsWith({ HTTP_TASKS_DEPLOYMENT: 'a' })).toEqual([
    expect.stringContaining('HTTP_TASKS_BUILD_ID: is missing'),
  ]);
});

describe("OpenTelemetry's own settings", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

  it('have spans sent once there is an endpoint, or an exporter is named', () => {
    expect(read(endpoint).tracing).toEqual({ protocol: 'http/protobuf' });
    expect(read({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318' }).tracing).toBeDefined();
    expect(read({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }).tracing).toEqual({
      protocol: 'http/json',
    });
  });

  it('have none sent when they say so', () => {
    expect(read({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }).tracing).toBeUndefined();
    expect(read({ ...endpoint, OTEL_SDK_DISABLED: 'true' }).tracing).toBeUndefined();
  });

  it('are refused where they name what this worker cannot do', () => {
    expect(problemsWith({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toEqual([
      expect.stringContaining('"grpc" is not valid'),
    ]);
    expect(problemsWith({ OTEL_TRACES_EXPORTER: 'zipkin' })).toEqual([
      expect.stringContaining('"zipkin" is not valid'),
    ]);
  });
});
