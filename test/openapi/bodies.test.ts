import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { documentWith, jsonBody, operation, requestOf, takes, tasksOf } from './documents';

const TEXT = { type: 'string' };

/** The one task of a document with this operation. */
function only(verb: string, op: Record<string, unknown>, { path = '/things' }: { path?: string } = {}) {
  return tasksOf(documentWith({ [path]: { [verb]: operation(op) } })).tasks[0]!;
}

describe('A body', () => {
  it('that is an object is next to the parameters', () => {
    const task = only('post', {
      parameters: [{ in: 'query', name: 'dry', schema: { type: 'boolean' } }],
      requestBody: jsonBody({ type: 'object', properties: { name: TEXT } }),
    });
    const { path, body } = requestOf(task, { dry: true, name: 'a' });
    expect([path, body]).toEqual(['/v1/things?dry=true', '{"name":"a"}']);
  });

  it.each<[string, unknown, unknown]>([
    ['a list', { type: 'array', items: TEXT }, ['a', 'b']],
    ['a text', TEXT, 'a'],
    [
      'one of several objects',
      {
        oneOf: [
          { type: 'object', properties: { a: TEXT } },
          { type: 'object', properties: { b: TEXT } },
        ],
      },
      { b: 'x' },
    ],
    ['an open object', { type: 'object', additionalProperties: TEXT }, { any: 'x' }],
  ])('that is %s is one field of the input', (_what, schema, value) => {
    expect(requestOf(only('post', { requestBody: jsonBody(schema) }), { body: value }).body).toBe(
      JSON.stringify(value),
    );
  });

  it('whose field has the name of a parameter stays whole', () => {
    const task = only(
      'put',
      {
        parameters: [{ in: 'path', name: 'id', required: true, schema: TEXT }],
        requestBody: jsonBody({ type: 'object', properties: { id: TEXT } }),
      },
      { path: '/things/{id}' },
    );
    expect(requestOf(task, { id: 'a', body: { id: 'b' } })).toMatchObject({ path: '/v1/things/a', body: '{"id":"b"}' });
  });

  it('goes out with DELETE, too', () => {
    expect(
      requestOf(only('delete', { requestBody: jsonBody({ type: 'object', properties: { why: TEXT } }) }), { why: 'x' }),
    ).toMatchObject({ method: 'DELETE', body: '{"why":"x"}' });
    expect(
      requestOf(only('delete', { requestBody: jsonBody({ type: 'array', items: TEXT }) }), { body: ['x'] }).body,
    ).toBe('["x"]');
  });

  it('is not sent where the document has none, and not where it is left out', () => {
    expect(requestOf(only('post', {}), {}).body).toBeUndefined();
    expect(
      requestOf(only('post', { requestBody: jsonBody({ type: 'array', items: TEXT }, { required: false }) }), {}).body,
    ).toBeUndefined();
  });

  it('is a form with its encodings, or parts with files as base64', () => {
    const schema = { type: 'object', properties: { name: TEXT, expand: { type: 'array', items: TEXT } } };
    const form = only('post', {
      requestBody: {
        content: {
          'application/x-www-form-urlencoded': { schema, encoding: { expand: { style: 'deepObject', explode: true } } },
        },
      },
    });
    expect(requestOf(form, { name: 'a b', expand: ['x'] })).toMatchObject({ body: 'name=a%20b&expand%5B0%5D=x' });
    const file = { type: 'string', format: 'binary' };
    const parts = only('post', {
      requestBody: {
        content: {
          'multipart/form-data': {
            schema: { type: 'object', properties: { title: TEXT, files: { type: 'array', items: file } } },
          },
        },
      },
    });
    expect(String(requestOf(parts, { title: 't', files: [{ base64: 'AAA=', filename: 'a.bin' }] }).body)).toMatch(
      /name="title"\r\n\r\nt\r\n[^]*filename="a\.bin"/,
    );
    expect(takes(parts, { files: ['AAA='] })).toBe(false);
  });

  it('has files where a field takes bytes among others, in lists, or says so by its media type only', () => {
    const bytes = { type: 'string', format: 'binary' };
    const properties = {
      optional: { anyOf: [bytes, { type: 'null' }] },
      several: { anyOf: [bytes, { type: 'array', items: bytes }] },
      typed: { type: 'string', nullable: true, contentMediaType: 'application/octet-stream' },
      orAddress: { oneOf: [{ type: 'string', format: 'uri' }, bytes] },
      png: {},
      any: {},
    };
    const encoding = { png: { contentType: 'image/png, image/jpeg' }, any: { contentType: 'application/json' } };
    const task = only('post', {
      requestBody: { content: { 'multipart/form-data': { schema: { type: 'object', properties }, encoding } } },
    });
    const file = (filename: string) => ({ base64: 'aGk=', filename });
    const sent = (input: Record<string, unknown>): string => String(requestOf(task, input).body);
    for (const name of ['optional', 'several', 'typed', 'orAddress', 'png']) {
      expect(sent({ [name]: file('a.txt') })).toMatch(
        new RegExp(`name="${name}"; filename="a.txt"\r\n.*\r\n\r\nhi\r\n`),
      );
    }
    expect(sent({ several: [file('a'), file('b')] })).toMatch(/filename="a"[^]*name="several"; filename="b"/);
    expect(sent({ orAddress: 'https://example.com/a.txt' })).toMatch(/name="orAddress"\r\n\r\nhttps:/);
    expect(sent({ optional: null, any: { base64: 'aGk=' } })).toMatch(
      /^[^]*name="any"\r\ncontent-type: application\/json\r\n\r\n\{"base64":"aGk="\}/,
    );
    expect(sent({ optional: null })).not.toContain('optional');
    for (const name of ['optional', 'several', 'typed', 'png']) expect(takes(task, { [name]: 'aGk=' })).toBe(false);
    expect(() => requestOf(task, { orAddress: { base64: 'aGk=', contentType: 'a/b\r\nx: y' } })).toThrow();
  });

  it('is text, bytes or another kind of JSON where the document says so, and JSON where it offers a choice', () => {
    const sent = (content: Record<string, unknown>, body: unknown) => {
      const { headers, body: written } = requestOf(only('post', { requestBody: { content } }), { body });
      return [headers['content-type'], written];
    };
    expect(sent({ 'text/xml': {} }, '<a/>')).toEqual(['text/xml', '<a/>']);
    expect(sent({ 'image/png': {} }, 'AAA=')).toEqual(['image/png', Buffer.from([0, 0])]);
    expect(sent({ 'application/merge-patch+json': {} }, { a: 1 })).toEqual(['application/merge-patch+json', '{"a":1}']);
    expect(sent({ 'application/xml': {}, 'application/json': {} }, { a: 1 })).toEqual(['application/json', '{"a":1}']);
  });
});

