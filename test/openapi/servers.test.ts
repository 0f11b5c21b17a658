import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { openDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import type { OpenApiOptions } from '@temporal-http-tasks/openapi/internal/options';
import { readApi } from '@temporal-http-tasks/openapi/internal/read-api';
import { sourceFiles } from '@temporal-http-tasks/openapi/internal/source/task-source';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { documentWith, operation, tasksOf } from './documents';
import { complaintsAbout, tasksIn } from './generated-code';

type Server = { url: string; description?: string; variables?: object };

const US = 'https://api.desk.example';
const EU = 'https://api.eu.desk.example';
const REGIONS: Server[] = [
  { url: US, description: 'The production API server' },
  { url: EU, description: 'The european API server' },
];

const documentOf = (servers: readonly Server[], own?: readonly Server[]) =>
  documentWith({ '/a': { get: operation({ operationId: 'a', ...(own && { servers: own }) }) } }, { servers });
const imported = (servers: readonly Server[], options: OpenApiOptions = {}) =>
  tasksOf(documentOf(servers), { service: 'desk', ...options });
const serviceOf = (servers: readonly Server[], options: OpenApiOptions = {}): ServiceDefinition =>
  imported(servers, options).services[0]!;

/** Where a call goes with these settings: environment, origin and path, and whether it is production; or why it does not. */
function placeOf(servers: readonly Server[], env: Record<string, string> = {}, options: OpenApiOptions = {}): unknown {
  const [task] = imported(servers, options).tasks;
  try {
    const { environment, origin, path, production } = prepareRequest(
      task!,
      {},
      readSenderSettings(env, [task!.service]),
    );
    return { environment, url: origin + path, production };
  } catch (error) {
    if (error instanceof SettingsError)
      return error.problems.map(({ setting, message }) => `${setting} ${message}`).join(' ');
    throw error;
  }
}

describe('Of several servers without one that looks like a sandbox', () => {
  it('none is the default, all are production, and the setting is asked for with its choices', () => {
    const service = serviceOf(REGIONS);
    expect(service.defaultEnvironment).toBeUndefined();
    const [us, eu] = Object.keys(service.environments);
    expect(service).toMatchObject({
      environmentSetting: 'DESK_ENV',
      productionEnvironments: [us, eu],
      environments: { [us!]: US, [eu!]: EU },
    });
    expect(placeOf(REGIONS)).toMatch(
      new RegExp(`^DESK_ENV is missing: .*set DESK_ENV to one of them: ${us} \\(${US}\\), ${eu} \\(${EU}\\)`),
    );
    expect(placeOf(REGIONS, { DESK_ENV: eu! })).toEqual({ environment: eu, url: `${EU}/a`, production: true });
    expect(imported(REGIONS).report.decide).toContainEqual({
      operation: '*',
      what: expect.stringMatching(
        /^servers: no server looks like a sandbox.*choose one of .*\(DESK_ENV, DESK_BASE_URL\)$/,
      ) as string,
    });
  });

  it.each<[string, Server[]]>([
    ['three regions', [{ url: US }, { url: EU }, { url: 'https://api.au.desk.example' }]],
    [
      'a variable with a default',
      [{ url: 'https://{region}.desk.example', variables: { region: { enum: ['us', 'eu'], default: 'us' } } }],
    ],
    [
      'a variable with many values',
      [
        {
          url: 'https://{region}.desk.example',
          variables: { region: { enum: Array.from({ length: 60 }, (_, index) => `r${index}`), default: 'r0' } },
        },
      ],
    ],
    ['names of live systems', [{ url: 'https://live.desk.example' }, { url: 'https://www.desk.example' }]],
    [
      'a description that only mentions a sandbox',
      [
        { url: US, description: 'The API for real data; there is a sandbox with test data at another address as well' },
        { url: EU },
      ],
    ],
    ['one that cannot be filled in', [{ url: US }, { url: 'https://{tenant}.desk.example' }]],
  ])('none is taken: %s', (_what, servers) => {
    const service = serviceOf(servers);
    expect(service.defaultEnvironment).toBeUndefined();
    expect(service.productionEnvironments).toEqual(Object.keys(service.environments));
    expect(placeOf(servers)).toMatch(/^DESK_ENV is missing/);
  });

  it('one may be named in code, or the address by a setting, which is production too unless it is this machine', () => {
    const [us] = Object.keys(serviceOf(REGIONS).environments);
    expect(placeOf(REGIONS, {}, { defaultEnvironment: us! })).toMatchObject({ url: `${US}/a`, production: true });
    expect(placeOf(REGIONS, { DESK_BASE_URL: EU })).toMatchObject({ url: `${EU}/a`, production: true });
    expect(placeOf(REGIONS, { DESK_BASE_URL: 'https://desk.internal' })).toMatchObject({
      environment: 'custom',
      production: true,
    });
    expect(placeOf(REGIONS, { DESK_BASE_URL: 'http://127.0.0.1:9911' })).toEqual({
      environment: 'custom',
      url: 'http://127.0.0.1:9911/a',
      production: false,
    });
  });

  it('a service without a name says how to choose', () => {
    const [task] = tasksOf(documentOf(REGIONS)).tasks;
    expect(() => readSenderSettings({}, [task!.service])).toThrow(
      /name the service \(--service shop, or service in code\)/,
    );
  });

  it('operations with servers of their own ask for a setting of their own', () => {
    const { services, report } = tasksOf(
      documentOf([{ url: US }], [{ url: 'https://up.desk.example' }, { url: 'https://up.eu.desk.example' }]),
      { service: 'desk' },
    );
    expect(services[0]).toMatchObject({ name: 'deskUp', environmentSetting: 'DESK_UP_ENV' });
    expect(services[0]!.defaultEnvironment).toBeUndefined();
    expect(report.decide).toContainEqual({
      operation: '*',
      what: expect.stringMatching(/^servers: of deskUp, no server looks like a sandbox/) as string,
    });
    expect(() => readSenderSettings({}, services)).toThrow(/DESK_UP_ENV/);
  });
});

it.each<[string, Server[], Record<string, string>, object]>([
  [
    'a single server is taken and is production',
    [{ url: US }],
    {},
    { environment: 'default', url: `${US}/a`, production: true },
  ],
  ['a single sandbox is not', [{ url: 'https://sandbox.desk.example' }], {}, { production: false }],
  [
    'this machine never is',
    [{ url: 'http://127.0.0.1:9911/v1' }],
    {},
    { url: 'http://127.0.0.1:9911/v1/a', production: false },
  ],
  [
    'this machine never is, by name',
    [{ url: 'http://localhost:9911', description: 'Production' }],
    {},
    { production: false },
  ],
  [
    'a single server behind an address of this machine is not',
    [{ url: US }],
    { DESK_BASE_URL: 'http://127.0.0.1:9911' },
    { url: 'http://127.0.0.1:9911/a', production: false },
  ],
  [
    'a sandbox is the default, and every other one is production',
    [{ url: US }, { url: EU }, { url: 'https://sandbox.desk.example' }],
    {},
    { environment: 'sandbox', production: false },
  ],
  [
    'with a sandbox as the default, the address of a live one is production',
    [{ url: US }, { url: 'https://sandbox.desk.example' }],
    { DESK_BASE_URL: US },
    { url: `${US}/a`, production: true },
  ],
  [
    'a variable in the path may be empty',
    [{ url: `${US}{base}`, variables: { base: { default: '' } } }],
    {},
    { url: `${US}/a` },
  ],
])('%s', (_what, servers, env, place) => {
  expect(placeOf(servers, env)).toMatchObject(place);
});

it('next to a sandbox, everything that is not a sandbox counts as production', () => {
  expect(
    serviceOf([{ url: US }, { url: EU }, { url: 'https://sandbox.desk.example' }]).productionEnvironments,
  ).toHaveLength(2);
});

it.each<[string, Server[], RegExp]>([
  [
    'a variable without a default',
    [{ url: 'https://{subdomain}.desk.example' }],
    /variables subdomain have no default/,
  ],
  [
    'a variable with an empty default',
    [{ url: 'https://{subdomain}.desk.example', variables: { subdomain: { default: '' } } }],
    /variables subdomain have no default/,
  ],
  ['no servers', [], /names no address/],
  ['a path only', [{ url: '/v1' }], /with \/v1 at its end/],
])('an address is asked for where the document has none: %s', (_what, servers, said) => {
  expect(serviceOf(servers).environments).toEqual({});
  expect(imported(servers).report.decide).toContainEqual({
    operation: '*',
    what: expect.stringMatching(said) as string,
  });
  expect(placeOf(servers)).toMatch(/^DESK_BASE_URL the document of "desk" names no address.*Set DESK_BASE_URL/);
  expect(placeOf(servers, { DESK_BASE_URL: 'https://acme.desk.example' })).toMatchObject({
    url: 'https://acme.desk.example/a',
    production: true,
  });
});

describe('A server whose url has a query', () => {
  it.each(['https://desk.example/v1?api-version=2', 'https://{env}.desk.example?key={env}'])(
    'is left out, and said with its place: %s',
    (url) => {
      const servers = [{ url, ...(url.includes('{') && { variables: { env: { default: 'eu' } } }) }];
      expect(serviceOf(servers).environments).toEqual({});
      expect(imported(servers).report.decide).toContainEqual({
        operation: '*',
        what: expect.stringMatching(
          /^servers: the server at #\/servers\/0 has a query in its url, so that it is left out; set the base URL to use it.*\(DESK_BASE_URL\)$/,
        ) as string,
      });
      expect(placeOf(servers)).toMatch(/names no address/);
    },
  );

  it('does not make another the only one', () => {
    const servers = [{ url: 'https://desk.example?v=2' }, { url: 'https://eu.desk.example' }];
    expect(placeOf(servers)).toMatch(/^DESK_ENV is missing/);
    expect(imported(servers).report.decide).toContainEqual({
      operation: '*',
      what: expect.stringContaining('#/servers/0 has a query') as string,
    });
  });

  it('is used if there is nothing in the query', () => {
    expect(placeOf([{ url: 'https://sandbox.desk.example/v1?' }])).toMatchObject({
      url: 'https://sandbox.desk.example/v1/a',
    });
  });
});

it.each(['HTTPS://Sandbox.Desk.Example/V1', 'Https://sandbox.desk.example/V1/'])(
  'the scheme and host of a server may be in upper case: %s',
  (url) => {
    expect(placeOf([{ url }])).toMatchObject({ url: 'https://sandbox.desk.example/V1/a', production: false });
  },
);

it('a variable that is filled with its default is reported where it decides whose server it is', () => {
  const servers = [{ url: 'https://{tenant}.desk.example', variables: { tenant: { default: 'acme' } } }];
  expect(imported(servers).report.decide).toContainEqual({
    operation: '*',
    what: expect.stringMatching(/^servers: the variable tenant is filled with its default/) as string,
  });
});

it('generated code has no default environment either', () => {
  const files = sourceFiles(readApi(openDocument(documentOf(REGIONS)), { service: 'desk' }));
  expect(complaintsAbout(files)).toEqual([]);
  expect(tasksIn(files)[0]!.service.defaultEnvironment).toBeUndefined();
});
