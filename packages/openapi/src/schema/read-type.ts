import type { DocumentNode } from '../document/document-node';
import { kindOf, unionOf } from './shape';
import type { Amount, Direction, FieldShape, LiteralValue, NumberShape, ObjectShape, Shape } from './shape';

/** With what a schema is read. */
export interface ReadingContext {
  version: '3.0' | '3.1';
  direction: Direction;
  shapeOf: (node: DocumentNode) => Shape;
}

const READ_ONLY = 'Read-only: usually in responses only.';

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'] as const;

/** A type as JSON Schema names it. */
export type TypeName = (typeof TYPES)[number];

/** Keywords that imply the type of a schema without `type`, which many documents leave out. */
const IMPLIED_BY: readonly (readonly [TypeName, readonly string[]])[] = [
  ['object', ['properties', 'required', 'additionalProperties', 'patternProperties', 'minProperties', 'maxProperties']],
  ['array', ['items', 'prefixItems', 'minItems', 'maxItems']],
  ['string', ['pattern', 'minLength', 'maxLength']],
  ['number', ['minimum', 'maximum', 'multipleOf', 'exclusiveMinimum', 'exclusiveMaximum']],
];

/** Returns the types of a schema: those it names, or those its keywords imply; none if there are neither. */
export function typesOf(node: DocumentNode, version: '3.0' | '3.1'): TypeName[] {
  const type = node.at('type');
  if (type === undefined)
    return IMPLIED_BY.filter(([, keywords]) => keywords.some((keyword) => node.at(keyword) !== undefined)).map(
      ([name]) => name,
    );
  const named = Array.isArray(type.value) ? type.elements() : [type];
  if (named.length !== 1 && version === '3.0') type.refuse('must be one type; lists of types came with OpenAPI 3.1');
  return named.map(
    (one) => TYPES.find((name) => name === one.value) ?? one.refuse(`is not a type; allowed: ${TYPES.join(', ')}`),
  );
}

/** The literals that a schema names; for a response only their types count, since a provider may add one. */
export function literalsOf(
  node: DocumentNode,
  types: readonly TypeName[],
  { direction }: ReadingContext,
): Shape | undefined {
  const constant = node.at('const');
  const list = node.follow('enum');
  if (!constant && !list) return undefined;
  const entries = constant ? [constant] : (list?.elements() ?? []);
  const takesNumbersOnly = types.length > 0 && types.every((type) => NOT_TEXTS.has(type));
  if (takesNumbersOnly) for (const entry of entries) entry.refuseLeadingZero();
  const values: unknown[] = entries.map(({ value }) => value);
  // An empty list would allow nothing; it comes from generators that found no values.
  if (values.length === 0) return undefined;
  if (!values.every(isLiteral)) return undefined;
  // YAML reads an unquoted 4.1 as a number. With `type: string` it can never be sent, whatever was meant.
  const possible =
    types.length === 0
      ? values
      : values.filter((value) => value === null || types.some((type) => isOfType(value, type)));
  const literals: Shape = { kind: 'literals', values: [...new Set(possible.length > 0 ? possible : values)] };
  if (direction === 'input') return literals;
  const kinds = new Set(
    values.map((value) => (value === null ? 'null' : (kindOf(value) as 'string' | 'number' | 'boolean'))),
  );
  const isLarge = values.some((value) => typeof value === 'bigint');
  if (types.includes('null')) kinds.add('null');
  return unionOf(
    [...kinds].map((kind) =>
      kind === 'number' ? { kind, whole: false, ...(isLarge && { orDigits: true }) } : { kind },
    ),
  );
}

const NOT_TEXTS: ReadonlySet<TypeName> = new Set(['number', 'integer', 'null']);

function isOfType(value: LiteralValue, type: TypeName): boolean {
  return type === 'integer' ? Number.isInteger(value) || typeof value === 'bigint' : kindOf(value) === type;
}

function isLiteral(value: unknown): value is LiteralValue {
  return value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value);
}

