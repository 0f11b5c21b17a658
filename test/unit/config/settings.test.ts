import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { readLedgerSettings } from '../../../src/config/ledger-settings';
import { ProblemList, SettingsError } from '../../../src/config/problems';
import { readQueueSettings, readSenderSettings, readSettings } from '../../../src/config/settings';
import { CATALOGUE_SERVICES } from '../../../src/tasks/catalogue-services';
import { DEFAULT_WORK_LIMITS, readWorkLimits, withLimits } from '../../../src/config/work-limits';
import { batchService } from '../../../src/tasks/batch/service';
import { plaidService } from '../../../src/tasks/plaid/service';

const GOOD = {
  PLAID_CLIENT_ID: 'canary-client',
  PLAID_SECRET: 'canary-secret',
  BATCH_REST_API_KEY: 'canary-rest',
  BATCH_API_KEYS: 'ios=canary-ios,android=canary-android',
  HTTP_TASKS_SUBJECT_KEY: 'canary-subject-key-0123456789',
};

function problemsOf(read: () => unknown): Record<string, string> {
  try {
    read();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    expect(`${error.message} ${inspect(error)} ${JSON.stringify(error)}`).not.toContain('canary');
    for (const { setting, message } of error.problems) expect(error.message).toContain(`\n  ${setting}: ${message}`);
    return Object.fromEntries(error.problems.map(({ setting, message }) => [setting, message]));
  }
  throw new Error('they were not refused');
}

