import type { NumberLimits } from 'temporal-http-tasks/internal/tasks/exact-number';
import { checkablePattern } from '../schema/patterns';
import { resolved } from '../schema/shape';
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
} from '../schema/shape';
import {
  CONTENT_TYPE,
  countWords,
  FITS_SEVERAL,
  isCheckedFormat,
  limitsOf,
  loosened,
  splitLiterals,
  refusesRest,
  tellsApart,
  DIGITS,
} from '../schema/to-zod';
import { bracketed, called, literal, objectOf, print, quoted } from './layout';
import type { Layout } from './layout';

const FORMAT_CALLS: Readonly<Record<string, string>> = {
  date: 'z.iso.date()',
  'date-time': 'z.iso.datetime({ offset: true })',
  uuid: 'z.guid()',
  ipv4: 'z.ipv4()',
  ipv6: 'z.ipv6()',
  byte: 'z.base64()',
};

/** Writes shapes as code that makes the schemas which `ZodShapes` makes. */
export class ShapeSource {
  readonly #names: NamedShapes;
  readonly #direction: Direction;
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
    this.#names = names;
    this.#direction = direction;
    this.#constantOf = constantOf;
    this.#recursive = recursive;
  }

  /** Whether what was written so far uses `exactNumber`. */
  get hasExactNumbers(): boolean {
    return this.#hasExactNumbers;
  }

  of(shape: Shape): Layout {
    const code = this.#bare(shape);
    if (shape.description === undefined) return code;
    // A description makes a copy, and a copy of what leads back to itself would hold a copy of its own, without end.
    const described =
      shape.kind === 'named' && this.#recursive.has(shape.id) ? called('z.lazy', ['() => ', code]) : code;
    return [described, called('.describe', quoted(shape.description))];
  }

  #bare(shape: Shape): Layout {
    switch (shape.kind) {
      case 'unknown':
      case 'never':
      case 'null':
      case 'boolean':
        return `z.${shape.kind}()`;
      case 'string':
        return stringSource(shape, this.#direction);
      case 'number':
        return this.#number(shape);
      case 'literals':
        return this.#literals(shape.values);
      case 'array':
        return this.#array(shape);
      case 'tuple':
        return this.#tuple(shape);
      case 'object':
        return this.#object(shape);
      case 'file':
        return fileSource();
      case 'union':
        return this.#union(shape);
      case 'both':
        return shape.parts
          .map((part) => this.of(loosened(part, this.#names)))
          .reduce((a, b) => called('z.intersection', a, b));
      case 'named':
        return this.#constantOf(shape.id) ?? this.of(this.#names.find(shape.id) ?? { kind: 'unknown' });
    }
  }

  #number(shape: NumberShape): Layout {
    const { whole, orDigits, atLeast, atMost, above, below, multipleOf } = shape;
    if (orDigits && this.#direction === 'output') return [`z.union([z.number(), z.string().regex(${String(DIGITS)})])`];
    if (orDigits) return this.#exact(limitsOf(shape));
    return [
      whole ? 'z.int()' : 'z.number()',
      ...limits({ min: atLeast, max: atMost, gt: above, lt: below, multipleOf }),
    ];
  }

  #exact(exactly: NumberLimits): Layout {
    this.#hasExactNumbers = true;
    return called('exactNumber', Object.keys(exactly).length === 0 ? '' : literal(exactly));
  }

  #literals(values: readonly LiteralValue[]): Layout {
    const { beyond, others } = splitLiterals(values, this.#direction);
    if (beyond.length === 0) return literalSource(others);
    const exact = this.#exact({ values: beyond });
    return others.length === 0 ? exact : called('z.union', bracketed('[', [literalSource(others), exact], ']'));
  }

  #array({ items, atLeast, atMost, unique }: ArrayShape): Layout {
    return [
      called('z.array', this.of(items)),
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

  #tuple({ items, rest, atLeast }: Extract<Shape, { kind: 'tuple' }>): Layout {
    if (items.length === 0) return called('z.array', this.of(rest));
    const elements = items.map((item, place): Layout =>
      place < atLeast ? this.of(item) : [this.of(item), '.optional()'],
    );
    return called('z.tuple', bracketed('[', elements, ']'), this.of(rest));
  }

  #object(shape: ObjectShape): Layout {
    const { fields, rest, atLeast, atMost } = shape;
    const entries = objectOf([...fields].map(([name, field]) => [name, this.#field(field)] as const));
    const object: Layout =
      typeof rest !== 'string'
        ? [called('z.object', entries), called('.catchall', this.of(rest))]
        : called(refusesRest(rest, this.#direction) ? 'z.strictObject' : 'z.looseObject', entries);
    return [object, ...countLimits(atLeast, atMost)];
  }

  #field({ shape, required }: FieldShape): Layout {
    const schema = this.of(shape);
    if (!required)
      return [schema, this.#direction === 'output' && shape.kind !== 'unknown' ? '.nullish()' : '.optional()'];
    if (shape.kind !== 'unknown' || this.#direction === 'output') return schema;
    return [schema, called('.refine', '(value) => value !== undefined', quoted('must be given'))];
  }

  #union({ options, discriminator, exclusive }: UnionShape): Layout {
    const others = options.filter(({ kind }) => kind !== 'null');
    const [only] = others;
    if (only && others.length === 1) return [this.of(only), '.nullable()'];
    if (discriminator !== undefined && tellsApart(options, discriminator, this.#names)) {
      const told = options.map((option) => this.of(resolved(option, this.#names)));
      return called('z.discriminatedUnion', quoted(discriminator), bracketed('[', told, ']'));
    }
    const all = bracketed(
      '[',
      options.map((option) => this.of(option)),
      ']',
    );
    if (!exclusive) return called('z.union', all);
    return called(
      'z.xor',
      all,
      objectOf([['error', `({ errors }) => (errors.length === 0 ? ${print(quoted(FITS_SEVERAL))} : undefined)`]]),
    );
  }
}

function stringSource({ format, atLeast, atMost, patterns = [] }: StringShape, direction: Direction): Layout {
  const isChecked = direction === 'input' && isCheckedFormat(format);
  const checks = patterns.flatMap((pattern) => {
    const checked = checkablePattern(pattern);
    return checked ? [`.regex(${String(checked)})`] : [];
  });
  const meta = format === undefined || isChecked ? '' : print(called('.meta', literal({ format })));
  return [
    isChecked ? (FORMAT_CALLS[format] ?? 'z.string()') : 'z.string()',
    ...limits({ min: atLeast, max: atMost }),
    ...checks,
    meta,
  ];
}

function literalSource(values: readonly LiteralValue[]): Layout {
  const isEnum = values.length > 1 && values.every((value) => typeof value === 'string');
  return called(isEnum ? 'z.enum' : 'z.literal', literal(values));
}

function fileSource(): Layout {
  return called(
    'z.strictObject',
    objectOf([
      ['base64', 'z.base64()'],
      ['filename', 'z.string().optional()'],
      ['contentType', `z.string().regex(${String(CONTENT_TYPE)}).optional()`],
    ]),
  );
}

function limits(calls: Readonly<Record<string, Amount | undefined>>): string[] {
  return Object.entries(calls).flatMap(([name, limit]) => (limit === undefined ? [] : [`.${name}(${Number(limit)})`]));
}

function countLimits(atLeast: number | undefined, atMost: number | undefined): Layout[] {
  if (atLeast === undefined && atMost === undefined) return [];
  const tests = [
    ...(atLeast === undefined ? [] : [`Object.keys(value).length >= ${atLeast}`]),
    ...(atMost === undefined ? [] : [`Object.keys(value).length <= ${atMost}`]),
  ];
  return [called('.refine', `(value) => ${tests.join(' && ')}`, quoted(countWords(atLeast, atMost)))];
}
