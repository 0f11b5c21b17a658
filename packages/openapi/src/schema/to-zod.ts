import { z } from 'zod';
import { exactNumber, numberWithin } from 'temporal-http-tasks/internal/tasks/exact-number';
import type { NumberLimits } from 'temporal-http-tasks/internal/tasks/exact-number';
import { checkablePattern } from './patterns';
import { resolved } from './shape';
import type {
  Amount,
  ArrayShape,
  Direction,
  FieldShape,
  LiteralValue,
  NamedShapes,
  NumberShape,
  ObjectShape,
  Shape,
  StringShape,
  UnionShape,
} from './shape';

/** Makes zod schemas of shapes. Schemas with a name are made once, when something is first checked against them. */
export class ZodShapes {
  readonly #names: NamedShapes;
  readonly #direction: Direction;
  readonly #named = new Map<string, z.ZodType>();

  constructor(names: NamedShapes, direction: Direction) {
    this.#names = names;
    this.#direction = direction;
  }

  of(shape: Shape): z.ZodType {
    const schema = this.#bare(shape);
    if (shape.description === undefined) return schema;
    // A description makes a copy of the schema. A copy of one that leads back to itself would hold a copy of its own, without end.
    return (shape.kind === 'named' ? z.lazy(() => schema) : schema).describe(shape.description);
  }

