/**
 * What a JSON Schema allows, in the few forms that zod and TypeScript can both say. A task made at run time and the code
 * generated for it come from the same shape, so they cannot differ.
 */
export type Shape = ShapeForm & {
  description?: string;
  /**
   * The kind is only a guess from keywords such as `minLength`, which count for values of that kind alone: any other
   * description of the value takes precedence.
   */
  guessed?: true;
};

type ShapeForm =
  | { kind: 'unknown' }
  | { kind: 'never' }
  | { kind: 'null' }
  | { kind: 'boolean' }
  | StringShape
  | NumberShape
  | { kind: 'literals'; values: readonly LiteralValue[] }
  | ArrayShape
  | { kind: 'tuple'; items: readonly Shape[]; rest: Shape; atLeast: number }
  | ObjectShape
  | { kind: 'file' }
  | UnionShape
  /** All of them together, where they could not be made one shape. */
  | { kind: 'both'; parts: readonly Shape[] }
  /** A schema with a name; recursion goes through these only. */
  | { kind: 'named'; id: string };

/** A value that a literal type can name. */
export type LiteralValue = string | number | bigint | boolean | null;

/** A number, or a whole one beyond 2^53. */
export type Amount = number | bigint;

/** A text. */
export interface StringShape {
  kind: 'string';
  atLeast?: number;
  atMost?: number;
  patterns?: readonly string[];
  /** As in the document; only some are checked. */
  format?: string;
}

/** A number. */
export interface NumberShape {
  kind: 'number';
  /** A number that JavaScript would change is the text of its digits. */
  orDigits?: boolean;
  whole: boolean;
  atLeast?: Amount;
  atMost?: Amount;
  above?: Amount;
  below?: Amount;
  multipleOf?: Amount;
}

/** A list. */
export interface ArrayShape {
  kind: 'array';
  items: Shape;
  atLeast?: number;
  atMost?: number;
  unique?: boolean;
}

/** One field of an object. */
export interface FieldShape {
  shape: Shape;
  required: boolean;
  /** In an input: a field that responses have, and that a request may repeat. */
  readOnly?: true;
}

/** An object. */
export interface ObjectShape {
  kind: 'object';
  fields: ReadonlyMap<string, FieldShape>;
  /**
   * Fields without a name here: refused (`closed`), welcome (`open`), of a certain shape, or not spoken of
   * (`unstated`), which an input refuses and an output keeps.
   */
  rest: 'closed' | 'open' | 'unstated' | Shape;
  atLeast?: number;
  atMost?: number;
}

/** One of several shapes, or more of them. */
export interface UnionShape {
  kind: 'union';
  options: readonly Shape[];
  /** The field whose literals distinguish the options. */
  discriminator?: string;
  /** The document says `oneOf`: no value should fit two of the options. */
  oneOf?: true;
  /** A value that fits two of the options is refused. */
  exclusive?: true;
  /** Schemas that inherit from one, and that one. */
  heirs?: true;
}

/** How the options of a union relate to each other. */
export type UnionTraits = Pick<UnionShape, 'discriminator' | 'oneOf' | 'heirs'>;

/** Whether a shape is sent or received. What is sent is checked as in the document; what is received, only as far as code uses it. */
export type Direction = 'input' | 'output';

/** Named shapes by their id. */
export interface NamedShapes {
  /** The shape of this id; undefined while it is still being read. */
  find(id: string): Shape | undefined;
  /** A name for people: the last part of the schema's pointer. */
  nameOf(id: string): string;
}

/** The shape behind names. Stays a name while its target is being read. */
export function resolved(shape: Shape, names: NamedShapes): Shape {
  let current = shape;
  for (let hops = 0; current.kind === 'named' && hops < 50; hops += 1) {
    const next = names.find(current.id);
    if (!next) return current;
    current = next;
  }
  return current;
}

/** The shape or null; for null once only. */
export function orNull(shape: Shape): Shape {
  if (shape.kind === 'unknown' || shape.kind === 'null') return shape;
  const { description, ...bare } = shape;
  const traits = bare.kind === 'union' && bare.discriminator === undefined ? bare : undefined;
  const options = traits?.options ?? [bare];
  if (options.some(({ kind }) => kind === 'null')) return shape;
  const union: Shape = { ...traits, kind: 'union', options: [...options, { kind: 'null' }] };
  return description === undefined ? union : { ...union, description };
}

