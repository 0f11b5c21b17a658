import { z } from 'zod';
import type { SpecialPlace } from '../policy/providers/template';
import type { HttpTask } from '../tasks/define';
import { ownEntry } from '../tasks/parse-input';

type Raw = Record<string, unknown>;

/** Returns what the positions in a task's input require. A schema that cannot be described requires nothing special. */
export function placesIn(task: HttpTask): (path: readonly string[]) => SpecialPlace | undefined {
  return (path) => {
    const [field = ''] = path;
    const schema = describe(task.input);
    const found = path.reduce<unknown[]>((at, key) => at.flatMap((one) => inner(one, key, schema)), [schema]);
    const types = found.flatMap((one) => typesOf(one, schema));
    const numbers = types.filter((type) => type === 'integer' || type === 'number');
    if (numbers.length > 0 && !types.includes('string')) return 'number';
    return path.length === 1 && ownEntry(task.places, field) === 'path' ? 'path' : undefined;
  };
}

const described = new WeakMap<z.ZodType, unknown>();

function describe(schema: z.ZodType): unknown {
  const known = described.get(schema);
  if (known !== undefined) return known;
  const made = toJsonSchema(schema);
  described.set(schema, made);
  return made;
}

function toJsonSchema(schema: z.ZodType): unknown {
  try {
    return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  } catch {
    return {};
  }
}

function inner(schema: unknown, key: string, root: unknown): unknown[] {
  return branches(schema, root).flatMap((one) => {
    const { properties, items, additionalProperties } = one;
    if (key === '[]') return items === undefined ? [] : [items];
    if (isRecord(properties) && Object.hasOwn(properties, key)) return [properties[key]];
    return isRecord(additionalProperties) ? [additionalProperties] : [];
  });
}

/** `${items}` instead of a list means all of its entries. */
function typesOf(schema: unknown, root: unknown): unknown[] {
  return branches(schema, root).flatMap(({ type, items }) => {
    if (type === 'array') return typesOf(items, root);
    if (!Array.isArray(type)) return [type];
    // One type of both is a number of `exactNumber`, which is a text only where JavaScript cannot represent it.
    const numbers = (type as unknown[]).filter((one) => one === 'integer' || one === 'number');
    return numbers.length > 0 ? numbers : (type as unknown[]);
  });
}

function branches(schema: unknown, root: unknown, depth = 0): Raw[] {
  if (!isRecord(schema) || depth > 8) return [];
  const { $ref } = schema;
  if (typeof $ref === 'string' && isRecord(root)) {
    const target = $ref
      .replace(/^#\/?/, '')
      .split('/')
      .filter(Boolean)
      .reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), root);
    return branches(target, root, depth + 1);
  }
  const more = ['anyOf', 'oneOf', 'allOf'].flatMap((key) =>
    Array.isArray(schema[key]) ? (schema[key] as unknown[]) : [],
  );
  return [schema, ...more.flatMap((one) => branches(one, root, depth + 1))];
}

function isRecord(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
