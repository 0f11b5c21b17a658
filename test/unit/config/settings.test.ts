import { inspect } from 'node:util';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { ProblemList } from 'temporal-http-tasks/internal/config/env';
import { readQueueSettings, readSenderSettings, readSettings } from 'temporal-http-tasks/internal/config/settings';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { DEFAULT_WORK_LIMITS, readWorkLimits, withLimits } from 'temporal-http-tasks/internal/config/process-settings';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import { GOOD, problemsOf } from './good-settings';

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

  it('have defaults, except for credentials', () => {
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

  it('that are missing are all named together, with the file as the other way', () => {
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

  it('that are wrong are all named together', () => {
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
    expect(problems.PLAID_ENV).toBe('"development" is not an environment of Plaid; allowed: sandbox, production.');
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

  it('of the first providers may be left out, all of one, where a worker has providers of its own', () => {
    const { PLAID_CLIENT_ID: _id, PLAID_SECRET: _secret, BATCH_REST_API_KEY: _rest, ...neither } = GOOD;
    const { BATCH_API_KEYS: _keys, ...own } = neither;
    const courier = defineService({
      name: 'courier',
      title: 'Courier',
      errors: { fields: { code: 'code' }, rules: [] },
      environments: { production: 'https://courier.example' },
      defaultEnvironment: 'production',
      credentials: [{ setting: 'COURIER_TOKEN', in: 'header', name: 'x-token' }],
    });
    const withOwn = { ...own, COURIER_TOKEN: 'a token of some length' };
    const { services } = readSettings(withOwn, CATALOGUE_SERVICES, [courier]).sender;
    expect([...services.keys()]).toEqual(['http', 'courier']);
    expect(problemsOf(() => readSettings({ ...own }, CATALOGUE_SERVICES, [courier]))).toHaveProperty('COURIER_TOKEN');
    // A part of a provider's settings is a mistake.
    const half = { ...withOwn, BATCH_API_KEYS: GOOD.BATCH_API_KEYS };
    expect(Object.keys(problemsOf(() => readSettings(half, CATALOGUE_SERVICES, [courier])))).toEqual([
      'BATCH_REST_API_KEY',
    ]);
    expect(Object.keys(problemsOf(() => readSettings(own)))).toContain('PLAID_SECRET');
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

  it.each(['99', '240001', '-1', '1.5', '1e3', 'soon', '0x100'])('refuse a total timeout of %s', (ms) => {
    expect(Object.keys(problemsOf(() => readQueueAndSender(ms)))).toEqual(['HTTP_TASKS_TOTAL_TIMEOUT_MS']);
  });

  it.each(['100', '240000'])('accept a total timeout of %s', (ms) => {
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

  it.each([
    ['production, and no environment', {}, 'https://production.plaid.com', 'production'],
    ['production, in another spelling', {}, 'https://PRODUCTION.plaid.com.:443/v1', 'production'],
    ['production, and the sandbox', { PLAID_ENV: 'sandbox' }, 'https://production.plaid.com', 'production'],
    ['the sandbox, and production', { PLAID_ENV: 'production' }, 'https://sandbox.plaid.com', 'sandbox'],
  ])('of %s is refused', (_what, env, url, meant) => {
    const problems = problemsOf(() => readSenderSettings({ ...GOOD, ...env, PLAID_BASE_URL: url }, [plaidService]));
    expect(Object.keys(problems)).toEqual(['PLAID_ENV']);
    expect(problems.PLAID_ENV).toContain(`Set PLAID_ENV=${meant}, or correct PLAID_BASE_URL.`);
  });

  it('of the selected environment is taken', () => {
    const env = { ...GOOD, PLAID_ENV: 'production', PLAID_BASE_URL: 'https://production.plaid.com/' };
    expect(readSenderSettings(env, [plaidService]).services.get('plaid')?.production).toBe(true);
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
      connectionsPerOrigin: 80,
      openUsers: 250,
      chunkSlots: 2,
    });
  });

  it.each(Object.entries(NAMES))('refuse %s outside 1 to %d', (name, most) => {
    for (const given of ['0', '-1', '1.5', '1e2', 'many', String(most + 1)]) {
      const problems = new ProblemList();
      readWorkLimits({ [name]: given }, problems);
      expect(problemsOf(() => problems.finish({}))).toEqual({
        [name]: `"${given}" is not valid; allowed: a whole number from 1 to ${most}.`,
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