  #bare(shape: Shape): z.ZodType {
    switch (shape.kind) {
      case 'unknown':
        return z.unknown();
      case 'never':
        return z.never();
      case 'null':
        return z.null();
      case 'boolean':
        return z.boolean();
      case 'string':
        return stringSchema(shape, this.#direction);
      case 'number':
        return numberSchema(shape, this.#direction);
      case 'literals':
        return literalSchema(shape.values, this.#direction);
      case 'array':
        return this.#array(shape);
      case 'tuple':
        return this.#tuple(shape);
      case 'object':
        return this.#object(shape);
      case 'file':
        return fileSchema();
      case 'union':
        return this.#union(shape);
      case 'both':
        return shape.parts.map((part) => this.of(loosened(part, this.#names))).reduce((a, b) => z.intersection(a, b));
      case 'named':
        return this.#lazily(shape.id);
    }
  }

  #lazily(id: string): z.ZodType {
    let schema = this.#named.get(id);
    if (!schema) {
      schema = z.lazy(() => this.of(this.#names.find(id) ?? { kind: 'unknown' }));
      this.#named.set(id, schema);
    }
    return schema;
  }

  #array({ items, atLeast, atMost, unique }: ArrayShape): z.ZodType {
    let schema = z.array(this.of(items));
    if (atLeast !== undefined) schema = schema.min(atLeast);
    if (atMost !== undefined) schema = schema.max(atMost);
    return unique ? schema.refine(hasNoEqualEntries, 'must not hold the same entry twice') : schema;
  }

  #tuple({ items, rest, atLeast }: Extract<Shape, { kind: 'tuple' }>): z.ZodType {
    const [first, ...others] = items.map((item, place) => (place < atLeast ? this.of(item) : this.of(item).optional()));
    return first ? z.tuple([first, ...others], this.of(rest)) : z.array(this.of(rest));
  }

  #object(shape: ObjectShape): z.ZodType {
    const { fields, rest, atLeast, atMost } = shape;
    const entries = Object.fromEntries([...fields].map(([name, field]) => [name, this.#field(field)]));
    const schema =
      typeof rest !== 'string'
        ? z.object(entries).catchall(this.of(rest))
        : refusesRest(rest, this.#direction)
          ? z.strictObject(entries)
          : z.looseObject(entries);
    if (atLeast === undefined && atMost === undefined) return schema;
    return schema.refine((value) => isWithin(Object.keys(value).length, atLeast, atMost), countWords(atLeast, atMost));
  }

  #field({ shape, required }: FieldShape): z.ZodType {
    const schema = this.of(shape);
    if (required)
      return shape.kind === 'unknown' && this.#direction === 'input' ? schema.refine(isGiven, 'must be given') : schema;
    // Providers answer null for what they leave out, whether they documented it or not.
    return this.#direction === 'output' && shape.kind !== 'unknown' ? schema.nullish() : schema.optional();
  }

  #union({ options, discriminator, exclusive }: UnionShape): z.ZodType {
    const others = options.filter(({ kind }) => kind !== 'null');
    const [only] = others;
    if (only && others.length === 1) return this.of(only).nullable();
    if (discriminator !== undefined && tellsApart(options, discriminator, this.#names)) {
      const [first, ...more] = options.map(
        (option) => this.of(resolved(option, this.#names)) as z.core.$ZodTypeDiscriminable,
      );
      if (first) return z.discriminatedUnion(discriminator, [first, ...more]);
    }
    const all = options.map((option) => this.of(option));
    return exclusive
      ? z.xor(all, { error: ({ errors }) => (errors.length === 0 ? FITS_SEVERAL : undefined) })
      : z.union(all);
  }
}

/** What is wrong with a value of which `oneOf` takes only one part. */
export const FITS_SEVERAL =
  'fits several of the alternatives, of which the document allows one; give the fields of one only';

/** Whether an object refuses fields that it does not name. */
export function refusesRest(rest: 'closed' | 'open' | 'unstated', direction: Direction): boolean {
  return direction === 'input' && rest !== 'open';
}

/** Whether each option is an object that says by literals of its own which one it is, so that a refusal can name the field at fault. */
export function tellsApart(options: readonly Shape[], discriminator: string, names: NamedShapes): boolean {
  const seen = new Set<LiteralValue>();
  return options.every((option) => {
    const shape = resolved(option, names);
    const field = shape.kind === 'object' ? shape.fields.get(discriminator) : undefined;
    if (
      !field?.required ||
      field.shape.kind !== 'literals' ||
      (shape.kind === 'object' && (shape.atLeast ?? shape.atMost) !== undefined)
    )
      return false;
    return field.shape.values.every((value) => !seen.has(value) && seen.add(value));
  });
}

/** Checked one after the other, strict objects would refuse each other's fields. */
export function loosened(part: Shape, names: NamedShapes): Shape {
  const shape = resolved(part, names);
  if (shape.kind === 'union') return { ...shape, options: shape.options.map((option) => loosened(option, names)) };
  return shape.kind === 'object' && typeof shape.rest === 'string' ? { ...shape, rest: 'open' } : part;
}

/** Formats that are checked; others are told to people and left to the provider. */
export const CHECKED_FORMATS = {
  date: () => z.iso.date(),
  'date-time': () => z.iso.datetime({ offset: true }),
  uuid: () => z.guid(),
  ipv4: () => z.ipv4(),
  ipv6: () => z.ipv6(),
  byte: () => z.base64(),
} as const;

/** Whether a format is checked. */
export function isCheckedFormat(format: string | undefined): format is keyof typeof CHECKED_FORMATS {
  return format !== undefined && Object.hasOwn(CHECKED_FORMATS, format);
}

function stringSchema({ format, atLeast, atMost, patterns = [] }: StringShape, direction: Direction): z.ZodType {
  let schema: z.ZodString | ReturnType<(typeof CHECKED_FORMATS)[keyof typeof CHECKED_FORMATS]> =
    direction === 'input' && isCheckedFormat(format) ? CHECKED_FORMATS[format]() : z.string();
  if (atLeast !== undefined) schema = schema.min(atLeast);
  if (atMost !== undefined) schema = schema.max(atMost);
  for (const pattern of patterns) {
    const checked = checkablePattern(pattern);
    if (checked) schema = schema.regex(checked);
  }
  return format === undefined || (direction === 'input' && isCheckedFormat(format)) ? schema : schema.meta({ format });
}

/** The text of a number that JavaScript would change; see `http/exact-json.ts`. */
export const DIGITS = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/;

function numberSchema(shape: NumberShape, direction: Direction): z.ZodType {
  if (shape.orDigits)
    return direction === 'output' ? z.union([z.number(), z.string().regex(DIGITS)]) : exactNumber(limitsOf(shape));
  return numberWithin(limitsOf(shape));
}

/** What a number of an input has to keep to, as `exactNumber` takes it. */
export function limitsOf({ whole, atLeast, atMost, above, below, multipleOf }: NumberShape): NumberLimits {
  return {
    ...(whole && { whole }),
    ...(atLeast !== undefined && { min: exact(atLeast) }),
    ...(atMost !== undefined && { max: exact(atMost) }),
    ...(above !== undefined && { gt: exact(above) }),
    ...(below !== undefined && { lt: exact(below) }),
    ...(multipleOf !== undefined && { multipleOf: exact(multipleOf) }),
  };
}

/** A number, or the digits of one beyond 2^53. */
function exact(amount: Amount): number | string {
  return typeof amount === 'bigint' ? String(amount) : amount;
}

/** The literals of an input that JavaScript cannot represent, which come as the texts of their digits; and the others. */
export function splitLiterals(
  values: readonly LiteralValue[],
  direction: Direction,
): { beyond: (number | string)[]; others: Exclude<LiteralValue, bigint>[] } {
  const isBeyond = (value: LiteralValue): value is number | bigint =>
    typeof value === 'bigint' ||
    (direction === 'input' && typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value));
  return {
    beyond: values.filter(isBeyond).map(exact),
    others: values.filter((value): value is Exclude<LiteralValue, bigint> => !isBeyond(value)),
  };
}

function literalSchema(values: readonly LiteralValue[], direction: Direction): z.ZodType {
  const { beyond, others } = splitLiterals(values, direction);
  if (beyond.length > 0)
    return others.length === 0
      ? exactNumber({ values: beyond })
      : z.union([literalSchema(others, direction), exactNumber({ values: beyond })]);
  const texts = others.filter((value) => typeof value === 'string');
  return texts.length === others.length && others.length > 1 ? z.enum(texts) : z.literal([...others]);
}

/** Bytes in an input: a Temporal payload is JSON, so they come as base64. */
function fileSchema(): z.ZodType {
  return z.strictObject({
    base64: z.base64(),
    filename: z.string().optional(),
    contentType: z.string().regex(CONTENT_TYPE).optional(),
  });
}

/** A media type, so that no line break gets into a part's header. */
export const CONTENT_TYPE = /^[\w.+-]+\/[\w.+-]+(;[ \w.+=-]*)?$/;

function hasNoEqualEntries(entries: readonly unknown[]): boolean {
  return new Set(entries.map((entry) => JSON.stringify(entry))).size === entries.length;
}

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

function isWithin(count: number, atLeast = 0, atMost = Number.POSITIVE_INFINITY): boolean {
  return count >= atLeast && count <= atMost;
}

/** How many fields an object has to have, as a refusal says it. */
export function countWords(atLeast: number | undefined, atMost: number | undefined): string {
  if (atMost === undefined) return `must have at least ${atLeast} fields`;
  return atLeast === undefined ? `must have at most ${atMost} fields` : `must have ${atLeast} to ${atMost} fields`;
}
