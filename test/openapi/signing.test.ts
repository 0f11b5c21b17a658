import { readSenderSettings } from '../../src/config/settings';
import { prepareRequest } from '../../src/http/prepare-request';
import { servicesFor } from '../../src/tasks/needed-services';
import { documentWith, operation, requestOf, tasksOf } from './documents';

const BEARER = { type: 'http', scheme: 'bearer' };
const TEXT = { type: 'string' };
const AUTHORIZATION = { name: 'Authorization', in: 'header', required: true, schema: TEXT };

describe('Of two schemes that one operation each signs in with', () => {
  const paths = {
    '/a': { get: operation({ operationId: 'a', security: [{ user: [] }] }) },
    '/b': { delete: operation({ operationId: 'b', security: [{ admin: [] }] }) },
  };
  const [a, b] = tasksOf(documentWith(paths, { components: { securitySchemes: { user: BEARER, admin: BEARER } } }), {
    service: 'desk',
  }).tasks;

  it('a call needs only its own key', () => {
    const settings = readSenderSettings({ HTTP_TASKS_OPENAPI_DESK_USER: 'u' }, servicesFor([a!]));
    expect(prepareRequest(a!, {}, settings).headers['authorization']).toBe('Bearer u');
    expect(() => readSenderSettings({ HTTP_TASKS_OPENAPI_DESK_USER: 'u' }, servicesFor([b!]))).toThrow(
      /HTTP_TASKS_OPENAPI_DESK_ADMIN/,
    );
  });

  it('the keys of all tasks together are needed where all are served', () => {
    expect(servicesFor([a!, b!])).toEqual([a!.service]);
    expect(() => readSenderSettings({ HTTP_TASKS_OPENAPI_DESK_USER: 'u' }, servicesFor([a!, b!]))).toThrow(
      /HTTP_TASKS_OPENAPI_DESK_ADMIN/,
    );
  });
});

it.each<[string, Record<string, unknown>, Record<string, unknown>, RegExp | undefined]>([
  ['no schemes at all', {}, {}, /describes no security schemes/],
  [
    'schemes, and none for it',
    {},
    { components: { securitySchemes: { key: BEARER } } },
    /names no security scheme for it/,
  ],
  [
    'a list that is empty',
    { security: [] },
    { security: [{ key: [] }], components: { securitySchemes: { key: BEARER } } },
    /says that it needs none/,
  ],
  [
    'no way that can be used, and none needed',
    { security: [{ odd: [] }, {}] },
    { components: { securitySchemes: { odd: { type: 'http', scheme: 'digest' } } } },
    /signing in is optional/,
  ],
  [
    'a way that can be used, and none needed',
    { security: [{}, { key: [] }] },
    { components: { securitySchemes: { key: BEARER } } },
    undefined,
  ],
  ['a parameter Authorization', { parameters: [AUTHORIZATION] }, {}, /its parameter Authorization is not sent/],
])('an operation that goes out unsigned is reported: %s', (_what, own, more, said) => {
  const { report } = tasksOf(documentWith({ '/a': { delete: operation({ operationId: 'a', ...own }) } }, more));
  const lines = report.decide
    .filter(({ operation: name, what }) => name === 'a' && what.startsWith('security: '))
    .map(({ what }) => what);
  expect(lines).toEqual(said ? [expect.stringMatching(said)] : []);
});

it('a setting may be named for a parameter Authorization', () => {
  const { tasks, report } = tasksOf(
    documentWith({ '/a': { delete: operation({ operationId: 'a', parameters: [AUTHORIZATION] }) } }),
    { service: 'desk', secretFields: { Authorization: 'DESK_AUTH' } },
  );
  expect(requestOf(tasks[0]!, {}).headers['authorization']).toBe('canary-DESK_AUTH');
  expect(report.decide.filter(({ what }) => what.startsWith('security: '))).toEqual([]);
});

it('a parameter with content is sent as JSON, and one of another media type as it is', () => {
  const content = (schema: object, type = 'application/json') => ({ content: { [type]: { schema } } });
  const list = { type: 'array', items: TEXT };
  const parameters = [
    { name: 'ids', in: 'query', ...content(list) },
    { name: 'q', in: 'query', ...content(TEXT) },
    { name: 'plain', in: 'query', ...content(TEXT, 'text/plain') },
    { name: 'X-Filter', in: 'header', ...content(TEXT) },
    { name: 'pref', in: 'cookie', ...content(list) },
    { name: 'part', in: 'path', required: true, ...content(TEXT) },
  ];
  const [task] = tasksOf(documentWith({ '/a/{part}': { get: operation({ operationId: 'a', parameters }) } })).tasks;
  const { path, headers } = requestOf(task!, {
    ids: ['a', 'b'],
    q: 'abc',
    plain: 'abc',
    'X-Filter': 'é',
    pref: ['x'],
    part: 'p',
  });
  expect(path).toBe('/v1/a/%22p%22?ids=%5B%22a%22%2C%22b%22%5D&q=%22abc%22&plain=abc');
  expect(headers).toMatchObject({ 'x-filter': '"\\u00e9"', cookie: 'pref=%5B%22x%22%5D' });
});