describe('Settings', () => {
  it.each([
    ['*', /not the whole first label/],
    ['https://*', /not the whole first label/],
    ['https://*:8443', /not the whole first label/],
    ['https://api.*.example.com', /not the whole first label/],
    ['https://*.*.example.com', /not the whole first label/],
    ['https://api-*.example.com', /not the whole first label/],
    ['https://*example.com', /not the whole first label/],
    ['https://*.example.com/path', /not the whole first label/],
    ['https://me@*.example.com', /not the whole first label/],
    ['https://[*::1]', /not the whole first label/],
    ['ftp://*.example.com', /not the whole first label/],
    ['*.com', /every name below "com"/],
    ['https://*.localhost', /every name below "localhost"/],
    ['https://*.0.0.1', /within an address/],
    ['https://10.0.0.*', /not the whole first label/],
    ['https://*.1', /within an address/],
  ])('refuse %s among the origins that http.request may call', (entry, message) => {
    const problems = problemsOf(() => readSettings({ ...GOOD, HTTP_TASKS_HTTP_ALLOW: `https://a.example,${entry}` }));
    expect(problems).toEqual({ HTTP_TASKS_HTTP_ALLOW: expect.stringMatching(message) });
  });

  it('take a wildcard nowhere but among the origins that lead to public addresses', () => {
    const wildcard = 'https://*.example.com';
    const problems = problemsOf(() =>
      readSettings({
        ...GOOD,
        HTTP_TASKS_HTTP_ALLOW_PRIVATE: wildcard,
        HTTP_TASKS_SECRET_A: 'canary-a',
        HTTP_TASKS_SECRET_A_ORIGIN: wildcard,
      }),
    );
    expect(problems).toEqual({
      HTTP_TASKS_HTTP_ALLOW_PRIVATE: expect.stringMatching(/wildcard/),
      HTTP_TASKS_SECRET_A_ORIGIN: expect.stringMatching(/wildcard/),
    });
    const { sender } = readSettings({
      ...GOOD,
      HTTP_TASKS_HTTP_ALLOW: `https://a.example,*.Example.com,${wildcard}:443,http://*.example.com:8080`,
    });
    expect([...sender.httpAllow]).toEqual(['https://a.example', wildcard, 'http://*.example.com:8080']);
  });

  it('hold what sources may read, and report what is wrong there with everything else', () => {
    const sources = {
      HTTP_TASKS_SOURCE_DIR: '/srv/users',
      HTTP_TASKS_SOURCE_CLOSED_URL: 'postgres://u:source-password@db/x?sslmode=verify-full',
      HTTP_TASKS_SOURCE_CLOSED_QUERY: 'select 1 as batch_user_id',
    };
    const settings = readSettings({ ...GOOD, ...sources });
    expect(settings.sources.folder).toBe('/srv/users');
    expect(settings.sources.queryNames).toEqual(['closed']);
    expect(settings.sources.secretValues()).toEqual(['source-password']);
    const problems = problemsOf(() =>
      readSettings({ ...GOOD, ...sources, HTTP_TASKS_SOURCE_CLOSED_QUERY: '', PLAID_ENV: 'live' }),
    );
    expect(Object.keys(problems).sort()).toEqual(['HTTP_TASKS_SOURCE_CLOSED_QUERY', 'PLAID_ENV']);
  });

  it('have defaults for everything that is no credential', () => {
    const settings = readSettings(GOOD);
    expect(settings.taskQueue).toBe('http-tasks');
    expect(settings.ledger.url).toBe('file:./http-tasks-ledger.db');
    expect(settings.ledger.subjectKey).toBe(GOOD.HTTP_TASKS_SUBJECT_KEY);
    expect([...settings.allowSensitive]).toEqual([]);
    expect([...settings.sender.httpAllow]).toEqual([]);
    expect(settings.sender.totalTimeoutMs).toBeUndefined();
    expect(settings.sender.services.get('plaid')).toMatchObject({
      environment: 'sandbox',
      production: false,
      baseUrl: { origin: 'https://sandbox.plaid.com', path: '' },
      credentialsIn: 'header',
    });
    expect(settings.sender.services.get('batch')).toMatchObject({
      baseUrl: { origin: 'https://api.batch.com', path: '' },
    });
    expect(settings.sender.services.get('batch')?.keySlots).toEqual(['ios', 'android']);
    expect(settings.sender.services.get('http')?.keySlots).toEqual([]);
  });

  it('are taken as given', () => {
    const settings = readSettings({
      ...GOOD,
      PLAID_ENV: 'production',
      PLAID_CREDENTIALS_IN: 'body',
      BATCH_BASE_URL: 'http://127.0.0.1:4020/sim/',
      HTTP_TASKS_LEDGER_URL: 'postgres://app:canary-password@db/ledger?sslmode=verify-full',
      HTTP_TASKS_TASK_QUEUE: 'mine',
      HTTP_TASKS_TOTAL_TIMEOUT_MS: '2500',
      HTTP_TASKS_ALLOW_SENSITIVE: ' user_token , access_token ',
      HTTP_TASKS_HTTP_ALLOW: 'https://a.example, http://b.example:8080/',
      HTTP_TASKS_HTTP_ALLOW_PRIVATE: 'http://tickets.internal',
    });
    expect(settings).toMatchObject({ taskQueue: 'mine', sender: { totalTimeoutMs: 2_500 } });
    expect(settings.ledger.url).toBe('postgres://app:canary-password@db/ledger?sslmode=verify-full');
    expect([...settings.allowSensitive]).toEqual(['user_token', 'access_token']);
    expect([...settings.sender.httpAllow]).toEqual([
      'https://a.example',
      'http://b.example:8080',
      'http://tickets.internal',
    ]);
    expect([...settings.sender.httpAllowPrivate]).toEqual(['http://tickets.internal']);
    expect(settings.sender.services.get('plaid')).toMatchObject({
      environment: 'production',
      production: true,
      baseUrl: { origin: 'https://production.plaid.com' },
      credentialsIn: 'body',
    });
    expect(settings.sender.services.get('batch')?.baseUrl).toEqual({ origin: 'http://127.0.0.1:4020', path: '/sim' });
    expect(settings.ledger.secretValues()).toEqual([GOOD.HTTP_TASKS_SUBJECT_KEY, 'canary-password']);
  });

  it('that are missing are all named at once, with the file as the other way', () => {
    const problems = problemsOf(() => readSettings({}));
    expect(Object.keys(problems)).toEqual([
      'PLAID_CLIENT_ID',
      'PLAID_SECRET',
      'BATCH_REST_API_KEY',
      'BATCH_API_KEYS',
      'HTTP_TASKS_SUBJECT_KEY',
    ]);
    expect(problems.PLAID_SECRET).toContain('PLAID_SECRET_FILE');
  });

  it('that are wrong are all named at once', () => {
    const problems = problemsOf(() =>
      readSettings({
        ...GOOD,
        PLAID_ENV: 'development',
        PLAID_CREDENTIALS_IN: 'query',
        BATCH_API_KEYS: 'ios=canary-a,canary-b',
        BATCH_BASE_URL: 'https://api.batch.com/1.0',
        HTTP_TASKS_SUBJECT_KEY: 'canary',
        HTTP_TASKS_LEDGER_URL: 'mysql://canary@db',
        HTTP_TASKS_TOTAL_TIMEOUT_MS: '5s',
        HTTP_TASKS_ALLOW_SENSITIVE: 'user token',
        HTTP_TASKS_HTTP_ALLOW: 'https://a.example/path',
        HTTP_TASKS_SERVICES: 'plaid,batch,stripe',
        HTTP_TASKS_ENCRYPTION_KEY: 'canary-key',
      }),
    );
    expect(Object.keys(problems).sort()).toEqual([
      'BATCH_API_KEYS',
      'BATCH_BASE_URL',
      'HTTP_TASKS_ALLOW_SENSITIVE',
      'HTTP_TASKS_ENCRYPTION_KEY',
      'HTTP_TASKS_HTTP_ALLOW',
      'HTTP_TASKS_LEDGER_URL',
      'HTTP_TASKS_SERVICES',
      'HTTP_TASKS_SUBJECT_KEY',
      'HTTP_TASKS_TOTAL_TIMEOUT_MS',
      'PLAID_CREDENTIALS_IN',
      'PLAID_ENV',
    ]);
    expect(problems.PLAID_ENV).toBe('"development" is no environment of Plaid; allowed: sandbox, production.');
    expect(problems.HTTP_TASKS_SERVICES).toContain('allowed: plaid, batch, http');
    expect(problems.HTTP_TASKS_TOTAL_TIMEOUT_MS).toContain('from 100 to 240000');
    expect(problems.HTTP_TASKS_SUBJECT_KEY).toContain('at least 16');
    expect(problems.HTTP_TASKS_ENCRYPTION_KEY).toContain('openssl rand');
    expect(problems.BATCH_BASE_URL).toContain('/1.0');
  });

  it('are asked for only where the service is used', () => {
    const { BATCH_REST_API_KEY: _rest, BATCH_API_KEYS: _keys, ...plaidOnly } = GOOD;
    const settings = readSettings({ ...plaidOnly, HTTP_TASKS_SERVICES: 'plaid' });
    expect([...settings.sender.services.keys()]).toEqual(['plaid', 'http']);
    const { HTTP_TASKS_SUBJECT_KEY: _subject, ...senderOnly } = plaidOnly;
    expect([...readSenderSettings(senderOnly, [plaidService]).services.keys()]).toEqual(['plaid']);
    expect(readLedgerSettings({ HTTP_TASKS_SUBJECT_KEY: GOOD.HTTP_TASKS_SUBJECT_KEY }).url).toMatch(/^file:/);
    expect(readQueueSettings({}).taskQueue).toBe('http-tasks');
  });

  it.each(['HTTP_TASKS_ENCRYPTION_KEY', 'HTTP_TASKS_ENCRYPTION_KEY_FILE'])(
    'refuse a bad %s wherever workflows are started',
    (setting) => {
      expect(Object.keys(problemsOf(() => readQueueSettings({ [setting]: 'x' })))).toEqual([setting]);
    },
  );

  it('show no secret when they are printed', () => {
    const settings = readSettings({
      ...GOOD,
      HTTP_TASKS_SECRET_A: 'canary-a',
      HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example',
      HTTP_TASKS_LEDGER_URL: 'postgres://u:canary@db/x?sslmode=verify-full',
    });
    expect(`${inspect(settings, { depth: 20, showHidden: true })} ${JSON.stringify(settings)}`).not.toContain('canary');
    expect(settings.sender.secretValues().sort()).toEqual([
      'canary-a',
      'canary-android',
      'canary-client',
      'canary-ios',
      'canary-rest',
      'canary-secret',
    ]);
  });

  it.each(['99', '240001', '-1', '1.5', '1e3', 'soon', '0x100'])('refuse a total time-out of %s', (ms) => {
    expect(Object.keys(problemsOf(() => readQueueAndSender(ms)))).toEqual(['HTTP_TASKS_TOTAL_TIMEOUT_MS']);
  });

  it.each(['100', '240000'])('take a total time-out of %s', (ms) => {
    expect(readQueueAndSender(ms).totalTimeoutMs).toBe(Number(ms));
  });

  function readQueueAndSender(ms: string) {
    return readSenderSettings({ ...GOOD, HTTP_TASKS_TOTAL_TIMEOUT_MS: ms }, CATALOGUE_SERVICES);
  }
});