describe('A form that is one of several objects', () => {
  const data = { type: 'object', required: ['data'], properties: { data: TEXT } };
  const events = {
    type: 'object',
    required: ['events'],
    properties: { events: { type: 'array', items: TEXT }, verbose: { type: 'integer' } },
  };
  const upload = {
    type: 'object',
    required: ['file'],
    properties: { file: { type: 'string', format: 'binary' }, note: TEXT },
  };
  const form = (schema: object, type: string, encoding: object = {}): HttpTask =>
    only('post', { requestBody: { required: true, content: { [type]: { schema, encoding } } } });

  it.each(['oneOf', 'anyOf'])('stays whole and is written field by field: %s', (keyword) => {
    const task = form({ [keyword]: [data, events] }, 'application/x-www-form-urlencoded', {
      events: { style: 'form', explode: false },
    });
    expect(requestOf(task, { body: { data: 'a b' } }).body).toBe('data=a%20b');
    expect(requestOf(task, { body: { events: ['a', 'b'], verbose: 1 } }).body).toBe('events=a,b&verbose=1');
    expect(takes(task, { body: { other: 1 } })).toBe(false);
    expect(takes(task, {})).toBe(false);
  });

  it('sends the files of each', () => {
    const task = form(
      { oneOf: [data, upload, { type: 'object', nullable: true, properties: { n: TEXT } }] },
      'multipart/form-data',
    );
    const file = { base64: Buffer.from('hi').toString('base64'), filename: 'a.txt' };
    const sent = String(requestOf(task, { body: { file, note: 'x' } }).body);
    expect(sent).toContain('name="file"; filename="a.txt"\r\ncontent-type: application/octet-stream\r\n\r\nhi\r\n');
    expect(sent).toContain('name="note"\r\n\r\nx\r\n');
  });

  it('is skipped where it may be anything but an object', () => {
    const { report } = tasksFromOpenApi(
      documentWith({
        '/things': {
          post: operation({
            requestBody: { content: { 'application/x-www-form-urlencoded': { schema: { oneOf: [data, TEXT] } } } },
          }),
        },
      }),
    );
    expect(report.skipped).toEqual([{ operation: 'postThings', why: expect.stringContaining('must be an object') }]);
  });
});
