import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import type { PreparedRequest } from 'temporal-http-tasks/internal/http/exchange';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { FieldPlace, HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import type { CredentialRule } from 'temporal-http-tasks/internal/tasks/service';
import type { BodyForm, FieldWriting } from 'temporal-http-tasks/internal/tasks/wire';
import { z } from 'zod';
import { everythingIn, failureOf } from './failure-of';
import { Provider } from './provider';

const KEYS = { SHOP_KEY: 'canary-shop-key-1', SHOP_LOGIN: 'ann:canary-password-2', SHOP_SESSION: 'canary-session-3' };

function shop(credentials: readonly CredentialRule[] = [], origin = 'http://127.0.0.1:4999') {
  return defineService({
    name: 'shop',
    title: 'Shop',
    environments: { default: origin },
    defaultEnvironment: 'default',
    credentials,
    errors: { fields: { code: 'code' }, rules: [] },
  });
}

function taskOf(parts: Partial<HttpTask>): HttpTask {
  return defineHttpTask({
    service: shop(),
    operation: 'call',
    summary: 'Call',
    method: 'GET',
    path: '/things',
    input: z.looseObject({}),
    output: z.unknown(),
    effect: 'read',
    ...parts,
  });
}

function prepared(task: HttpTask, input: unknown): PreparedRequest {
  return prepareRequest(task, input, readSenderSettings(KEYS, [task.service]));
}

const LIST = ['blue', 'bl ack'];
const OBJECT = { R: 100, G: 'a&b' };

function written(place: FieldPlace, value: unknown, writing: FieldWriting): string {
  const path = place === 'path' ? '/things/{color}' : '/things';
  const task = taskOf({ path, places: { color: place }, writing: { color: writing } });
  const { path: sent, headers } = prepared(task, { color: value });
  if (place === 'header') return headers['color']!;
  if (place === 'cookie') return headers['cookie']!;
  return place === 'path' ? sent.slice('/things/'.length) : sent.slice('/things?'.length);
}

describe('A value between quotes in a path, as in OData', () => {
  const sent = (path: string, input: Record<string, string>): string =>
    prepared(taskOf({ path, places: Object.fromEntries(Object.keys(input).map((name) => [name, 'path'])) }), input)
      .path;

  it.each<[path: string, id: string, sent: string]>([
    ["/users('{id}')", "o'brien", "/users('o''brien')"],
    ["/users('{id}')/memberOf", "''", "/users('''''')/memberOf"],
    ["/users('{id}')", "a/b') or ('1'='1", "/users('a%2Fb'')%20or%20(''1''%3D''1')"],
    ["/find(name='{id}',top=1)", "it's", "/find(name='it''s',top=1)"],
    // Without quotes around it, it is a value like any other.
    ['/users/{id}', "o'brien", "/users/o'brien"],
    ["/o'brien/{id}", "o'brien", "/o'brien/o'brien"],
  ])('%s with %s is %s', (path, id, expected) => {
    expect(sent(path, { id })).toBe(expected);
  });

  it('is doubled for each of several values', () => {
    expect(sent("/a(x='{one}',y='{other}')", { one: "'", other: "b'" })).toBe("/a(x='''',y='b''')");
  });
});

describe('A value is written as OpenAPI says', () => {
  it.each<[FieldPlace, FieldWriting, unknown, string]>([
    ['path', { style: 'simple' }, 'a/b', 'a%2Fb'],
    ['path', { style: 'simple' }, LIST, 'blue,bl%20ack'],
    ['path', { style: 'simple' }, OBJECT, 'R,100,G,a%26b'],
    ['path', { style: 'simple', explode: true }, OBJECT, 'R=100,G=a%26b'],
    ['path', { style: 'label' }, LIST, '.blue,bl%20ack'],
    ['path', { style: 'label', explode: true }, LIST, '.blue.bl%20ack'],
    ['path', { style: 'label', explode: true }, OBJECT, '.R=100.G=a%26b'],
    ['path', { style: 'matrix' }, 'x', ';color=x'],
    ['path', { style: 'matrix' }, '', ';color'],
    ['path', { style: 'matrix' }, LIST, ';color=blue,bl%20ack'],
    ['path', { style: 'matrix', explode: true }, LIST, ';color=blue;color=bl%20ack'],
    ['path', { style: 'matrix', explode: true }, OBJECT, ';R=100;G=a%26b'],
    ['query', { style: 'form' }, LIST, 'color=blue&color=bl%20ack'],
    ['query', { style: 'form', explode: false }, LIST, 'color=blue,bl%20ack'],
    ['query', { style: 'form' }, OBJECT, 'R=100&G=a%26b'],
    ['query', { style: 'form', explode: false }, OBJECT, 'color=R,100,G,a%26b'],
    ['query', { style: 'spaceDelimited' }, LIST, 'color=blue%20bl%20ack'],
    ['query', { style: 'pipeDelimited' }, LIST, 'color=blue%7Cbl%20ack'],
    [
      'query',
      { style: 'deepObject' },
      { a: { b: 1 }, c: ['x', 'y'] },
      'color%5Ba%5D%5Bb%5D=1&color%5Bc%5D%5B0%5D=x&color%5Bc%5D%5B1%5D=y',
    ],
    ['query', { style: 'form', allowReserved: true }, 'a/b?c&d#e', 'color=a/b?c%26d%23e'],
    ['query', { style: 'form', allowReserved: true }, 'a%20b%2fc%26%C3%A9 é', 'color=a%20b%2fc%26%C3%A9%20%C3%A9'],
    ['query', { style: 'form', allowReserved: true }, '100% %zz %2 %', 'color=100%25%20%25zz%20%252%20%25'],
    ['query', { style: 'form', allowReserved: true }, '%2520', 'color=%2520'],
    ['query', { style: 'form' }, 'a%20b', 'color=a%2520b'],
    ['query', {}, { a: 1 }, 'color=%7B%22a%22%3A1%7D'],
    ['header', { style: 'simple' }, LIST, 'blue,bl ack'],
    ['header', { style: 'simple', explode: true }, OBJECT, 'R=100,G=a&b'],
    ['cookie', { style: 'form' }, 'a;b', 'color=a%3Bb'],
    ['cookie', { style: 'form', explode: false }, LIST, 'color=blue,bl%20ack'],
  ])('in the %s with %j: %j', (place, writing, value, expected) => {
    expect(written(place, value, writing)).toBe(expected);
  });

  it('under its own name, where the input has another one for it', () => {
    const task = taskOf({
      path: '/things/{id}',
      places: { id: 'path', idInQuery: 'query' },
      writing: { idInQuery: { name: 'id' } },
    });
    expect(prepared(task, { id: 'a', idInQuery: 'b' }).path).toBe('/things/a?id=b');
  });

  it.each(['', '.', '\ud800'])('but no segment of the path ever is %j or becomes two dots', (value) => {
    expect(() => written('path', value, { style: 'simple' })).toThrow(InvalidInputError);
    if (value !== '') expect(() => written('path', value, { style: 'label' })).toThrow(InvalidInputError);
  });

  it('and no line break gets into a header', () => {
    expect(() => written('header', ['a', 'b\r\nc: d'], { style: 'simple' })).toThrow(InvalidInputError);
  });
});

describe('A body', () => {
  const post = { method: 'POST', path: '/things' } as const;

  async function received(task: HttpTask, input: unknown) {
    const { headers, body } = prepared(task, input);
    return new Response(body, { headers: { 'content-type': headers['content-type']! } }).formData();
  }

  it('is written as a form, each field in its own way', () => {
    const fields = { expand: { style: 'deepObject' }, tags: { style: 'form', explode: false } } as const;
    const { headers, body } = prepared(taskOf({ ...post, bodyForm: { as: 'form', fields } }), {
      name: 'ä b',
      expand: ['x'],
      tags: ['1', '2'],
      at: { a: 1 },
      none: null,
    });
    expect(headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(body).toBe('name=%C3%A4%20b&expand%5B0%5D=x&tags=1,2&at=%7B%22a%22%3A1%7D');
  });

  it('is written as parts that another parser reads back', async () => {
    const bytes = Buffer.from([0, 255, 13, 10, 45, 45]);
    const task = taskOf({
      ...post,
      bodyForm: { as: 'multipart', fields: { file: { file: true, contentType: 'image/png' } } },
    });
    const form = await received(task, {
      title: 'a"b\r\nc',
      'odd"name': '1',
      meta: { a: 1 },
      tags: ['x', 'y'],
      file: [{ base64: bytes.toString('base64'), filename: 'ü".png' }],
    });
    expect(form.get('title')).toBe('a"b\r\nc');
    expect(form.get('odd"name')).toBe('1');
    expect(form.getAll('tags')).toEqual(['x', 'y']);
    const meta = form.get('meta');
    expect(typeof meta === 'string' ? meta : await (meta as Blob).text()).toBe('{"a":1}');
    const file = form.get('file') as File;
    expect([file.type, Buffer.from(await file.arrayBuffer())]).toEqual(['image/png', bytes]);
  });

  it('has no line break in the type of a file, where it would begin a header', () => {
    const task = taskOf({ ...post, bodyForm: { as: 'multipart', fields: { file: { file: true } } } });
    expect(() => prepared(task, { file: { base64: '', contentType: 'image/png\r\nx: y' } })).toThrow(
      'file.contentType: must not contain line breaks',
    );
  });

  const HALF = 'a\ud83e';

  it.each<[string, BodyForm['as'], Record<string, unknown>, string]>([
    ['a text', 'multipart', { title: HALF }, 'title'],
    ['the name of a file', 'multipart', { file: { base64: '', filename: HALF } }, 'file'],
    ['the name of a field', 'multipart', { [HALF]: '1' }, HALF],
    ['a field of a form', 'form', { title: HALF }, 'title'],
  ])('does not send %s as another one when UTF-8 cannot represent it', (_what, as, input, field) => {
    const task = taskOf({ ...post, bodyForm: { as, fields: { file: { file: true } } } });
    expect(() => prepared(task, input)).toThrow(`${field}: must be well-formed Unicode`);
  });

  it('does not send a whole text as another one when UTF-8 cannot represent it', () => {
    const task = taskOf({ ...post, places: { body: 'wholeBody' }, bodyForm: { as: 'text' } });
    expect(() => prepared(task, { body: HALF })).toThrow('body: must be well-formed Unicode');
  });

  it('is one text, the bytes behind base64, or another kind of JSON', () => {
    const whole = { ...post, places: { body: 'wholeBody' } } as const;
    const text = prepared(taskOf({ ...whole, bodyForm: { as: 'text', contentType: 'application/xml' } }), {
      body: '<a/>',
    });
    expect([text.headers['content-type'], text.body]).toEqual(['application/xml', '<a/>']);
    const bytes = prepared(taskOf({ ...whole, bodyForm: { as: 'bytes' } }), { body: 'AP8=' });
    expect([bytes.headers['content-type'], bytes.body]).toEqual(['application/octet-stream', Buffer.from([0, 255])]);
    expect(bytes.masked().body).toBe('[2 bytes]');
    const patch = prepared(
      taskOf({ ...whole, bodyForm: { as: 'json', contentType: 'application/merge-patch+json' } }),
      { body: [1] },
    );
    expect([patch.headers['content-type'], patch.body]).toEqual(['application/merge-patch+json', '[1]']);
  });

  it.each(['json', 'form', 'multipart'] as const)(
    'of the form %s holds fields that are called as what every object inherits',
    (as) => {
      const names = ['constructor', 'toString', 'valueOf', 'hasOwnProperty'];
      const { body } = prepared(
        taskOf({ ...post, bodyForm: { as }, writing: {} }),
        Object.fromEntries(names.map((name) => [name, 'x'])),
      );
      for (const name of names) expect(String(body)).toContain(name);
    },
  );

  it('is absent where the document has none, or where the one field that is the body is not given', () => {
    for (const task of [
      taskOf({ ...post, bodyForm: { as: 'none' } }),
      taskOf({ ...post, places: { body: 'wholeBody' } }),
    ]) {
      const { headers, body } = prepared(task, {});
      expect(body).toBeUndefined();
      expect(headers['content-type']).toBeUndefined();
    }
  });
});

describe('A credential', () => {
  const bearer = { setting: 'SHOP_KEY', in: 'header', name: 'authorization', scheme: 'bearer' } as const;
  const basic = { setting: 'SHOP_LOGIN', in: 'header', name: 'authorization', scheme: 'basic' } as const;
  const cookie = { setting: 'SHOP_SESSION', in: 'cookie', name: 'session' } as const;

  it('goes into the header authorization as a bearer token or as user and password, and is masked when shown', () => {
    const first = prepared(taskOf({ service: shop([bearer]) }), {});
    expect(first.headers['authorization']).toBe('Bearer canary-shop-key-1');
    const second = prepared(taskOf({ service: shop([basic]) }), {});
    expect(second.headers['authorization']).toBe(`Basic ${Buffer.from(KEYS.SHOP_LOGIN).toString('base64')}`);
    for (const request of [first, second]) expect(everythingIn(request.masked())).not.toMatch(/canary|Y2FuYXJ5/);
  });

  it('goes into a cookie, next to cookies that are input', () => {
    const request = prepared(taskOf({ service: shop([cookie]), places: { theme: 'cookie' } }), { theme: 'dark' });
    expect(request.headers['cookie']).toBe('theme=dark; session=canary-session-3');
    expect(everythingIn(request.masked())).not.toContain('canary');
  });

  it('of several goes along only with the tasks that name it, and where they say', () => {
    const service = shop([bearer, cookie]);
    const inQuery = { ...bearer, in: 'query', name: 'key', scheme: undefined } as const;
    const request = prepared(taskOf({ service, credentials: [inQuery] }), {});
    expect(request.path).toBe('/things?key=canary-shop-key-1');
    expect(request.headers['cookie']).toBeUndefined();
    expect(() => taskOf({ service: shop([cookie]), credentials: [bearer] })).toThrow('SHOP_KEY');
  });

  it.each([
    [basic, { SHOP_LOGIN: 'no-colon' }, 'user:password'],
    [cookie, { SHOP_SESSION: 'a;b' }, 'cookie'],
  ])('is refused at start when its place cannot carry it: %j', (rule, env, named) => {
    expect(() => readSenderSettings(env, [shop([rule])])).toThrow(SettingsError);
    expect(() => readSenderSettings(env, [shop([rule])])).toThrow(named);
  });
});

describe('A response', () => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await Provider.start((response, { url, headers }) => {
      const isError = url.startsWith('/error');
      const type = isError ? 'application/json' : headers.accept!.split(',')[0]!;
      const body = isError
        ? '{"code":"gone","message":"x"}'
        : url === '/empty'
          ? ''
          : Buffer.from([0x25, 0x50, 0xff, 0x00]);
      response
        .writeHead(isError ? 410 : 200, { 'content-type': type })
        .end(url === '/text' ? `é ${KEYS.SHOP_KEY}` : body);
    });
  });
  afterAll(() => provider.close());

  async function responded(path: string, parts: Partial<HttpTask>): Promise<unknown> {
    const service = shop([{ setting: 'SHOP_KEY', in: 'header', name: 'x-key' }], provider.origin);
    const sender = createTaskSender(readSenderSettings(KEYS, [service]));
    try {
      return (await sender.send(taskOf({ service, path, ...parts }), {})).output;
    } finally {
      await sender.close();
    }
  }

  it('that is not text is kept as base64, and its refusals are still read', async () => {
    const pdf = { answerForm: { as: 'base64', accept: 'application/pdf' }, output: z.string() } as const;
    expect(await responded('/pdf', pdf)).toBe('JVD/AA==');
    expect(provider.last.headers.accept).toBe('application/pdf');
    expect(await failureOf(responded('/error', pdf))).toMatchObject({
      type: 'Task.Rejected',
      status: 410,
      code: 'gone',
    });
  });

  it('that is text is kept without secrets, also when it is empty', async () => {
    const text = { answerForm: { as: 'text', accept: 'text/plain' }, output: z.string() } as const;
    expect(await responded('/text', text)).toBe('é [secret]');
    expect(await responded('/empty', text)).toBe('');
  });
});