describe('A base URL', () => {
  it.each([
    ['http to another host', 'http://sandbox.plaid.com', /in clear/],
    ['http to a host that only begins like this machine', 'http://localhost.example', /in clear/],
    ['http to an address of the network', 'http://192.168.0.1', /in clear/],
    ['a user name', 'https://canary@plaid.com', /user name/],
    ['a query', 'https://plaid.com/?a=b', /query/],
    ['a fragment', 'https://plaid.com/#a', /fragment/],
    ['another scheme', 'ftp://plaid.com', /https/],
    ['no scheme', 'plaid.com', /not a URL/],
  ])('with %s is refused', (_what, url, message) => {
    const problems = problemsOf(() => readSenderSettings({ ...GOOD, PLAID_BASE_URL: url }, [plaidService]));
    expect(Object.keys(problems)).toEqual(['PLAID_BASE_URL']);
    expect(problems.PLAID_BASE_URL).toMatch(message);
  });

  it.each([
    'http://localhost:4010',
    'http://127.0.0.1:4010',
    'http://127.1.2.3',
    'http://[::1]:4010',
    'https://plaid.internal/proxy',
  ])('%s is taken', (url) => {
    const settings = readSenderSettings({ ...GOOD, PLAID_BASE_URL: url }, [plaidService]);
    const { origin, path } = settings.services.get('plaid')!.baseUrl;
    expect(origin + path).toBe(url);
  });
});

