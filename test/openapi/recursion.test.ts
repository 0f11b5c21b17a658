import { z } from 'zod';
import { openDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import { openApiFromTasks } from '@temporal-http-tasks/openapi/internal/openapi-from-tasks';
import { readApi } from '@temporal-http-tasks/openapi/internal/read-api';
import { sourceFiles } from '@temporal-http-tasks/openapi/internal/source/task-source';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { completedInput } from '@temporal-http-tasks/console/internal/reference/sample-input';
import { documentWith, jsonBody, tasksOf } from './documents';
import { complaintsAbout, shown, tasksIn } from './generated-code';

type Json = Record<string, unknown>;

const TEXT = { type: 'string' };
const ref = (name: string, more: Json = {}): Json => ({ $ref: `#/components/schemas/${name}`, ...more });
const list = (items: Json): Json => ({ type: 'array', items });
const object = (properties: Json, more: Json = {}): Json => ({ type: 'object', properties, ...more });

/** Schemas that lead back to themselves; of each document the schema `Node` is sent and received. */
const RECURSIVE: Record<string, { schemas: Json; good: readonly unknown[]; bad: readonly unknown[] }> = {
  'lists of two schemas that both hold such lists': {
    schemas: {
      Node: object({ parts: list({ allOf: [ref('Node'), ref('Extra')] }) }),
      Extra: object({ note: TEXT, parts: list({ allOf: [ref('Extra'), ref('Node')] }) }),
    },
    good: [{}, { parts: [{ note: 'a', parts: [{ note: 'b', parts: [{ note: 'c' }] }] }] }],
    bad: [{ parts: [{ note: 1 }] }, { parts: [{ parts: [{ parts: [{ note: 1 }] }] }] }, { parts: [{ other: 1 }] }],
  },
  'lists of itself with fields of their own': {
    schemas: {
      Node: object({
        name: TEXT,
        parts: list({ allOf: [ref('Node'), object({ place: TEXT, parts: list(object({ depth: TEXT })) })] }),
      }),
    },
    good: [
      { parts: [{ name: 'a', place: 'b', parts: [{ name: 'c', place: 'd', depth: 'e', parts: [{ depth: 'f' }] }] }] },
    ],
    bad: [{ place: 'a' }, { parts: [{ depth: 'a' }] }, { parts: [{ parts: [{ depth: 1 }] }] }],
  },
  'three schemas that are mixed in every way': {
    schemas: {
      Node: object({ a: list({ allOf: [ref('Node'), ref('B'), ref('C')] }), b: { allOf: [ref('B'), ref('C')] } }),
      B: object({ x: TEXT, a: list({ allOf: [ref('C'), object({ y: TEXT })] }), b: ref('Node') }),
      C: object({ z: TEXT, a: list({ allOf: [ref('B'), ref('Node')] }), b: { allOf: [ref('C'), ref('B')] } }),
    },
    good: [{}, { b: { x: 'x', z: 'z' } }],
    bad: [{ b: { x: 1 } }, { b: { q: 1 } }],
  },
  'a field with a description': {
    schemas: {
      Node: object({ name: TEXT, parent: { description: 'The folder that holds this one.', allOf: [ref('Node')] } }),
    },
    good: [{ name: 'a', parent: { name: 'b', parent: { name: 'c' } } }],
    bad: [{ parent: { parent: { name: 1 } } }],
  },
  'fields with descriptions of two schemas that hold each other': {
    schemas: {
      Node: object({
        left: ref('Leaf', { description: 'Left.' }),
        right: { nullable: true, description: 'Right.', allOf: [ref('Leaf')] },
      }),
      Leaf: object({
        up: { description: 'Up.', allOf: [ref('Node')] },
        all: list({ description: 'Each.', allOf: [ref('Leaf')] }),
      }),
    },
    good: [{ left: { up: { right: { all: [{ all: [] }] } } } }],
    bad: [{ left: { up: { right: { all: [{ all: [1] }] } } } }],
  },
  'maps and choices of itself': {
    schemas: {
      Node: object({
        by: { type: 'object', additionalProperties: { description: 'By name.', allOf: [ref('Node')] } },
        one: { description: 'One.', oneOf: [TEXT, { description: 'A node.', allOf: [ref('Node')] }] },
      }),
    },
    good: [{ by: { a: { one: { one: 'x' } } } }],
    bad: [{ by: { a: { one: { one: 1 } } } }],
  },
  'a base with heirs that hold the base': {
    schemas: {
      Node: object(
        { kind: TEXT, parts: list(ref('Node', { description: 'Part.' })) },
        { required: ['kind'], discriminator: { propertyName: 'kind' } },
      ),
      Group: { allOf: [ref('Node'), object({ first: ref('Node', { description: 'First.' }) })] },
      Leaf: { allOf: [ref('Node'), object({ text: TEXT })] },
    },
    good: [{ kind: 'Group', first: { kind: 'Leaf', text: 'a' }, parts: [{ kind: 'Leaf' }] }],
    bad: [{ kind: 'Group', first: { kind: 'Leaf', text: 1 } }, { first: {} }],
  },
};

function taskOf(schemas: Json, version: '3.0.3' | '3.1.0'): { task: HttpTask; document: Json } {
  const described = {
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: ref('Node') } } } },
  };
  const document = documentWith(
    {
      '/nodes': {
        post: {
          operationId: 'put',
          requestBody: jsonBody({ type: 'object', required: ['node'], properties: { node: ref('Node') } }),
          ...described,
        },
      },
    },
    { components: { schemas } },
    version,
  );
  return { task: tasksOf(document, { service: 'desk' }).tasks[0]!, document };
}

describe.each(Object.entries(RECURSIVE))('A schema of %s', (_what, { schemas, good, bad }) => {
  it.each(['3.0.3', '3.1.0'] as const)(
    'is read in OpenAPI %s, takes and refuses what it says, and can be shown',
    (version) => {
      const { task } = taskOf(schemas, version);
      for (const node of good)
        expect([node, task.input.safeParse({ node }).success, task.output.safeParse(node).success]).toEqual([
          node,
          true,
          true,
        ]);
      for (const node of bad) expect([node, task.input.safeParse({ node }).success]).toEqual([node, false]);
      for (const io of ['input', 'output'] as const)
        expect(JSON.stringify(z.toJSONSchema(task[io], { io, unrepresentable: 'any' })).length).toBeLessThan(20_000);
      expect(JSON.stringify(openApiFromTasks([task])).length).toBeLessThan(40_000);
      expect(task.input.safeParse(completedInput(task, undefined).input).success).toBe(true);
    },
  );

  it('is the same in generated code', () => {
    const { task, document } = taskOf(schemas, '3.0.3');
    const files = sourceFiles(readApi(openDocument(document), { service: 'desk' }));
    const [generated] = tasksIn(files);
    expect(shown(generated!)).toEqual(shown(task));
    for (const node of [...good, ...bad])
      expect([node, generated!.input.safeParse({ node }).success]).toEqual([
        node,
        task.input.safeParse({ node }).success,
      ]);
    expect(complaintsAbout(files)).toEqual([]);
  }, 120_000);
});