/** Comparing each option with each other one is for unions that people write. */
const MAX_COMPARED = 64;

/** A union without needless nesting: nothing for none, the only option for one, literals side by side as one. */
export function unionOf(options: readonly Shape[], { discriminator, oneOf, heirs }: UnionTraits = {}): Shape {
  const flat = discriminator === undefined ? options.flatMap((option) => inner(option, oneOf, heirs)) : options;
  const possible = flat.filter(({ kind }) => kind !== 'never');
  const open = possible.find(({ kind }) => kind === 'unknown');
  if (open) return open;
  const merged = discriminator === undefined ? withLiteralsAsOne(possible) : possible;
  const distinct =
    merged.length > MAX_COMPARED
      ? merged
      : merged.filter((option, place) => merged.findIndex((other) => isSameShape(other, option)) === place);
  const [only] = distinct;
  if (only === undefined) return { kind: 'never' };
  if (distinct.length === 1) return only;
  return {
    kind: 'union',
    options: distinct,
    ...(discriminator !== undefined && { discriminator }),
    ...(oneOf && { oneOf }),
    ...(heirs && { heirs }),
  };
}

/** The options of an option that is a union of the same traits; of another one it is a single option. */
function inner(option: Shape, oneOf: true | undefined, heirs: true | undefined): readonly Shape[] {
  if (option.kind !== 'union' || option.discriminator !== undefined || option.description !== undefined)
    return [option];
  return oneOf || option.oneOf || option.heirs !== heirs ? [option] : option.options;
}

function withLiteralsAsOne(options: readonly Shape[]): readonly Shape[] {
  const literals = options.filter((option) => option.kind === 'literals');
  if (literals.length < 2) return options;
  const values = [...new Set(literals.flatMap(({ values: some }) => some))];
  return [{ kind: 'literals', values }, ...options.filter(({ kind }) => kind !== 'literals')];
}

/** Whether two shapes are one; only for those that are cheap to compare. */
export function isSameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'named':
      return a.id === (b as typeof a).id;
    case 'null':
    case 'boolean':
    case 'unknown':
    case 'never':
    case 'string':
    case 'number':
    case 'literals':
      return comparable(a) === comparable(b);
    default:
      return false;
  }
}

function comparable(shape: Shape): string {
  return JSON.stringify({ ...shape, description: '' }, (_, value: unknown) =>
    typeof value === 'bigint' ? { bigint: String(value) } : value,
  );
}

/** The kind of shape that a literal other than null is. */
export function kindOf(value: LiteralValue): string {
  return typeof value === 'bigint' ? 'number' : typeof value;
}

/** Maximum number of schemas that are searched in one input. */
const MAX_SCHEMAS = 5_000;

/** Returns the paths of required fields that accept no value, because of which the call cannot be made. */
export function impossibleFields(input: ObjectShape, names: NamedShapes): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const look = (path: string, shape: Shape): void => {
    if (shape.kind === 'named') {
      if (seen.has(shape.id) || seen.size >= MAX_SCHEMAS) return;
      seen.add(shape.id);
    }
    const behind = resolved(shape, names);
    if (behind.kind === 'array') look(`${path}[]`, behind.items);
    if (behind.kind === 'union') for (const option of behind.options) look(path, option);
    if (behind.kind !== 'object') return;
    for (const [name, field] of behind.fields) {
      const inner = path === '' ? name : `${path}.${name}`;
      if (field.required && isImpossible(resolved(field.shape, names), names)) found.add(inner);
      else look(inner, field.shape);
    }
  };
  look('', input);
  return [...found];
}

function isImpossible(shape: Shape, names: NamedShapes): boolean {
  switch (shape.kind) {
    case 'never':
      return true;
    case 'string':
    case 'array':
      return (shape.atLeast ?? 0) > (shape.atMost ?? Number.POSITIVE_INFINITY);
    case 'number':
      return (shape.atLeast ?? Number.NEGATIVE_INFINITY) > (shape.atMost ?? Number.POSITIVE_INFINITY);
    case 'literals':
      return shape.values.length === 0;
    case 'union':
      return shape.options.every((option) => resolved(option, names).kind === 'never');
    default:
      return false;
  }
}