describe('App keys', () => {
  function slotsOf(keys: string): Record<string, string> {
    const batch = readSenderSettings({ ...GOOD, BATCH_API_KEYS: keys }, [batchService]).services.get('batch')!;
    return Object.fromEntries(
      batch.keySlots.map((slot) => [
        slot,
        batch.credentialsFor(slot).find(({ rule }) => rule.in === 'path')!.value as string,
      ]),
    );
  }

  it.each([
    ['KEY', { default: 'KEY' }],
    ['ios=A', { ios: 'A' }],
    ['ios=A,android=B', { ios: 'A', android: 'B' }],
    [' ios = A , web-2 = B', { ios: 'A', 'web-2': 'B' }],
    ['ios=A=B==', { ios: 'A=B==' }],
  ])('%j are read', (keys, slots) => {
    expect(slotsOf(keys.trim())).toEqual(slots);
  });

  it.each([
    ['a key without a name', 'ios=canary1,canary2', /entry 2/],
    ['a name without a key', 'ios=canary1,android=', /entry 2 \("android"\)/],
    ['a name that is used twice', 'ios=canary1,ios=canary2', /"ios" stands there twice/],
    ['an empty name', '=canary', /entry 1/],
    ['a name with a space', 'my app=canary', /entry 1/],
    ['a comma at the end', 'ios=canary,', /entry 2/],
    ['a line break in a key', 'ios=can\nary', /"ios" holds a control character/],
  ])('with %s are refused', (_what, keys, message) => {
    expect(
      problemsOf(() => readSenderSettings({ ...GOOD, BATCH_API_KEYS: keys }, [batchService])).BATCH_API_KEYS,
    ).toMatch(message);
  });
});

