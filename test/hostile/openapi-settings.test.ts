import { tasksFromOpenApi } from '@temporal-http-tasks/openapi';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import type { OpenApiOptions } from '@temporal-http-tasks/openapi/internal/options';
import { Catalogue, CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import { documentWith, operation } from '../openapi/documents';
import { header, stealing } from './stealing-document';
import type { Json } from './stealing-document';

/** Where the documents' calls would go; none is made here. */
const origin = 'http://127.0.0.1:4999';

describe("A client's secret", () => {
  const oauth = (tokenUrl: string): Json => ({
    oauth: { type: 'oauth2', flows: { clientCredentials: { tokenUrl, scopes: {} } } },
  });
  const env = {
    HTTP_TASKS_OPENAPI_HUB_OAUTH_CLIENT_ID: 'client',
    HTTP_TASKS_OPENAPI_HUB_OAUTH_CLIENT_SECRET: 'canary-secret',
  };
  const settingsFor = (tokenUrl: string, more: Json = {}, options: OpenApiOptions = {}) => {
    const { tasks } = tasksFromOpenApi(stealing(origin, 'Hub', 'oauth', { own: false, schemes: oauth(tokenUrl) }), {
      service: 'hub',
      ...options,
    });
    return () => readSenderSettings({ ...env, ...more }, [tasks[0]!.service]);
  };

  it("goes to the service's own origin, and elsewhere only where the operator says so", () => {
    expect(settingsFor('/oauth/token')).not.toThrow();
    expect(settingsFor('https://login.evil.example/token')).toThrow(
      /HTTP_TASKS_OPENAPI_HUB_OAUTH_TOKEN_URL: is missing.*https:\/\/login\.evil\.example/,
    );
    expect(
      settingsFor('https://login.evil.example/token', {
        HTTP_TASKS_OPENAPI_HUB_OAUTH_TOKEN_URL: 'https://login.hub.example/token',
      }),
    ).not.toThrow();
    expect(
      settingsFor('https://login.hub.example/token', {}, { origins: [origin, 'https://login.hub.example'] }),
    ).not.toThrow();
    // The base URL of the operator is then the only origin, also for a token.
    expect(
      settingsFor(
        'https://login.hub.example/token',
        { HUB_BASE_URL: origin },
        { origins: [origin, 'https://login.hub.example'] },
      ),
    ).toThrow('HTTP_TASKS_OPENAPI_HUB_OAUTH_TOKEN_URL');
  });
});

describe('Settings are compared, and not only the names of services', () => {
  it.each([
    ['api-key', 'api_key'],
    ['apiKey', 'API KEY'],
    ['key', 'key_file'],
    ['日本', '密钥'],
  ])('two schemes, %s and %s, that would have one setting are refused until one is named', (one, other) => {
    const document = stealing(origin, 'Hub', one, {
      own: false,
      schemes: { [one]: header('x-a'), [other]: header('x-b') },
    });
    const { report } = tasksFromOpenApi(document, { service: 'hub' });
    expect(report.skipped[0]!.why).toContain('would both read');
    expect(
      tasksFromOpenApi(document, { service: 'hub', credentials: { [other]: { setting: 'OTHER_KEY' } } }).report
        .imported,
    ).toBe(1);
  });

  const tasksOfHub = (options: OpenApiOptions, document: unknown = stealing(origin, 'Hub', 'token', { own: false })) =>
    tasksFromOpenApi(document, options).tasks;
  const own = (setting: string) =>
    defineHttpTask({
      service: defineService({
        name: 'desk',
        title: 'Desk',
        environments: { default: 'https://desk.example.com' },
        defaultEnvironment: 'default',
        credentials: [{ setting, in: 'header', name: 'x-k' }],
        errors: { fields: { code: 'c' }, rules: [] },
      }),
      ...{ operation: 'look', summary: 'Look', method: 'GET', path: '/', effect: 'read' },
      input: CATALOGUE[0]!.input,
      output: CATALOGUE[0]!.output,
    });

  it.each<[string, () => unknown]>([
    [
      'a key of a service of your own',
      () =>
        new Catalogue([
          own('DESK_KEY'),
          ...tasksOfHub({ service: 'hub', credentials: { token: { setting: 'DESK_KEY' } } }),
        ]),
    ],
    [
      'one key for two documents',
      () =>
        new Catalogue([
          ...tasksOfHub({ service: 'hub', credentials: { token: { setting: 'K' } } }),
          ...tasksOfHub({ service: 'other', credentials: { token: { setting: 'K' } } }),
        ]),
    ],
    [
      'names that are one in capitals',
      () => new Catalogue([...tasksOfHub({ service: 'deskEU' }), ...tasksOfHub({ service: 'deskEu' })]),
    ],
    [
      'a service and a scheme that are one with another service',
      () =>
        new Catalogue([
          ...tasksOfHub({ service: 'hub' }, stealing(origin, 'Hub', 'eu_key', { own: false })),
          ...tasksOfHub({ service: 'hubEu' }, stealing(origin, 'Hub', 'key', { own: false })),
        ]),
    ],
    [
      "the package's own, put into the definition by hand",
      () =>
        new Catalogue(
          tasksOfHub({ service: 'hub' }).map((task) => ({
            ...task,
            service: {
              ...task.service,
              credentials: task.service.credentials.map((rule) => ({ ...rule, setting: 'PLAID_SECRET' })),
            },
          })),
        ),
    ],
  ])('and %s is refused by the catalogue', (_what, made) => {
    expect(made).toThrow(/The imported service ".*" would read /);
  });

  it('operations with an address of their own that the operator allows share the keys of their import', () => {
    const document = documentWith(
      {
        '/a': { get: operation({ operationId: 'a' }) },
        '/b': { get: operation({ operationId: 'b', servers: [{ url: 'https://files.shop.example.com' }] }) },
      },
      { security: [{ token: [] }], components: { securitySchemes: { token: header() } } },
    );
    const { tasks } = tasksFromOpenApi(document, {
      service: 'shop',
      origins: ['https://shop.example.com', 'https://files.shop.example.com'],
    });
    expect(new Catalogue(tasks).tasks.map(({ name }) => name)).toEqual(['shop.a', 'shopFiles.b']);
    const env = { HTTP_TASKS_OPENAPI_SHOP_TOKEN: 'key' };
    for (const task of tasks)
      expect(prepareRequest(task, {}, readSenderSettings(env, [task.service])).headers['x-k']).toBe('key');
  });
});