/** Returns the shape of the values of one type. */
export function shapeOfType(type: TypeName, node: DocumentNode, context: ReadingContext): Shape {
  switch (type) {
    case 'null':
      return { kind: 'null' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'string':
      return stringShape(node, context);
    case 'number':
    case 'integer':
      return numberShape(type, node, context);
    case 'array':
      return arrayShape(node, context);
    case 'object':
      return objectShape(node, context);
  }
}

function stringShape(node: DocumentNode, { direction }: ReadingContext): Shape {
  const format = node.at('contentEncoding')?.value === 'base64' ? 'byte' : node.at('format')?.value;
  const named = typeof format === 'string' ? { format } : node.at('contentMediaType') ? { format: 'binary' } : {};
  if (direction === 'output') return { kind: 'string', ...named };
  const pattern = node.at('pattern')?.value;
  return {
    kind: 'string',
    ...bounds(node, 'minLength', 'maxLength'),
    ...(typeof pattern === 'string' && { patterns: [pattern] }),
    ...named,
  };
}

function numberShape(type: 'number' | 'integer', node: DocumentNode, { direction }: ReadingContext): Shape {
  // A number of 64 bits in a response may be larger than JavaScript can count; it is not refused for that.
  if (direction === 'output')
    return { kind: 'number', whole: false, ...(node.at('format')?.value !== 'int32' && { orDigits: true }) };
  const limits: Record<string, Amount> = {};
  for (const [bound, exclusive, inclusive] of [
    ['minimum', 'above', 'atLeast'],
    ['maximum', 'below', 'atMost'],
  ] as const) {
    const limit = node.exactNumber(bound);
    const exclusiveBound = bound === 'minimum' ? 'exclusiveMinimum' : 'exclusiveMaximum';
    const strict = node.exactNumber(exclusiveBound);
    if (limit !== undefined) limits[node.flag(exclusiveBound) ? exclusive : inclusive] = limit;
    if (strict !== undefined) limits[exclusive] = strict;
  }
  const multipleOf = node.exactNumber('multipleOf');
  const shape: NumberShape = {
    kind: 'number',
    whole: type === 'integer',
    ...limits,
    ...(multipleOf !== undefined && multipleOf > 0 && { multipleOf }),
  };
  return node.at('format')?.value !== 'int32' && takesBeyond(shape) ? { ...shape, orDigits: true } : shape;
}

/** Whether the limits allow a number that JavaScript would change; of whole numbers only those beyond 2^53. */
function takesBeyond({ whole, atLeast, atMost, above, below }: NumberShape): boolean {
  if (!whole) return true;
  return (
    (atMost ?? below ?? Number.POSITIVE_INFINITY) > Number.MAX_SAFE_INTEGER ||
    (atLeast ?? above ?? Number.NEGATIVE_INFINITY) < Number.MIN_SAFE_INTEGER
  );
}

function arrayShape(node: DocumentNode, { direction, shapeOf }: ReadingContext): Shape {
  const items = node.at('items');
  const first = node.follow('prefixItems');
  if (first) {
    const atLeast = direction === 'input' ? (node.number('minItems') ?? 0) : 0;
    return {
      kind: 'tuple',
      items: first.elements().map(shapeOf),
      rest: items ? shapeOf(items) : { kind: 'unknown' },
      atLeast,
    };
  }
  const shape: Shape = { kind: 'array', items: items ? shapeOf(items) : { kind: 'unknown' } };
  if (direction === 'output') return shape;
  return { ...shape, ...bounds(node, 'minItems', 'maxItems'), ...(node.flag('uniqueItems') && { unique: true }) };
}

function objectShape(node: DocumentNode, context: ReadingContext): ObjectShape {
  const { direction } = context;
  const required = new Set((node.follow('required')?.elements() ?? []).map(({ value }) => String(value)));
  const fields = new Map<string, FieldShape>();
  for (const [name, schema] of node.mapAt('properties')?.entries() ?? []) {
    const isHere = !isOfOtherDirection(schema, direction);
    if (!isHere) required.delete(name);
    if (isHere) fields.set(name, { shape: context.shapeOf(schema), required: required.has(name) });
    else if (direction === 'input')
      fields.set(name, { shape: asReadOnly(context.shapeOf(schema)), required: false, readOnly: true });
  }
  // A schema may require a field that another one describes.
  for (const name of required) if (!fields.has(name)) fields.set(name, { shape: { kind: 'unknown' }, required: true });
  const limits = direction === 'input' ? bounds(node, 'minProperties', 'maxProperties') : {};
  return { kind: 'object', fields, rest: restOf(node, context), ...limits };
}

/** A request should not have such a field, but may: some APIs need it, such as the ID of what is to be changed. */
function asReadOnly(shape: Shape): Shape {
  const { description } = shape;
  return { ...shape, description: description === undefined ? READ_ONLY : `${description} (${READ_ONLY})` };
}

/** Fields that only responses have, and fields that only requests have. */
function isOfOtherDirection(schema: DocumentNode, direction: Direction): boolean {
  const flag = direction === 'input' ? 'readOnly' : 'writeOnly';
  return schema.flag(flag) || (schema.reference !== undefined && schema.target().flag(flag));
}

function restOf(node: DocumentNode, { shapeOf }: ReadingContext): ObjectShape['rest'] {
  const additional = node.at('additionalProperties');
  const patterns = node.mapAt('patternProperties')?.entries() ?? [];
  if (patterns.length > 0) {
    const shapes = patterns.map(([, schema]) => shapeOf(schema));
    if (additional && additional.value !== false)
      shapes.push(additional.value === true ? { kind: 'unknown' } : shapeOf(additional));
    return unionOf(shapes);
  }
  if (additional?.value === true) return 'open';
  if (additional?.value === false) return 'closed';
  if (additional) {
    const shape = shapeOf(additional);
    return shape.kind === 'unknown' ? 'open' : shape;
  }
  // An object without any description may hold anything.
  const isBare = ['properties', 'required', 'allOf', 'oneOf', 'anyOf'].every(
    (keyword) => node.at(keyword) === undefined,
  );
  return isBare ? 'open' : 'unstated';
}

function bounds(node: DocumentNode, lower: string, upper: string): { atLeast?: number; atMost?: number } {
  const atLeast = node.number(lower);
  const atMost = node.number(upper);
  return { ...(atLeast !== undefined && atLeast > 0 && { atLeast }), ...(atMost !== undefined && { atMost }) };
}