describe('A secret from a file', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'http-tasks-settings-'));
    file = join(folder, 'secret');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const { PLAID_SECRET: _inline, ...rest } = GOOD;
  const read = (more: Record<string, string> = {}) =>
    readSenderSettings({ ...rest, PLAID_SECRET_FILE: file, ...more }, [plaidService]);

  it.each(['canary', 'canary\n', 'canary\r\n'])('%j is read without its one last line break', (text) => {
    writeFileSync(file, text);
    expect(read().secretValues()).toContain('canary');
  });

  it.each([
    ['is missing', undefined, /cannot be read/],
    ['is empty', '', /is empty/],
    ['holds only a line break', '\n', /is empty/],
    ['holds two line breaks', 'canary\n\n', /line break/],
    ['holds two lines', 'canary\ncanary', /control character/],
    ['begins with a space', ' canary', /white space/],
    ['holds a letter outside ASCII', 'canärycanary', /ASCII/],
  ])('that %s is refused under the name of the setting', (_what, text, message) => {
    if (text !== undefined) writeFileSync(file, text);
    expect(problemsOf(read).PLAID_SECRET_FILE).toMatch(message);
  });

  it('is refused beside the same secret in the environment', () => {
    writeFileSync(file, 'canary');
    expect(problemsOf(() => read({ PLAID_SECRET: 'canary-2' })).PLAID_SECRET).toContain('set one of them');
  });

  it('counts alone when the variable of the same name is empty', () => {
    writeFileSync(file, 'canary');
    expect(read({ PLAID_SECRET: '' }).secretValues()).toContain('canary');
  });

  it('is read again on demand, and the settings say whether anything changed', () => {
    writeFileSync(file, 'canary-old');
    const settings = read();
    expect(settings.reload()).toBe(false);
    expect(settings.version).toBe(0);
    writeFileSync(file, 'canary-new\n');
    expect(settings.reload()).toBe(true);
    expect(settings.version).toBe(1);
    expect(settings.secretValues()).toContain('canary-new');
    expect(settings.secretValues()).not.toContain('canary-old');
  });

  it('may hold app keys too, and brings new slots', () => {
    const { BATCH_API_KEYS: _keys, ...batchRest } = GOOD;
    writeFileSync(file, 'ios=canary-1');
    const settings = readSenderSettings({ ...batchRest, BATCH_API_KEYS_FILE: file }, [batchService]);
    writeFileSync(file, 'ios=canary-1,web=canary-2');
    expect(settings.reload()).toBe(true);
    expect(settings.services.get('batch')?.keySlots).toEqual(['ios', 'web']);
  });
});

