import { openDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import type { OpenApiOptions } from '@temporal-http-tasks/openapi/internal/options';
import { readApi } from '@temporal-http-tasks/openapi/internal/read-api';
import { sourceFiles } from '@temporal-http-tasks/openapi/internal/source/task-source';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { documentWith, jsonBody, operation, requestOf, takes, tasksOf } from './documents';
import { tasksIn } from './generated-code';

const TEXT = { type: 'string' };
const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });

const DOCUMENT = documentWith(
  {
    '/tags': {
      post: operation({
        operationId: 'untag',
        parameters: [{ name: 'force', in: 'query', schema: { type: 'boolean' } }],
        requestBody: jsonBody(ref('Tags')),
      }),
      delete: operation({ operationId: 'wipe', requestBody: jsonBody(ref('Tags')) }),
      get: operation({ operationId: 'find' }),
      put: operation({ operationId: 'touch' }),
      patch: operation({ operationId: 'whole', requestBody: jsonBody({ oneOf: [ref('Ref'), ref('Closed')] }) }),
    },
    '/form': {
      post: operation({
        operationId: 'form',
        requestBody: { content: { 'application/x-www-form-urlencoded': { schema: ref('Ref') } } },
      }),
    },
  },
  {
    components: {
      schemas: {
        Tags: {
          type: 'object',
          properties: {
            remove: { type: 'array', items: ref('Ref') },
            one: { oneOf: [ref('Ref'), ref('Closed')] },
            map: { type: 'object', additionalProperties: ref('Ref') },
            both: { allOf: [ref('Ref'), { type: 'object', properties: { more: TEXT } }] },
          },
        },
        Ref: { type: 'object', required: ['type'], properties: { type: TEXT, parent: ref('Ref') } },
        Closed: { type: 'object', required: ['kind'], properties: { kind: TEXT }, additionalProperties: false },
      },
    },
  },
);

function taskOf(operationId: string, options: OpenApiOptions = {}): HttpTask {
  return tasksOf(DOCUMENT, options).tasks.find(({ operation: name }) => name === operationId)!;
}

const nested = {
  remove: [{ type: 'a', id: 'T1', parent: { type: 'b', id: 'T2' } }],
  map: { x: { type: 'a', id: 'T3' } },
  both: { type: 'a', more: 'b', id: 'T4' },
};

describe('allowUnknown: true', () => {
  it('takes what the document does not name, at every depth, and sends it in the body', () => {
    expect(takes(taskOf('untag'), nested)).toBe(false);
    const { path, body } = requestOf(taskOf('untag', { allowUnknown: true }), { ...nested, extra: 1, force: true });
    expect(path).toBe('/v1/tags?force=true');
    expect(JSON.parse(String(body))).toEqual({ ...nested, extra: 1 });
  });

  it('opens no object that the document closes, and keeps every other check', () => {
    const task = taskOf('untag', { allowUnknown: true });
    expect(takes(task, { one: { kind: 'a' } })).toBe(true);
    expect(takes(task, { one: { kind: 'a', id: 'T1' } })).toBe(false);
    expect(takes(task, { one: { type: 'a', id: 'T1' } })).toBe(true);
    expect(takes(task, { remove: [{ id: 'T1' }] })).toBe(false);
    expect(takes(task, { remove: [{ type: 1 }] })).toBe(false);
  });

  it('takes no parameter that the document does not name: it would widen what is called', () => {
    expect(takes(taskOf('find', { allowUnknown: true }), { limit: 1 })).toBe(false);
    expect(takes(taskOf('touch', { allowUnknown: true }), { limit: 1 })).toBe(false);
    expect(takes(taskOf('wipe', { allowUnknown: true }), { body: {}, limit: 1 })).toBe(false);
  });

  it('sends what a form and a body of DELETE do not name in that body', () => {
    const { body } = requestOf(taskOf('form', { allowUnknown: true }), { type: 'a', 'x y': 'b' });
    expect(body).toBe('type=a&x%20y=b');
    const sent = requestOf(taskOf('wipe', { allowUnknown: true }), { body: { ...nested, extra: 1 } });
    expect(sent.path).toBe('/v1/tags');
    expect(JSON.parse(String(sent.body))).toEqual({ ...nested, extra: 1 });
  });

  it('counts for one operation where it is decided for one', () => {
    const options: OpenApiOptions = { decide: { untag: { allowUnknown: true } } };
    expect(takes(taskOf('untag', options), nested)).toBe(true);
    expect(takes(taskOf('form', options), { type: 'a', id: 1 })).toBe(false);
    expect(takes(taskOf('whole', options), { body: { type: 'a', id: 1 } })).toBe(false);
  });
});

