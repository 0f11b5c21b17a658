import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KNOWN_SETTINGS, nearMisses, unknownSettings } from 'temporal-http-tasks/internal/config/known-settings';
import { readWorkerSettings } from 'temporal-http-tasks/internal/config/settings';
import { SETTINGS } from 'temporal-http-tasks/internal/config/setting-table';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import * as tables from '../../../scripts/settings-tables.cjs';

const ROOT = join(__dirname, '../../..');
const SOURCES = ['src', ...readdirSync(join(ROOT, 'packages')).map((name) => join('packages', name, 'src')), 'lab/src'];
const REGISTRY = join(ROOT, 'src/config/setting-table.ts');
const names = (env: Record<string, string>): string[] =>
  unknownSettings(env).map(({ setting, message }) => `${setting} ${message}`);
const warned = (env: Record<string, string>): string[] =>
  nearMisses(env, CATALOGUE_SERVICES).map(({ setting, message }) => `${setting} ${message}`);

/** Every HTTP_TASKS_… in the sources, with `<NAME>` and `${name}` as the name that an operator chooses. */
function namesInSources(): Set<string> {
  const files = SOURCES.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(ROOT, folder, file)),
  ).filter((file) => /\.[jt]s$/.test(file) && file !== REGISTRY);
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  return new Set(
    [...text.matchAll(/HTTP_TASKS_[A-Z0-9_]*(?:(?:<[A-Z]+>|\$\{\w+\})[A-Z0-9_]*)*/g)].map(([name]) => name),
  );
}

describe('the registry of settings', () => {
  it('knows every name in the sources', () => {
    const prefixes = new Set(
      KNOWN_SETTINGS.filter((name) => name.includes('<NAME>')).map((name) => name.slice(0, name.indexOf('<NAME>'))),
    );
    const found = [...namesInSources()].map((name) => name.replace(/<[A-Z]+>|\$\{\w+\}/g, 'DESK'));
    expect(found.length).toBeGreaterThan(30);
    const foreign = found.filter(
      (name) => unknownSettings({ [name]: 'x' }).length > 0 && !prefixes.has(name) && name !== 'HTTP_TASKS_',
    );
    // The token of a client is called so in snippets; it is not read.
    expect(foreign.filter((name) => name !== 'HTTP_TASKS_OAUTH_DESK_ACCESS_TOKEN' && !name.endsWith('_'))).toEqual([]);
  });

  it('knows no name that the sources do not read', () => {
    const found = namesInSources();
    const once = KNOWN_SETTINGS.filter((name) => !name.includes('<NAME>'));
    expect(once.filter((name) => !found.has(name) && !found.has(name.replace(/_FILE$/, '')))).toEqual([]);
  });
});

it('is written to docs/settings.md; if not, build and run `node scripts/settings-tables.cjs`', () => {
  const page = readFileSync(tables.PAGE, 'utf8');
  expect(page).toBe(tables.withTables(page, SETTINGS));
});