describe('A named secret', () => {
  const read = (env: Record<string, string>) => readSenderSettings(env, []);
  const A_SECRET = { HTTP_TASKS_SECRET_A: 'canary-key', HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example' };

  it('is read together with its origin', () => {
    const settings = read({
      HTTP_TASKS_SECRET_TICKETS: 'canary-key',
      HTTP_TASKS_SECRET_TICKETS_ORIGIN: 'https://tickets.example/',
    });
    expect(settings.namedSecrets.get('TICKETS')).toMatchObject({
      name: 'TICKETS',
      scope: { origin: 'https://tickets.example' },
    });
    expect(settings.namedSecrets.get('TICKETS')?.value).toBe('canary-key');
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    ['without an origin', { HTTP_TASKS_SECRET_A: 'canary-key' }, 'HTTP_TASKS_SECRET_A_ORIGIN', /is missing/],
    ['without a value', { HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example' }, 'HTTP_TASKS_SECRET_A', /is missing/],
    [
      'for an origin in clear',
      { HTTP_TASKS_SECRET_A: 'canary-key', HTTP_TASKS_SECRET_A_ORIGIN: 'http://a.example' },
      'HTTP_TASKS_SECRET_A_ORIGIN',
      /in clear/,
    ],
    [
      'for more than an origin',
      { HTTP_TASKS_SECRET_A: 'canary-key', HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example/x' },
      'HTTP_TASKS_SECRET_A_ORIGIN',
      /more than an origin/,
    ],
    [
      'of fewer than 8 characters',
      { HTTP_TASKS_SECRET_A: 'canary7', HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example' },
      'HTTP_TASKS_SECRET_A',
      /fewer than 8 characters/,
    ],
    [
      'limited to a method that is none',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_METHODS: 'GET,FETCH' },
      'HTTP_TASKS_SECRET_A_METHODS',
      /not a list of methods.*Allowed: GET/,
    ],
    [
      'limited to no method at all',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_METHODS: ',' },
      'HTTP_TASKS_SECRET_A_METHODS',
      /not a list of methods/,
    ],
    [
      'limited to no path at all',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: ',' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /no path/,
    ],
    [
      'limited to a path without a slash',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: 'v1' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /begin with a slash/,
    ],
    [
      'limited to a path with dots',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: '/v1/../v2' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /dots/,
    ],
    [
      'limited to a path with an encoded slash',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: '/v1%2fv2' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /encoded slash/,
    ],
    [
      'limited to a path with a query',
      { ...A_SECRET, HTTP_TASKS_SECRET_A_PATHS: '/v1?x' },
      'HTTP_TASKS_SECRET_A_PATHS',
      /a query/,
    ],
    ['with limits only', { HTTP_TASKS_SECRET_A_METHODS: 'GET' }, 'HTTP_TASKS_SECRET_A', /is missing/],
    [
      'that no header can carry',
      { HTTP_TASKS_SECRET_A: 'canary-key\n', HTTP_TASKS_SECRET_A_ORIGIN: 'https://a.example' },
      'HTTP_TASKS_SECRET_A',
      /header/,
    ],
  ])('%s is refused', (_what, env, setting, message) => {
    expect(problemsOf(() => read(env))[setting]).toMatch(message);
  });
});

describe('HTTP_TASKS_HTTP_READS', () => {
  it.each([
    ['https://a.example/search', /not a method/],
    ['GET https://a.example/search', /not a method/],
    ['POST https://a.example', /without a path/],
    ['POST https://*.a.example/search', /wildcard/],
    ['POST https://user@a.example/search', /user name/],
    ['POST https://a.example/a/../search', /dots/],
    ['POST https://a.example/a%2fsearch', /encoded slash/],
    ['POST https://a.example/*/search', /asterisk/],
    ['POST https://a.example/search?x=1', /query/],
  ])('refuses %s', (value, message) => {
    expect(problemsOf(() => readSenderSettings({ HTTP_TASKS_HTTP_READS: value }, []))['HTTP_TASKS_HTTP_READS']).toMatch(
      message,
    );
  });
});

describe('limits of a worker', () => {
  const NAMES = {
    HTTP_TASKS_CALLS_PER_KEY: 1_000,
    HTTP_TASKS_CONNECTIONS_PER_ORIGIN: 1_000,
    HTTP_TASKS_OPEN_USERS: 5_000,
    HTTP_TASKS_CHUNK_SLOTS: 16,
  };

  it('are read, and have defaults', () => {
    const most = Object.fromEntries(Object.entries(NAMES).map(([name, number]) => [name, String(number)]));
    expect(readWorkLimits(most, new ProblemList())).toEqual({
      callsPerKey: 1_000,
      connectionsPerOrigin: 1_000,
      openUsers: 5_000,
      chunkSlots: 16,
    });
    expect(readWorkLimits({}, new ProblemList())).toEqual({
      callsPerKey: 64,
      connectionsPerOrigin: 64,
      openUsers: 250,
      chunkSlots: 2,
    });
  });

  it.each(Object.entries(NAMES))('refuse %s outside 1 to %d', (name, most) => {
    for (const given of ['0', '-1', '1.5', '1e2', 'many', String(most + 1)]) {
      const problems = new ProblemList();
      readWorkLimits({ [name]: given }, problems);
      expect(problemsOf(() => problems.finish({}))).toEqual({
        [name]: `"${given}" is not possible; allowed: a whole number from 1 to ${most}.`,
      });
    }
  });

  it('are refused by the name of the option when given in code', () => {
    expect(() => withLimits(DEFAULT_WORK_LIMITS, { openUsers: 0 })).toThrow(
      'limits.openUsers must be a whole number from 1 to 5000.',
    );
    expect(withLimits(DEFAULT_WORK_LIMITS, { chunkSlots: 3 })).toEqual({ ...DEFAULT_WORK_LIMITS, chunkSlots: 3 });
  });
});
