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

/** Formats that are checked; others are shown to people and left to the provider. */
const CHECKED_FORMATS = ['date', 'date-time', 'uuid', 'ipv4', 'ipv6', 'byte'] as const;

/** A format that is checked. */
export type CheckedFormat = (typeof CHECKED_FORMATS)[number];

/** What a text has to satisfy. */
export interface TextRules extends Pick<StringShape, 'atLeast' | 'atMost'> {
  checked?: CheckedFormat;
  patterns: readonly RegExp[];
  /** A format that is not checked. */
  shownFormat?: string;
}

/** A literal that JavaScript can represent. */
export type PlainLiteral = Exclude<LiteralValue, bigint>;

/**
 * Makes a schema of each kind of shape: a zod schema, or the source of one. What a shape means is decided here, so that a
 * task made at run time and the code generated for it accept the same; how it is made or written is up to the subclass.
 */
export abstract class SchemaMaker<T> {
  constructor(
    protected readonly names: NamedShapes,
    protected readonly direction: Direction,
  ) {}

  of(shape: Shape): T {
    const schema = this.#bare(shape);
    return shape.description === undefined ? schema : this.described(schema, shape.description, shape);
  }

  protected abstract simple(kind: 'unknown' | 'never' | 'null' | 'boolean'): T;
  /** A description makes a copy; a copy of a schema that leads back to itself would contain a copy of its own, without end. */
  protected abstract described(schema: T, description: string, shape: Shape): T;
  protected abstract text(rules: TextRules): T;
  protected abstract number(shape: NumberShape): T;
  /** A number, or the text of one that JavaScript would change. */
  protected abstract numberOrDigits(): T;
  /** A number that is kept exactly, or the text of its digits. */
  protected abstract exact(limits: NumberLimits): T;
  protected abstract choice(texts: readonly string[]): T;
  protected abstract literals(values: readonly PlainLiteral[]): T;
  protected abstract array(items: T, shape: Pick<ArrayShape, 'atLeast' | 'atMost' | 'unique'>): T;
  /** @param items At least one. */
  protected abstract tuple(items: readonly T[], rest: T): T;
  /** @param rest What other fields are: refused, kept, or of this schema. */
  protected abstract object(entries: readonly (readonly [string, T])[], rest: 'refused' | 'kept' | { of: T }): T;
  protected abstract counted(object: T, atLeast: number | undefined, atMost: number | undefined): T;
  protected abstract file(): T;
  protected abstract optional(schema: T): T;
  protected abstract nullish(schema: T): T;
  protected abstract nullable(schema: T): T;
  /** Anything but undefined. */
  protected abstract given(schema: T): T;
  protected abstract discriminated(discriminator: string, options: readonly T[]): T;
  protected abstract union(options: readonly T[]): T;
  /** Exactly one of them; the refusal of several is {@link FITS_SEVERAL}. */
  protected abstract exclusive(options: readonly T[]): T;
  protected abstract both(one: T, other: T): T;
  protected abstract named(id: string): T;

  /** The schema behind a name. */
  protected inPlace(id: string): T {
    return this.of(this.names.find(id) ?? { kind: 'unknown' });
  }

  #bare(shape: Shape): T {
    switch (shape.kind) {
      case 'unknown':
      case 'never':
      case 'null':
      case 'boolean':
        return this.simple(shape.kind);
      case 'string':
        return this.text(this.#textRules(shape));
      case 'number':
        if (!shape.orDigits) return this.number(shape);
        return this.direction === 'output' ? this.numberOrDigits() : this.exact(limitsOf(shape));
      case 'literals':
        return this.#literals(shape.values);
      case 'array':
        return this.array(this.of(shape.items), shape);
      case 'tuple':
        return this.#tuple(shape);
      case 'object':
        return this.#object(shape);
      case 'file':
        return this.file();
      case 'union':
        return this.#union(shape);
      case 'both':
        return shape.parts.map((part) => this.of(loosened(part, this.names))).reduce((a, b) => this.both(a, b));
      case 'named':
        return this.named(shape.id);
    }
  }

