import { z } from 'zod';
import { exactNumber, numberWithin } from 'temporal-http-tasks/internal/tasks/exact-number';
import type { NumberLimits } from 'temporal-http-tasks/internal/tasks/exact-number';
import { CONTENT_TYPE, countWords, DIGITS, FITS_SEVERAL, limitsOf, SchemaMaker } from './schema-maker';
import type { CheckedFormat, PlainLiteral, TextRules } from './schema-maker';
import type { ArrayShape, NumberShape, Shape } from './shape';

/** The schemas of formats that are checked. */
export const CHECKED_FORMATS = {
  date: () => z.iso.date(),
  'date-time': () => z.iso.datetime({ offset: true }),
  uuid: () => z.guid(),
  ipv4: () => z.ipv4(),
  ipv6: () => z.ipv6(),
  byte: () => z.base64(),
} as const satisfies Record<CheckedFormat, () => z.ZodType>;

/** Makes zod schemas of shapes. Schemas with a name are made once, when something is first checked against them. */
export class ZodShapes extends SchemaMaker<z.ZodType> {
  readonly #named = new Map<string, z.ZodType>();

  protected simple(kind: 'unknown' | 'never' | 'null' | 'boolean'): z.ZodType {
    return z[kind]();
  }

  protected described(schema: z.ZodType, description: string, { kind }: Shape): z.ZodType {
    return (kind === 'named' ? z.lazy(() => schema) : schema).describe(description);
  }

  protected text({ checked, atLeast, atMost, patterns, shownFormat: format }: TextRules): z.ZodType {
    let schema: z.ZodString | ReturnType<(typeof CHECKED_FORMATS)[CheckedFormat]> =
      checked === undefined ? z.string() : CHECKED_FORMATS[checked]();
    if (atLeast !== undefined) schema = schema.min(atLeast);
    if (atMost !== undefined) schema = schema.max(atMost);
    for (const pattern of patterns) schema = schema.regex(pattern);
    return format === undefined ? schema : schema.meta({ format });
  }

  protected number(shape: NumberShape): z.ZodType {
    return numberWithin(limitsOf(shape));
  }

  protected numberOrDigits(): z.ZodType {
    return z.union([z.number(), z.string().regex(DIGITS)]);
  }

  protected exact(limits: NumberLimits): z.ZodType {
    return exactNumber(limits);
  }

  protected choice(texts: readonly string[]): z.ZodType {
    return z.enum(texts);
  }

  protected literals(values: readonly PlainLiteral[]): z.ZodType {
    return z.literal([...values]);
  }

  protected array(items: z.ZodType, { atLeast, atMost, unique }: ArrayLimits): z.ZodType {
    let schema = z.array(items);
    if (atLeast !== undefined) schema = schema.min(atLeast);
    if (atMost !== undefined) schema = schema.max(atMost);
    return unique ? schema.refine(hasNoEqualEntries, 'must not hold the same entry twice') : schema;
  }

  protected tuple([first, ...others]: readonly z.ZodType[], rest: z.ZodType): z.ZodType {
    return first ? z.tuple([first, ...others], rest) : z.array(rest);
  }

  protected object(
    fields: readonly (readonly [string, z.ZodType])[],
    rest: 'refused' | 'kept' | { of: z.ZodType },
  ): z.ZodType {
    const entries = Object.fromEntries(fields);
    if (rest === 'refused') return z.strictObject(entries);
    return rest === 'kept' ? z.looseObject(entries) : z.object(entries).catchall(rest.of);
  }

  protected counted(object: z.ZodType, atLeast: number | undefined, atMost: number | undefined): z.ZodType {
    const fits = (value: unknown): boolean => isWithin(Object.keys(value as object).length, atLeast, atMost);
    return object.refine(fits, countWords(atLeast, atMost));
  }

  /** Bytes in an input: a Temporal payload is JSON, so they come as base64. */
  protected file(): z.ZodType {
    return z.strictObject({
      base64: z.base64(),
      filename: z.string().optional(),
      contentType: z.string().regex(CONTENT_TYPE).optional(),
    });
  }

  protected optional(schema: z.ZodType): z.ZodType {
    return schema.optional();
  }

  protected nullish(schema: z.ZodType): z.ZodType {
    return schema.nullish();
  }

  protected nullable(schema: z.ZodType): z.ZodType {
    return schema.nullable();
  }

  protected given(schema: z.ZodType): z.ZodType {
    return schema.refine(isGiven, 'is required');
  }

  protected discriminated(discriminator: string, options: readonly z.ZodType[]): z.ZodType {
    const [first, ...more] = options as readonly z.core.$ZodTypeDiscriminable[];
    return first ? z.discriminatedUnion(discriminator, [first, ...more]) : z.never();
  }

  protected union(options: readonly z.ZodType[]): z.ZodType {
    return z.union(options);
  }

  protected exclusive(options: readonly z.ZodType[]): z.ZodType {
    return z.xor(options, { error: ({ errors }) => (errors.length === 0 ? FITS_SEVERAL : undefined) });
  }

  protected both(one: z.ZodType, other: z.ZodType): z.ZodType {
    return z.intersection(one, other);
  }

  protected named(id: string): z.ZodType {
    let schema = this.#named.get(id);
    if (!schema) {
      schema = z.lazy(() => this.inPlace(id));
      this.#named.set(id, schema);
    }
    return schema;
  }
}

type ArrayLimits = Pick<ArrayShape, 'atLeast' | 'atMost' | 'unique'>;

function hasNoEqualEntries(entries: readonly unknown[]): boolean {
  return new Set(entries.map((entry) => JSON.stringify(entry))).size === entries.length;
}

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

function isWithin(count: number, atLeast = 0, atMost = Number.POSITIVE_INFINITY): boolean {
  return count >= atLeast && count <= atMost;
}
