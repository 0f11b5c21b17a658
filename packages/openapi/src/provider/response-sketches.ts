import type { OpenApiDocument } from '../document/document';
import { DocumentNode } from '../document/document-node';
import { OpenApiError } from '../document/openapi-error';
import { findOperations } from '../operation/find-operations';
import { mediaIn } from '../operation/media-types';

/** A value that JSON does not take apart. */
type Scalar = string | number | boolean | null;

/** The part of a value's description in a response that an example of it needs. */
export type ResponseSketch =
  | { kind: 'any' }
  | {
      kind: 'scalar';
      type: 'string' | 'number' | 'boolean' | 'null';
      example: Scalar;
      /** The only values. */
      only?: readonly Scalar[];
      /** Values that the document has as examples. */
      named?: readonly Scalar[];
      format?: string;
    }
  | { kind: 'list'; entry: ResponseSketch }
  | { kind: 'object'; fields: Readonly<Record<string, ResponseSketch>>; open: boolean };

/** The responses of an operation by status, such as `200`, `4XX` or `default`; undefined for one without a body. */
export type OperationResponses = ReadonlyMap<string, ResponseSketch | undefined>;

/** Maximum depth to which schemas in schemas are followed; a recursive one would never end. */
const MOST_DEPTH = 12;

const ANYTHING: ResponseSketch = { kind: 'any' };

/** Returns the responses of every operation of a document, with examples. What cannot be read is ignored. */
export function readResponses(document: OpenApiDocument): Map<string, OperationResponses> {
  const { found } = findOperations(DocumentNode.root(document));
  return new Map(
    found.map(({ operation, node }) => {
      const responses = read(() => node.mapAt('responses')?.entries(), []) ?? [];
      return [operation, new Map(responses.map(([status, response]) => [statusOf(status), responseOf(response)]))];
    }),
  );
}

function statusOf(status: string): string {
  return /^\dXX$/i.test(status) ? status.toUpperCase() : status;
}

/** Returns what a reader makes of a part of the document, or something else where the document is wrong. */
function read<T>(reader: () => T, otherwise: T): T {
  try {
    return reader();
  } catch (error) {
    if (error instanceof OpenApiError) return otherwise;
    throw error;
  }
}

function responseOf(response: DocumentNode): ResponseSketch | undefined {
  return read((): ResponseSketch | undefined => {
    const [media] = mediaIn(response.target());
    if (!media) return undefined;
    if (media.kind !== 'json') return { kind: 'scalar', type: 'string', example: '' };
    const schema = media.node.at('schema');
    const examples = valuesOf([media.node.at('example'), ...exampleValues(media.node)]);
    const sketch = schema ? sketchOf(schema, 0) : ANYTHING;
    return examples.reduceRight<ResponseSketch>((all, example) => withExample(all, example, { named: true }), sketch);
  }, ANYTHING);
}

function exampleValues(media: DocumentNode): (DocumentNode | undefined)[] {
  return (media.mapAt('examples')?.entries() ?? []).map(([, example]) => example.target().at('value'));
}

function sketchOf(node: DocumentNode, depth: number): ResponseSketch {
  if (depth > MOST_DEPTH) return ANYTHING;
  return read(() => sketchOfSchema(node.target(), depth), ANYTHING);
}

function sketchOfSchema(schema: DocumentNode, depth: number): ResponseSketch {
  const parts = schema.at('allOf')?.elements() ?? [];
  const options = (schema.at('oneOf') ?? schema.at('anyOf'))?.elements() ?? [];
  const usable = options.map((option) => sketchOf(option, depth + 1)).filter((option) => !isNull(option));
  const own = ownSketch(schema, depth);
  const all = [...parts.map((part) => sketchOf(part, depth + 1)), ...(usable.length > 0 ? [oneOf(usable)] : []), own];
  const merged = all.reduce(both, ANYTHING);
  const examples = valuesOf([schema.at('example'), ...(schema.at('examples')?.elements() ?? []), schema.at('default')]);
  return examples.reduceRight<ResponseSketch>(
    (found, example) => withExample(found, example, { named: false }),
    merged,
  );
}

function valuesOf(nodes: readonly (DocumentNode | undefined)[]): unknown[] {
  return nodes.filter((node) => node !== undefined).map(({ value }) => value);
}

function isNull(sketch: ResponseSketch): boolean {
  return sketch.kind === 'scalar' && sketch.type === 'null';
}