  #textRules({ format, atLeast, atMost, patterns = [] }: StringShape): TextRules {
    const checked = this.direction === 'input' ? CHECKED_FORMATS.find((one) => one === format) : undefined;
    return {
      ...(atLeast !== undefined && { atLeast }),
      ...(atMost !== undefined && { atMost }),
      ...(checked && { checked }),
      ...(checked === undefined && format !== undefined && { shownFormat: format }),
      patterns: patterns.flatMap((pattern) => checkablePattern(pattern) ?? []),
    };
  }

  #literals(values: readonly LiteralValue[]): T {
    const { beyond, others } = splitLiterals(values, this.direction);
    if (beyond.length === 0) return this.#plainLiterals(others);
    const exact = this.exact({ values: beyond });
    return others.length === 0 ? exact : this.union([this.#plainLiterals(others), exact]);
  }

  #plainLiterals(values: readonly PlainLiteral[]): T {
    const texts = values.filter((value) => typeof value === 'string');
    return texts.length === values.length && texts.length > 1 ? this.choice(texts) : this.literals(values);
  }

  #tuple({ items, rest, atLeast }: Extract<Shape, { kind: 'tuple' }>): T {
    if (items.length === 0) return this.array(this.of(rest), {});
    const each = items.map((item, place) => (place < atLeast ? this.of(item) : this.optional(this.of(item))));
    return this.tuple(each, this.of(rest));
  }

  #object({ fields, rest, atLeast, atMost }: ObjectShape): T {
    const entries = [...fields].map(([name, field]) => [name, this.#field(field)] as const);
    const others =
      typeof rest !== 'string'
        ? { of: this.of(rest) }
        : refusesRest(rest, this.direction)
          ? ('refused' as const)
          : ('kept' as const);
    const object = this.object(entries, others);
    return (atLeast ?? atMost) === undefined ? object : this.counted(object, atLeast, atMost);
  }

  #field({ shape, required }: FieldShape): T {
    const schema = this.of(shape);
    const isKnown = shape.kind !== 'unknown';
    if (required) return isKnown || this.direction === 'output' ? schema : this.given(schema);
    // Providers send null for what they leave out, whether they documented it or not.
    return this.direction === 'output' && isKnown ? this.nullish(schema) : this.optional(schema);
  }

  #union({ options, discriminator, exclusive }: UnionShape): T {
    const others = options.filter(({ kind }) => kind !== 'null');
    const [only] = others;
    if (only && others.length === 1) return this.nullable(this.of(only));
    if (discriminator !== undefined && discriminates(options, discriminator, this.names)) {
      const variants = options.map((option) => this.of(resolved(option, this.names)));
      if (variants.length > 0) return this.discriminated(discriminator, variants);
    }
    const all = options.map((option) => this.of(option));
    return exclusive ? this.exclusive(all) : this.union(all);
  }
}

/** What is wrong with a value of which `oneOf` takes only one part. */
export const FITS_SEVERAL =
  'fits several of the alternatives, of which the document allows one; give the fields of one only';

/** Whether an object refuses fields that it does not name. */
export function refusesRest(rest: 'closed' | 'open' | 'unstated', direction: Direction): boolean {
  return direction === 'input' && rest !== 'open';
}

/** Returns whether each option is an object that different literals identify, so that an error can name the wrong field. */
export function discriminates(options: readonly Shape[], discriminator: string, names: NamedShapes): boolean {
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

/** The text of a number that JavaScript would change; see `http/exact-json.ts`. */
export const DIGITS = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/;

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

/** A media type, so that no line break gets into a part's header. */
export const CONTENT_TYPE = /^[\w.+-]+\/[\w.+-]+(;[ \w.+=-]*)?$/;

/** The text of an error for an object with too few or too many fields. */
export function countWords(atLeast: number | undefined, atMost: number | undefined): string {
  if (atMost === undefined) return `must have at least ${atLeast} fields`;
  return atLeast === undefined ? `must have at most ${atMost} fields` : `must have ${atLeast} to ${atMost} fields`;
}
