import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import { openDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import type { SignInRule } from '@temporal-http-tasks/openapi/internal/operation/security';
import type { OpenApiOptions } from '@temporal-http-tasks/openapi/internal/options';
import { readApi } from '@temporal-http-tasks/openapi/internal/read-api';
import { sourceFiles } from '@temporal-http-tasks/openapi/internal/source/task-source';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { snippetsOf } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { servicesFor } from 'temporal-http-tasks/internal/tasks/needed-services';
import { createAuthority } from '../support/certificates';
import { documentWith, operation, requestOf, secretsFor, tasksOf } from './documents';
import { tasksIn } from './generated-code';

const BEARER = { type: 'http', scheme: 'bearer' };
const TEXT = { type: 'string' };
const PLACE = { taskQueue: 'q', address: 'localhost:7233', namespace: 'default', documentOptions: [] };
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

describe('An operation that is described without a key', () => {
  const schemes = { components: { securitySchemes: { key: BEARER } } };
  const paths = {
    '/a': { delete: operation({ operationId: 'none' }) },
    '/b': { delete: operation({ operationId: 'optional', security: [] }) },
    '/c': { delete: operation({ operationId: 'own', security: [{ key: [] }] }) },
    '/d': { delete: operation({ operationId: 'header', parameters: [AUTHORIZATION] }) },
  };
  const token: SignInRule = { setting: 'DESK_TOKEN', in: 'header', name: 'Authorization', scheme: 'bearer' };
  const made = (signIn: readonly SignInRule[], more: OpenApiOptions = {}) =>
    tasksOf(documentWith(paths, schemes), { service: 'desk', signIn, ...more });

  it('signs in with the key that the operator names', () => {
    const { tasks, report } = made([token]);
    const sent = tasks.map((task) => requestOf(task, {}).headers['authorization']);
    const others = ['canary-DESK_TOKEN', 'canary-HTTP_TASKS_OPENAPI_DESK_KEY', 'canary-DESK_TOKEN'];
    expect(sent).toEqual(['canary-DESK_TOKEN', ...others].map((value) => `Bearer ${value}`));
    expect(report.decide.filter(({ what }) => what.startsWith('security: '))).toEqual([]);
    expect(tasks[0]!.service.imported!.origins).toEqual(['https://shop.example.com']);
  });

  it.each<[SignInRule, Record<string, unknown>]>([
    [{ setting: 'DESK_KEY', in: 'header', name: 'X-Key' }, { headers: { 'x-key': 'canary-DESK_KEY' } }],
    [{ setting: 'DESK_KEY', in: 'query', name: 'api_key' }, { path: '/v1/a?api_key=canary-DESK_KEY' }],
    [{ setting: 'DESK_KEY', in: 'cookie', name: 'sid' }, { headers: { cookie: 'sid=canary-DESK_KEY' } }],
    [
      { setting: 'DESK_KEY', in: 'header', name: 'authorization', scheme: 'basic' },
      { headers: { authorization: `Basic ${Buffer.from('user:pass-word').toString('base64')}` } },
    ],
  ])('signs in in every way: %j', (rule, request) => {
    expect(requestOf(made([rule]).tasks[0]!, {})).toMatchObject(request);
  });

  it.each<[SignInRule, RegExp]>([
    [{ ...token, setting: 'PLAID_SECRET' }, /PLAID_SECRET cannot be the key/],
    [{ ...token, setting: 'desk' }, /not a valid name of a setting/],
    [{ ...token, name: 'Host', scheme: 'bearer' }, /decided by the sender/],
    [{ setting: 'DESK_KEY', in: 'cookie', name: 'a b' }, /not a valid name for a cookie/],
  ])('refuses what no key can be: %j', (rule, why) => {
    expect(() => made([rule])).toThrow(why);
  });

  it('is skipped where two keys would be in one place', () => {
    const { report } = tasksFromOpenApi(documentWith(paths, schemes), {
      service: 'desk',
      signIn: [token, { ...token, setting: 'DESK_OTHER' }],
    });
    expect(report.skipped.map(({ why }) => why)).toContainEqual(expect.stringMatching(/two credentials in the same/));
  });

  it('and whose address is elsewhere gets no key of the service', () => {
    const elsewhere = {
      ...paths,
      '/e': { delete: operation({ operationId: 'e', servers: [{ url: 'https://other.example.com' }] }) },
    };
    const { report } = tasksFromOpenApi(documentWith(elsewhere, schemes), { service: 'desk', signIn: [token] });
    expect(report.skipped).toEqual([{ operation: 'e', why: expect.stringContaining('https://other.example.com') }]);
  });
});

describe('Of an operation with a client certificate', () => {
  const authority = createAuthority('Test authority');
  const folder = mkdtempSync(join(tmpdir(), 'signing-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const { cert, key } = authority.certify('client');
  const [certFile, keyFile] = [join(folder, 'client.crt'), join(folder, 'client.key')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);

  const identity = (origin: string): Record<string, string> => ({
    HTTP_TASKS_TLS_DESK_ORIGIN: origin,
    HTTP_TASKS_TLS_DESK_CERT_FILE: certFile,
    HTTP_TASKS_TLS_DESK_KEY_FILE: keyFile,
  });
  const made = (more: OpenApiOptions = {}) =>
    tasksOf(
      documentWith(
        {
          '/a': { delete: operation({ operationId: 'a', security: [{ cert: [] }] }) },
          '/b': { delete: operation({ operationId: 'b', security: [{ cert: [], token: [] }] }) },
          '/c': { delete: operation({ operationId: 'c', security: [{ cert: [] }, { token: [] }] }) },
        },
        { components: { securitySchemes: { cert: { type: 'mutualTLS' }, token: BEARER } } },
        '3.1.0',
      ),
      { service: 'desk', ...more },
    );
  const [alone, withKey, either] = made().tasks;
  const prepared = (task: HttpTask, env: Record<string, string>) =>
    prepareRequest(task, {}, readSenderSettings({ ...secretsFor(task), ...env }, [task.service]));

  it('the call is prepared with the certificate for its origin', () => {
    const env = identity('https://shop.example.com');
    expect(prepared(alone!, env).headers['authorization']).toBeUndefined();
    expect(prepared(withKey!, env).headers['authorization']).toMatch(/^Bearer /);
    expect(prepared(either!, {}).headers['authorization']).toMatch(/^Bearer /);
    expect(made({ security: ['cert'] }).tasks[2]).toMatchObject({ clientCertificate: true, credentials: [] });
  });

  it.each<[string, Record<string, string>, OpenApiOptions, RegExp]>([
    ['none', {}, {}, /none is configured for https:\/\/shop\.example\.com; set HTTP_TASKS_TLS_<NAME>_ORIGIN/],
    ['one for another origin', identity('https://other.example.com'), {}, /none is configured for https:\/\/shop/],
    [
      'an authority only',
      { HTTP_TASKS_TLS_DESK_ORIGIN: 'https://shop.example.com', HTTP_TASKS_TLS_DESK_CA_FILE: certFile },
      {},
      /none is configured for https:\/\/shop/,
    ],
    ['an address in clear', {}, { baseUrl: 'http://127.0.0.1:1' }, /shown over https only/],
  ])('nothing is prepared with %s', (_what, env, options, why) => {
    expect(() => prepared(made(options).tasks[0]!, env)).toThrow(why);
  });

  it('the import reports it, and generated code has it', () => {
    expect(made().report.decide).toContainEqual({
      operation: 'a',
      what: expect.stringMatching(/^security: it is sent with the client certificate/),
    });
    expect(either!.clientCertificate).toBeUndefined();
    const document = documentWith(
      { '/a': { delete: operation({ operationId: 'a', security: [{ cert: [] }] }) } },
      { components: { securitySchemes: { cert: { type: 'mutualTLS' } } } },
    );
    const files = sourceFiles(readApi(openDocument(document), { service: 'desk' }));
    expect(tasksIn(files)[0]).toMatchObject({ clientCertificate: true });
  });

  it('the cURL command names the files of one, and needs no setting', () => {
    const { snippets } = snippetsOf(alone!, {}, {}, PLACE);
    expect(snippets.find(({ language }) => language === 'curl')?.code).toContain('--cert client.crt --key client.key');
  });

  it('no setting can be named for it', () => {
    expect(() => made({ credentials: { cert: { setting: 'DESK_CERT' } } })).toThrow(/HTTP_TASKS_TLS_<NAME>/);
  });
});

it('settings may be named for several headers that are keys', () => {
  const parameters = [AUTHORIZATION, { name: 'X-Token', in: 'header', schema: TEXT }];
  const { tasks } = tasksOf(documentWith({ '/a': { delete: operation({ operationId: 'a', parameters }) } }), {
    service: 'desk',
    secretFields: { Authorization: 'DESK_AUTH', 'X-Token': 'DESK_TOKEN' },
  });
  expect(requestOf(tasks[0]!, {}).headers).toMatchObject({
    authorization: 'canary-DESK_AUTH',
    'x-token': 'canary-DESK_TOKEN',
  });
});
