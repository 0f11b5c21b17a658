import fc from 'fast-check';
import { z } from 'zod';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';

interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  prefixItems?: Schema[];
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
}

/** How deep an example goes into schemas that lead back to themselves, and into optional fields. */
const DEPTH = 4;

const BY_FORMAT: Record<string, readonly string[]> = {
  date: ['2026-02-28'],
  'date-time': ['2026-02-28T10:00:00Z', '2026-02-28T10:00:00.5+01:00'],
  uuid: ['0191e0a4-2b6f-7c3e-9a51-2f6d3f1d9b10'],
  base64: ['', 'AP8='],
  byte: ['AP8='],
  uri: ['https://example.com/a?b=c'],
  url: ['https://example.com/'],
  'uri-reference': ['/a'],
  email: ['jane@example.com'],
};

/** Inputs that a task takes, of every size and shape: made from the task's own schema, and checked by it. */
export function inputsOf(task: HttpTask): fc.Arbitrary<unknown> {
  const schema = z.toJSONSchema(task.input, { io: 'input', unrepresentable: 'any' }) as Schema;
  return valueOf(schema, schema.$defs ?? {}, schema, 0).filter((input) => task.input.safeParse(input).success);
}

function valueOf(schema: Schema, defs: Record<string, Schema>, root: Schema, depth: number): fc.Arbitrary<unknown> {
  const inner = (other: Schema): fc.Arbitrary<unknown> => valueOf(other, defs, root, depth + 1);
  if (schema.$ref !== undefined) return inner(schema.$ref === '#' ? root : defs[schema.$ref.replace('#/$defs/', '')]!);
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return fc.oneof(...options.map(inner));
  if (schema.allOf) return fc.tuple(...schema.allOf.map(inner)).map((parts) => Object.assign({}, ...parts) as unknown);
  if (Array.isArray(schema.type)) {
    const [first] = schema.type;
    // The text of a number that JavaScript would change; a validator that reads JSON with JavaScript cannot check it.
    const types =
      first === 'integer' || first === 'number' ? schema.type.filter((type) => type !== 'string') : schema.type;
    return fc.oneof(...types.map((type) => inner({ ...schema, type })));
  }
  switch (schema.type) {
    case 'object':
      return objectOf(schema, inner, depth);
    case 'array':
      return listOf(schema, inner, depth);
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.constantFrom<unknown>('x', 1, true);
  }
}

function objectOf(
  schema: Schema,
  inner: (other: Schema) => fc.Arbitrary<unknown>,
  depth: number,
): fc.Arbitrary<unknown> {
  const required = schema.required ?? [];
  const wanted = Object.entries(schema.properties ?? {}).filter(([name]) => depth < DEPTH || required.includes(name));
  const named = fc.record(Object.fromEntries(wanted.map(([name, property]) => [name, inner(property)])), {
    requiredKeys: required.filter((name) => wanted.some(([other]) => other === name)),
  });
  if (typeof schema.additionalProperties !== 'object' || depth >= DEPTH) return named;
  const others = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), inner(schema.additionalProperties), { maxKeys: 2 });
  return fc.tuple(others, named).map(([more, own]) => ({ ...more, ...own }));
}

function listOf(schema: Schema, inner: (other: Schema) => fc.Arbitrary<unknown>, depth: number): fc.Arbitrary<unknown> {
  if (schema.prefixItems) return fc.tuple(...schema.prefixItems.map(inner));
  const minLength = schema.minItems ?? 0;
  const maxLength = depth >= DEPTH ? minLength : Math.min(schema.maxItems ?? 3, minLength + 2);
  return fc.array(inner(schema.items ?? {}), { minLength, maxLength });
}

function textOf({ format, pattern, minLength = 0, maxLength = minLength + 8 }: Schema): fc.Arbitrary<string> {
  const examples = format === undefined ? undefined : BY_FORMAT[format];
  if (examples) return fc.constantFrom(...examples);
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern, 'u'));
  // A part of a path cannot be empty, nor a dot segment, which is refused although a document allows it.
  const length = { minLength: Math.max(1, minLength), maxLength: Math.max(1, Math.min(maxLength, minLength + 40)) };
  return fc.string({ unit: 'grapheme-ascii', ...length }).filter((text) => text !== '.' && text !== '..');
}

function numberOf(schema: Schema): fc.Arbitrary<number> {
  const above = schema.exclusiveMinimum === undefined ? undefined : schema.exclusiveMinimum + 1;
  const below = schema.exclusiveMaximum === undefined ? undefined : schema.exclusiveMaximum - 1;
  const min = Math.max(schema.minimum ?? -1_000, above ?? -1_000, -100_000);
  const max = Math.min(schema.maximum ?? min + 1_000, below ?? min + 1_000, min + 1_000);
  const step = schema.multipleOf ?? 1;
  return fc.integer({ min: Math.ceil(min / step), max: Math.floor(max / step) }).map((count) => count * step);
}
