import type { NumberLimits } from 'temporal-http-tasks/internal/tasks/exact-number';
import {
  CONTENT_TYPE,
  countWords,
  DIGITS,
  FITS_SEVERAL,
  loosened,
  refusesRest,
  SchemaMaker,
  splitLiterals,
} from '../schema/schema-maker';
import type { CheckedFormat, PlainLiteral, TextRules } from '../schema/schema-maker';
import type {
  Amount,
  ArrayShape,
  Direction,
  FieldShape,
  NamedShapes,
  NumberShape,
  ObjectShape,
  Shape,
} from '../schema/shape';
import { bracketed, called, literal, objectOf, print, propertyName, quoted } from './layout';
import type { Layout } from './layout';

const FORMAT_CALLS: Readonly<Record<CheckedFormat, string>> = {
  date: 'z.iso.date()',
  'date-time': 'z.iso.datetime({ offset: true })',
  uuid: 'z.guid()',
  ipv4: 'z.ipv4()',
  ipv6: 'z.ipv6()',
  byte: 'z.base64()',
};

/** Writes shapes as code that makes the schemas which `ZodShapes` makes. */
export class ShapeSource extends SchemaMaker<Layout> {
  readonly #constantOf: (id: string) => string | undefined;
  readonly #recursive: ReadonlySet<string>;
  #hasExactNumbers = false;

  /**
   * @param constantOf the name of the constant that holds a named schema; undefined for one that is written where it is used.
   * @param recursive the named schemas that lead back to themselves.
   */
  constructor(
    names: NamedShapes,
    direction: Direction,
    constantOf: (id: string) => string | undefined,
    recursive: ReadonlySet<string>,
  ) {
    super(names, direction);
    this.#constantOf = constantOf;
    this.#recursive = recursive;
  }

  /** Whether what was written so far uses `exactNumber`. */
  get hasExactNumbers(): boolean {
    return this.#hasExactNumbers;
  }

  protected simple(kind: 'unknown' | 'never' | 'null' | 'boolean'): Layout {
    return `z.${kind}()`;
  }

  protected described(schema: Layout, description: string, shape: Shape): Layout {
    const isRecursive = shape.kind === 'named' && this.#recursive.has(shape.id);
    return [isRecursive ? called('z.lazy', ['() => ', schema]) : schema, called('.describe', quoted(description))];
  }

  protected text({ checked, atLeast, atMost, patterns, shownFormat: format }: TextRules): Layout {
    return [
      checked === undefined ? 'z.string()' : FORMAT_CALLS[checked],
      ...limits({ min: atLeast, max: atMost }),
      ...patterns.map((pattern) => `.regex(${String(pattern)})`),
      format === undefined ? '' : print(called('.meta', literal({ format }))),
    ];
  }

  protected number({ whole, atLeast, atMost, above, below, multipleOf }: NumberShape): Layout {
    return [
      whole ? 'z.int()' : 'z.number()',
      ...limits({ min: atLeast, max: atMost, gt: above, lt: below, multipleOf }),
    ];
  }

  protected numberOrDigits(): Layout {
    return [`z.union([z.number(), z.string().regex(${String(DIGITS)})])`];
  }

  protected exact(exactly: NumberLimits): Layout {
    this.#hasExactNumbers = true;
    return called('exactNumber', Object.keys(exactly).length === 0 ? '' : literal(exactly));
  }

  protected choice(texts: readonly string[]): Layout {
    return called('z.enum', literal(texts));
  }

  protected literals(values: readonly PlainLiteral[]): Layout {
    return called('z.literal', literal(values));
  }

  protected array(
    items: Layout,
    { atLeast, atMost, unique }: Pick<ArrayShape, 'atLeast' | 'atMost' | 'unique'>,
  ): Layout {
    return [
      called('z.array', items),
      ...limits({ min: atLeast, max: atMost }),
      unique
        ? called(
            '.refine',
            '(entries) => new Set(entries.map((entry) => JSON.stringify(entry))).size === entries.length',
            quoted('must not hold the same entry twice'),
          )
        : '',
    ];
  }

  protected tuple(items: readonly Layout[], rest: Layout): Layout {
    return called('z.tuple', bracketed('[', items, ']'), rest);
  }

  protected object(fields: readonly (readonly [string, Layout])[], rest: 'refused' | 'kept' | { of: Layout }): Layout {
    const entries = objectOf(fields);
    if (rest === 'refused') return [called('z.strictObject', entries)];
    if (rest === 'kept') return [called('z.looseObject', entries)];
    return [[called('z.object', entries), called('.catchall', rest.of)]];
  }

  protected counted(object: Layout, atLeast: number | undefined, atMost: number | undefined): Layout {
    const tests = [
      ...(atLeast === undefined ? [] : [`Object.keys(value).length >= ${atLeast}`]),
      ...(atMost === undefined ? [] : [`Object.keys(value).length <= ${atMost}`]),
    ];
    return [object, called('.refine', `(value) => ${tests.join(' && ')}`, quoted(countWords(atLeast, atMost)))];
  }