function ownSketch(schema: DocumentNode, depth: number): ResponseSketch {
  const only = valuesOf([schema.at('const'), ...(schema.at('enum')?.elements() ?? [])]).filter(isScalar);
  const first = only.find((value) => value !== null);
  if (first !== undefined) return { kind: 'scalar', type: typeOf(first), example: first, only };
  const named = schema.at('type')?.value;
  const types = (Array.isArray(named) ? named : [named]).filter((type) => type !== 'null');
  const type = types.length === 0 ? (Array.isArray(named) ? 'null' : undefined) : String(types[0]);
  const format = schema.text('format');
  if (type === 'object' || schema.at('properties')) return objectOf(schema, depth);
  const items = schema.at('items');
  if (type === 'array' || items) return { kind: 'list', entry: items ? sketchOf(items, depth + 1) : ANYTHING };
  switch (type) {
    case 'string':
      return { kind: 'scalar', type, example: textFor(format), ...(format !== undefined && { format }) };
    case 'integer':
    case 'number':
      return { kind: 'scalar', type: 'number', example: Number(schema.number('minimum') ?? 1) };
    case 'boolean':
      return { kind: 'scalar', type, example: true };
    case 'null':
      return { kind: 'scalar', type, example: null };
    default:
      return ANYTHING;
  }
}

function objectOf(schema: DocumentNode, depth: number): ResponseSketch {
  const fields = (schema.mapAt('properties')?.entries() ?? []).map(
    ([name, field]) => [name, sketchOf(field, depth + 1)] as const,
  );
  const others = schema.at('additionalProperties')?.value;
  if (fields.length === 0 && others !== false) return ANYTHING;
  const open = (others !== undefined && others !== false) || schema.at('patternProperties') !== undefined;
  return { kind: 'object', fields: Object.fromEntries(fields), open };
}

function textFor(format: string | undefined): string {
  switch (format) {
    case 'date-time':
      return '2026-01-01T00:00:00Z';
    case 'date':
      return '2026-01-01';
    case 'uuid':
      return '00000000-0000-4000-8000-000000000001';
    case 'email':
      return 'someone@example.com';
    case 'uri':
    case 'url':
      return 'https://example.com/';
    default:
      return 'text';
  }
}

function isScalar(value: unknown): value is Scalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function typeOf(value: Scalar): 'string' | 'number' | 'boolean' | 'null' {
  return value === null ? 'null' : (typeof value as 'string' | 'number' | 'boolean');
}

/** One of several: an example of the first, with the fields of all. */
function oneOf(options: readonly ResponseSketch[]): ResponseSketch {
  if (options.some(({ kind }) => kind === 'any')) return ANYTHING;
  return options.reduce((one, other) => {
    if (one.kind === 'scalar' && other.kind === 'scalar')
      return { ...one, ...(one.only && other.only && { only: [...one.only, ...other.only] }) };
    return one.kind === other.kind ? both(one, other) : one;
  });
}

/** Returns a sketch with the fields of both. */
function both(one: ResponseSketch, other: ResponseSketch): ResponseSketch {
  if (one.kind === 'any') return other;
  if (one.kind === 'list' && other.kind === 'list') return { kind: 'list', entry: both(one.entry, other.entry) };
  if (one.kind === 'scalar' && other.kind === 'scalar') return { ...one, ...other };
  if (one.kind !== 'object' || other.kind !== 'object') return one;
  const fields = { ...one.fields };
  for (const [name, field] of Object.entries(other.fields)) {
    const known = Object.hasOwn(fields, name) ? fields[name] : undefined;
    fields[name] = known ? both(known, field) : field;
  }
  return { kind: 'object', fields, open: one.open || other.open };
}

/**
 * What an example adds: its values, and the fields that only it has.
 *
 * @param how.named It is an example of this response, and not of a schema that others share.
 */
function withExample(sketch: ResponseSketch, example: unknown, how: { named: boolean }): ResponseSketch {
  if (sketch.kind === 'any') return sketchOfValue(example);
  if (Array.isArray(example)) {
    const list: readonly unknown[] = example;
    return sketch.kind === 'list' && list.length > 0
      ? { kind: 'list', entry: withExample(sketch.entry, list[0], how) }
      : sketch;
  }
  if (isScalar(example)) {
    if (sketch.kind !== 'scalar' || example === null) return sketch;
    return { ...sketch, example, ...(how.named && { named: [example, ...(sketch.named ?? [])] }) };
  }
  if (sketch.kind !== 'object' || typeof example !== 'object') return sketch;
  const fields = { ...sketch.fields };
  for (const [name, value] of Object.entries(example)) {
    const known = Object.hasOwn(fields, name) ? fields[name] : undefined;
    fields[name] = known ? withExample(known, value, how) : sketchOfValue(value);
  }
  return { ...sketch, fields };
}

/** Returns the description of values like this one. */
export function sketchOfValue(value: unknown): ResponseSketch {
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    return { kind: 'list', entry: list.length === 0 ? ANYTHING : sketchOfValue(list[0]) };
  }
  if (isScalar(value)) return { kind: 'scalar', type: typeOf(value), example: value, named: [value] };
  if (typeof value !== 'object') return ANYTHING;
  const fields = Object.entries(value).map(([name, inner]) => [name, sketchOfValue(inner)] as const);
  return fields.length === 0 ? ANYTHING : { kind: 'object', fields: Object.fromEntries(fields), open: false };
}