describe('an unknown setting', () => {
  it.each([
    ['HTTP_TASKS_ENCRYPION_KEY', 'did you mean HTTP_TASKS_ENCRYPTION_KEY?'],
    ['HTTP_TASKS_ENCRYPTIONKEY', 'did you mean HTTP_TASKS_ENCRYPTION_KEY?'],
    ['HTTP_TASKS_SUBJECT_KEYFILE', 'did you mean HTTP_TASKS_SUBJECT_KEY_FILE?'],
    ['HTTP_TASKS_LEDGER', 'did you mean HTTP_TASKS_LEDGER_URL?'],
    ['HTTP_TASKS_ALLOW_PLAIN_TEXT', 'did you mean HTTP_TASKS_ALLOW_PLAINTEXT?'],
    ['http_tasks_task_queue', 'did you mean HTTP_TASKS_TASK_QUEUE?'],
    ['HTTP_TASKS_SOURCE_CLOSED_UR', 'did you mean HTTP_TASKS_SOURCE_CLOSED_URL?'],
    ['HTTP_TASKS_SOURCE_CLOSED_ACCOUNTS_QUERRY', 'did you mean HTTP_TASKS_SOURCE_CLOSED_ACCOUNTS_QUERY?'],
    ['HTTP_TASKS_OAUTH_DESK_SCOPES', 'did you mean HTTP_TASKS_OAUTH_DESK_SCOPE?'],
    ['HTTP_TASKS_OAUTH_DESK_TOKEN_URL_FILE', 'HTTP_TASKS_OAUTH_DESK_TOKEN_URL'],
    ['HTTP_TASKS_TLS_DESK_CERTFILE', 'did you mean HTTP_TASKS_TLS_DESK_CERT_FILE?'],
    ['HTTP_TASKS_METRICS_PORT', 'HTTP_TASKS_METRICS_ADDRESS'],
    ['HTTP_TASKS_WALLPAPER', 'the closest setting is'],
  ])('is named with the nearest one: %s', (setting, nearest) => {
    expect(names({ [setting]: 'x' })).toEqual([expect.stringContaining(nearest)]);
    expect(() => readWorkerSettings({ [setting]: 'x' })).toThrow(new RegExp(`${setting}: is not a setting`));
  });

  it('is none that is empty, that the tests use, or that Kubernetes makes of a Service', () => {
    const kubernetes = {
      HTTP_TASKS_SERVICE_HOST: '10.0.0.1',
      HTTP_TASKS_SERVICE_PORT: '9464',
      HTTP_TASKS_SERVICE_PORT_METRICS: '9464',
      HTTP_TASKS_PORT: 'tcp://10.0.0.1:9464',
      HTTP_TASKS_PORT_9464_TCP: 'tcp://10.0.0.1:9464',
      HTTP_TASKS_PORT_9464_TCP_PROTO: 'tcp',
      HTTP_TASKS_PORT_9464_TCP_PORT: '9464',
      HTTP_TASKS_PORT_9464_TCP_ADDR: '10.0.0.1',
      HTTP_TASKS_METRICS_V2_SERVICE_HOST: '10.0.0.1',
      HTTP_TASKS_METRICS_PORT: 'tcp://10.0.0.1:9464',
      HTTP_TASKS_METRICS_PORT_53_UDP: 'udp://10.0.0.1:53',
    };
    expect(
      names({
        ...kubernetes,
        HTTP_TASKS_NOTHING: '',
        HTTP_TASKS_TESTS: 'a',
        HTTP_TASKS_TEST_CHROMIUM: 'b',
        HTTP_TASK: 'c',
        OTHER_HTTP_TASKS_X: 'd',
      }),
    ).toEqual([]);
  });

  it('is reported with everything else that is wrong', () => {
    const read = (): unknown => readWorkerSettings({ HTTP_TASKS_ENCRYPION_KEY: 'x' });
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(/HTTP_TASKS_ENCRYPION_KEY: is not a setting[^]*HTTP_TASKS_SUBJECT_KEY: is missing/);
  });
});

describe('a near miss of a setting of Plaid or Batch', () => {
  it.each([
    ['PLAID_SECERT', 'PLAID_SECRET'],
    ['PLAID_CLIENTID', 'PLAID_CLIENT_ID'],
    ['PLAID_ENVIRONMENT', 'PLAID_ENV'],
    ['plaid_env', 'PLAID_ENV'],
    ['BATCH_API_KEY', 'BATCH_API_KEYS'],
    ['BATCH_REST_API_KEY_FIL', 'BATCH_REST_API_KEY_FILE'],
    ['HTTP_TASK_LEDGER_URL', 'HTTP_TASKS_LEDGER_URL'],
    ['HTTPTASKS_ENCRYPTION_KEY', 'HTTP_TASKS_ENCRYPTION_KEY'],
  ])('is reported: %s', (setting, meant) =>
    expect(warned({ [setting]: 'x' })).toEqual([`${setting} is not read; did you mean ${meant}?`]),
  );

  it('is not reported for other variables of theirs or for one that is read', () => {
    const others = {
      PLAID_WEBHOOK_URL: 'x',
      PLAID_PRODUCTS: 'x',
      PLAID_ENV: 'x',
      PLAID_SECRET_FILE: 'x',
      BATCH_SIZE: 'x',
      PLAID_COUNTRY_CODES: 'x',
      PATH: 'x',
      HTTP_PROXY: 'x',
    };
    expect(warned(others)).toEqual([]);
  });
});
