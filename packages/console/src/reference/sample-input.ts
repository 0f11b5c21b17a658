import { z } from 'zod';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { resolved } from './schema-node';
import type { SchemaNode } from './schema-node';

/** An input that contains every required field. */
export interface CompletedInput {
  input: unknown;
  /** Paths of fields that were not given; they contain a name in capitals, or the first of the allowed values. */
  placeholders: string[];
}

/** Maximum number of rounds: cross-field rules request one more field at a time. */
const MOST_ROUNDS = 12;
/** Maximum depth of recursive schemas. */
const MOST_DEPTH = 6;

/**
 * Adds placeholders for missing required fields, so that a snippet of a partly filled form is complete. Given values
 * stay as they are, even if they are wrong.
 */
export function completedInput(task: HttpTask, given: unknown): CompletedInput {
  if (given !== undefined && !isObject(given)) return { input: given, placeholders: [] };
  const schema = schemaOf(task);
  let input: unknown = structuredClone(given ?? {});
  const placeholders: string[] = [];
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const missing = missingPaths(task, input);
    if (missing.length === 0) break;
    for (const path of missing) {
      const node = nodeAt(schema, path);
      if (!node || at(input, path) !== undefined) continue;
      input = withValue(input, path, sampleOf(node, schema, path.at(-1) ?? 'value', 0));
      placeholders.push(path.join('.'));
    }
  }
  return { input, placeholders };
}

/** Cached, because an input is completed at every pause in typing, and large schemas take a while. */
const SCHEMAS = new WeakMap<HttpTask, SchemaNode>();

function schemaOf(task: HttpTask): SchemaNode {
  const known =
    SCHEMAS.get(task) ?? (z.toJSONSchema(task.input, { io: 'input', unrepresentable: 'any' }) as SchemaNode);
  SCHEMAS.set(task, known);
  return known;
}

type Path = readonly string[];

function missingPaths(task: HttpTask, input: unknown): Path[] {
  const parsed = task.input.safeParse(input, { reportInput: false });
  if (parsed.success) return [];
  const paths = parsed.error.issues
    .map(({ path }) => path.map(String))
    .filter((path) => path.length > 0 && at(input, path) === undefined);
  return [...new Map(paths.map((path) => [path.join('\0'), path])).values()];
}

function nodeAt(schema: SchemaNode, path: Path): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, key) => {
    const here = node && resolved(node, schema);
    if (!here) return undefined;
    if (/^\d+$/.test(key) && here.items) return here.items;
    return (
      here.properties?.[key] ??
      firstWith(key, [...(here.allOf ?? []), ...(here.anyOf ?? []), ...(here.oneOf ?? [])], schema)
    );
  }, schema);
}

function firstWith(key: string, nodes: readonly SchemaNode[], schema: SchemaNode): SchemaNode | undefined {
  return nodes.map((node) => resolved(node, schema).properties?.[key]).find((found) => found !== undefined);
}

function sampleOf(given: SchemaNode, schema: SchemaNode, name: string, depth: number): unknown {
  const node = resolved(given, schema);
  if (node.const !== undefined) return node.const;
  if (node.enum) return node.enum[0];
  if (node.default !== undefined) return node.default;
  const [choice] = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  if (choice && node.type === undefined) return sampleOf(choice, schema, name, depth + 1);
  switch (Array.isArray(node.type) ? node.type[0] : node.type) {
    case 'string':
      return textFor(node, name);
    case 'integer':
    case 'number':
      return node.minimum ?? (node.exclusiveMinimum === undefined ? 1 : node.exclusiveMinimum + 1);
    case 'boolean':
      return false;
    case 'null':
      return null;
    case 'array':
      return depth < MOST_DEPTH && node.items ? [sampleOf(node.items, schema, singular(name), depth + 1)] : [];
    case undefined:
    case 'object':
      return depth < MOST_DEPTH ? requiredOf(node, schema, depth) : {};
    default:
      return capitals(name);
  }
}

function requiredOf(node: SchemaNode, schema: SchemaNode, depth: number): unknown {
  const parts = [node, ...(node.allOf ?? []).map((part) => resolved(part, schema))];
  const fields = parts.flatMap(({ properties = {}, required = [] }) =>
    required.map((field) => [field, properties[field] ?? {}] as const),
  );
  return Object.fromEntries(fields.map(([field, inner]) => [field, sampleOf(inner, schema, field, depth + 1)]));
}

const BY_FORMAT: Readonly<Record<string, string>> = {
  date: '2026-01-31',
  'date-time': '2026-01-31T12:00:00Z',
  time: '12:00:00Z',
  uri: 'https://api.example.com/',
  email: 'name@example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
};

function textFor({ format, minLength = 0, maxLength }: SchemaNode, name: string): string {
  return BY_FORMAT[format ?? ''] ?? capitals(name).padEnd(minLength, 'X').slice(0, maxLength);
}

/** Converts `userToken` and `user_token` to USER_TOKEN. */
function capitals(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();
}

function singular(name: string): string {
  return name.length > 2 ? name.replace(/s$/, '') : name;
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) => (isObject(inner) && Object.hasOwn(inner, key) ? Reflect.get(inner, key) : undefined),
    value,
  );
}

/** Returns a copy with this value at the path; creates missing objects on the way. */
function withValue(target: unknown, path: Path, value: unknown): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  if (Array.isArray(target))
    return target.map((entry: unknown, index) => (String(index) === head ? withValue(entry, rest, value) : entry));
  const fields = isObject(target) ? Object.entries(target) : [];
  const inner = fields.find(([key]) => key === head)?.[1] as unknown;
  return Object.fromEntries([...fields.filter(([key]) => key !== head), [head, withValue(inner, rest, value)]]);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