  protected file(): Layout {
    return called(
      'z.strictObject',
      objectOf([
        ['base64', 'z.base64()'],
        ['filename', 'z.string().optional()'],
        ['contentType', `z.string().regex(${String(CONTENT_TYPE)}).optional()`],
      ]),
    );
  }

  protected optional(schema: Layout): Layout {
    return [schema, '.optional()'];
  }

  protected nullish(schema: Layout): Layout {
    return [schema, '.nullish()'];
  }

  protected nullable(schema: Layout): Layout {
    return [schema, '.nullable()'];
  }

  protected given(schema: Layout): Layout {
    return [schema, called('.refine', '(value) => value !== undefined', quoted('is required'))];
  }

  protected discriminated(discriminator: string, options: readonly Layout[]): Layout {
    return called('z.discriminatedUnion', quoted(discriminator), bracketed('[', options, ']'));
  }

  protected union(options: readonly Layout[]): Layout {
    return called('z.union', bracketed('[', options, ']'));
  }

  protected exclusive(options: readonly Layout[]): Layout {
    return called(
      'z.xor',
      bracketed('[', options, ']'),
      objectOf([['error', `({ errors }) => (errors.length === 0 ? ${print(quoted(FITS_SEVERAL))} : undefined)`]]),
    );
  }

  protected both(one: Layout, other: Layout): Layout {
    return called('z.intersection', one, other);
  }

  protected named(id: string): Layout {
    return this.#constantOf(id) ?? this.inPlace(id);
  }
}

function limits(calls: Readonly<Record<string, Amount | undefined>>): string[] {
  return Object.entries(calls).flatMap(([name, limit]) => (limit === undefined ? [] : [`.${name}(${Number(limit)})`]));
}

/** Writes shapes as types, for schemas that lead back to themselves: TypeScript cannot infer those. */
export class TypeSource {
  readonly #names: NamedShapes;
  readonly #direction: Direction;
  readonly #typeOf: (id: string) => string | undefined;

  /** @param typeOf the name or expression of a named schema's type; undefined for one that is written where it is used. */
  constructor(names: NamedShapes, direction: Direction, typeOf: (id: string) => string | undefined) {
    this.#names = names;
    this.#direction = direction;
    this.#typeOf = typeOf;
  }

  of(shape: Shape): Layout {
    switch (shape.kind) {
      case 'unknown':
      case 'never':
      case 'null':
      case 'boolean':
      case 'string':
        return shape.kind;
      case 'number':
        return shape.orDigits ? 'number | string' : 'number';
      case 'literals': {
        const { beyond, others } = splitLiterals(shape.values, this.#direction);
        return alternatives([
          ...others.map((value) => (typeof value === 'string' ? quoted(value) : String(value))),
          ...(beyond.length > 0 ? ['number', 'string'] : []),
        ]);
      }
      case 'array':
        return ['Array<', this.of(shape.items), '>'];
      case 'tuple':
        return this.#tuple(shape);
      case 'object':
        return this.#object(shape);
      case 'file':
        return '{ base64: string; filename?: string | undefined; contentType?: string | undefined }';
      case 'union':
        return alternatives(shape.options.map((option) => this.of(option)));
      case 'both':
        return shape.parts.flatMap((part, place): Layout[] => [
          place === 0 ? '' : ' & ',
          this.of(loosened(part, this.#names)),
        ]);
      case 'named':
        return this.#typeOf(shape.id) ?? this.of(this.#names.find(shape.id) ?? { kind: 'unknown' });
    }
  }

  #tuple({ items, rest, atLeast }: Extract<Shape, { kind: 'tuple' }>): Layout {
    if (items.length === 0) return ['Array<', this.of(rest), '>'];
    const elements = items.map((item, place): Layout =>
      place < atLeast ? this.of(item) : ['(', this.of(item), ' | undefined)?'],
    );
    return bracketed('[', [...elements, ['...Array<', this.of(rest), '>']], ']');
  }

  #object({ fields, rest }: ObjectShape): Layout {
    const entries = [...fields].map(([name, field]) => this.#field(name, field));
    const others = typeof rest !== 'string' ? 'unknown' : refusesRest(rest, this.#direction) ? undefined : 'unknown';
    if (others !== undefined) entries.push(`[field: string]: ${others}`);
    return bracketed('{', entries, '}', { padded: true, separator: ';' });
  }

  #field(name: string, { shape, required }: FieldShape): Layout {
    if (required) return [propertyName(name), ': ', this.of(shape)];
    const absent = this.#direction === 'output' && shape.kind !== 'unknown' ? ' | null | undefined' : ' | undefined';
    return [propertyName(name), '?: ', this.of(shape), absent];
  }
}

/** In parentheses, since `&` and `[]` bind closer. */
function alternatives(options: readonly Layout[]): Layout {
  return ['(', ...options.flatMap((option, place): Layout[] => (place === 0 ? [option] : [' | ', option])), ')'];
}