describe('A field that is named', () => {
  it.each<[string, string, unknown, boolean]>([
    ['in a list', 'remove.id', { remove: [{ type: 'a', id: 'T1' }] }, true],
    ['in a list, as a refusal names it', 'remove.0.id', { remove: [{ type: 'a' }, { type: 'a', id: 'T1' }] }, true],
    ['in a list, with brackets', 'remove[].id', { remove: [{ type: 'a', id: 'T1' }] }, true],
    ['and no other one', 'remove.id', { remove: [{ type: 'a', ids: 'T1' }] }, false],
    ['and not deeper', 'remove.id', { remove: [{ type: 'a', parent: { type: 'b', id: 'T1' } }] }, false],
    ['deeper', 'remove.parent.id', { remove: [{ type: 'a', parent: { type: 'b', id: 'T1' } }] }, true],
    ['of a map', 'map.anything.id', { map: { x: { type: 'a', id: 'T1' } } }, true],
    ['of several parts', 'both.id', { both: { type: 'a', more: 'b', id: 'T1' } }, true],
    ['of the first option', 'one.id', { one: { type: 'a', id: 'T1' } }, true],
    ['of an option that the document closes', 'one.id', { one: { kind: 'a', id: 'T1' } }, true],
    ['that the document knows', 'remove.type', { remove: [{ type: 'a' }] }, true],
  ])('is taken: %s', (_what, path, input, taken) => {
    expect(takes(taskOf('untag', { allowUnknown: [`untag:${path}`] }), input)).toBe(taken);
    expect(takes(taskOf('untag', { decide: { untag: { allowUnknown: [path] } } }), input)).toBe(taken);
  });

  it('goes into the body where its fields are next to the parameters, else into the query', () => {
    expect(requestOf(taskOf('untag', { allowUnknown: ['untag:extra'] }), { extra: 1 })).toMatchObject({
      path: '/v1/tags',
      body: '{"extra":1}',
    });
    expect(requestOf(taskOf('wipe', { allowUnknown: ['wipe:extra'] }), { extra: 1 })).toMatchObject({
      path: '/v1/tags',
      body: '{"extra":1}',
    });
    expect(requestOf(taskOf('find', { allowUnknown: ['find:limit'] }), { limit: 1 }).path).toBe('/v1/tags?limit=1');
    const touched = requestOf(taskOf('touch', { allowUnknown: ['touch:limit'] }), { limit: 1 });
    expect([touched.path, touched.body]).toEqual(['/v1/tags?limit=1', undefined]);
    const whole = requestOf(taskOf('whole', { allowUnknown: ['whole:body.id'] }), { body: { kind: 'a', id: 1 } });
    expect(whole.body).toBe('{"kind":"a","id":1}');
  });

  it('that makes another method of a read makes it irreversible', () => {
    expect(taskOf('find', { allowUnknown: ['find:_method'] }).effect).toBe('irreversible');
  });

  it('may be taken next to any field', () => {
    const task = taskOf('untag', { allowUnknown: ['*', 'untag:one.id'] });
    expect(takes(task, { ...nested, one: { kind: 'a', id: 'T1' } })).toBe(true);
  });

  it.each([
    ['nope:a', /does not begin with an operation of the document/],
    ['remove.id', /does not begin with an operation of the document/],
    ['untag:nope.id', /leads to no object in the input of untag/],
    ['untag:force.id', /leads to no object in the input of untag/],
    ['untag:remove.__proto__', /leads to no object in the input of untag/],
    ['untag:', /leads to no object in the input of untag/],
  ])('has to lead somewhere: %s', (name, why) => {
    expect(() => tasksFromOpenApi(DOCUMENT, { allowUnknown: [name] })).toThrow(why);
  });
});

it('Generated code takes the same fields', () => {
  const files = sourceFiles(
    readApi(openDocument(DOCUMENT), { allowUnknown: ['*', 'untag:one.id'], operations: ['untag', 'form', 'wipe'] }),
  );
  const untag = tasksIn(files).find(({ operation: name }) => name === 'untag')!;
  expect(takes(untag, { ...nested, extra: 1, one: { kind: 'a', id: 'T1' } })).toBe(true);
  expect(takes(untag, { one: { kind: 'a', other: 'T1' } })).toBe(false);
});
