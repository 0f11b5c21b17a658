import { isSameShape, kindOf, resolved, unionOf } from './shape';
import type {
  Amount,
  ArrayShape,
  FieldShape,
  NamedShapes,
  NumberShape,
  ObjectShape,
  Shape,
  StringShape,
} from './shape';

/** A union of more options than this is not taken apart: two of them would make a product. */
const MAX_OPTIONS = 48;

/** Maximum nesting of intersections; deeper ones are created on first use. */
const MAX_NESTING = 100;

/** Named shapes, among which an intersection can be kept for later. */
export interface DeferringShapes extends NamedShapes {
  /**
   * Names the intersection of two shapes, which is created on first use.
   *
   * @param key equal for two intersections of the same shapes.
   */
  defer(key: string, a: Shape, b: Shape): Shape;
}

/**
 * Combines two shapes of `allOf`, both of which apply, into one. Strict objects have to become one: checked one after the
 * other, each would refuse the other's fields.
 *
 * Each shape is known by the shapes it was made of, so that the same ones make the same shape however often and in
 * whatever order they meet. Recursive schemas therefore lead back to a shape that is there, and end.
 */
export class Intersection {
  readonly #names: DeferringShapes;
  readonly #open = new Set<string>();
  readonly #made = new Map<string, Shape>();
  readonly #sources = new WeakMap<Shape, ReadonlySet<string>>();
  readonly #namedSources = new Map<string, ReadonlySet<string>>();
  #count = 0;

  constructor(names: DeferringShapes) {
    this.#names = names;
  }

  of(a: Shape, b: Shape): Shape {
    const merged = this.#once(a, b);
    const description = b.description ?? a.description;
    if (description === merged.description) return merged;
    return this.#keep({ ...merged, description }, this.#sourcesOf(merged));
  }

  #once(a: Shape, b: Shape): Shape {
    if (b.kind === 'unknown' || a.kind === 'never') return a;
    if (a.kind === 'unknown' || b.kind === 'never') return b;
    const [left, right] = [this.#sourcesOf(a), this.#sourcesOf(b)];
    const sources = new Set([...left, ...right]);
    if (sources.size === left.size) return a;
    if (sources.size === right.size) return b;
    const key = [...sources].sort().join(' & ');
    const known = this.#made.get(key);
    if (known) return known;
    if (this.#open.has(key) || this.#open.size >= MAX_NESTING) return this.#deferred(key, sources, a, b);
    this.#open.add(key);
    try {
      const made = this.#keep(this.#merge(a, b), sources);
      this.#made.set(key, made);
      return made;
    } finally {
      this.#open.delete(key);
    }
  }

  #deferred(key: string, sources: ReadonlySet<string>, a: Shape, b: Shape): Shape {
    const shape = this.#names.defer(key, a, b);
    if (shape.kind === 'named') this.#namedSources.set(shape.id, sources);
    return shape;
  }

  /** What a shape was made of: names, and a number for each shape that has none. */
  #sourcesOf(shape: Shape): ReadonlySet<string> {
    if (shape.kind === 'named') return this.#namedSources.get(shape.id) ?? new Set([shape.id]);
    return this.#sources.get(shape) ?? this.#keepSources(shape, new Set([String((this.#count += 1))]));
  }

  #keep(shape: Shape, sources: ReadonlySet<string>): Shape {
    if (shape.kind !== 'named' && !this.#sources.has(shape)) this.#keepSources(shape, sources);
    return shape;
  }

  #keepSources(shape: Shape, sources: ReadonlySet<string>): ReadonlySet<string> {
    this.#sources.set(shape, sources);
    return sources;
  }

  /** The intersection that was kept for later; undefined while what it is made of is still being read. */
  undeferred(a: Shape, b: Shape): Shape | undefined {
    const [left, right] = [resolved(a, this.#names), resolved(b, this.#names)];
    return left.kind === 'named' || right.kind === 'named' ? undefined : this.#merge(left, right);
  }

  #merge(a: Shape, b: Shape): Shape {
    if (isSameShape(a, b) || b.kind === 'unknown' || a.kind === 'never') return a;
    if (a.kind === 'unknown' || b.kind === 'never') return b;
    if (a.kind === 'named' || b.kind === 'named') return this.#named(a, b);
    if (a.guessed && b.guessed) return this.#guesses(a, b);
    if (a.guessed) return this.#narrowedByGuess(b, a);
    if (b.guessed) return this.#narrowedByGuess(a, b);
    if (a.kind === 'union') return this.#union(a, b, (option) => this.of(option, b));
    if (b.kind === 'union') return this.#union(b, a, (option) => this.of(a, option));
    if (a.kind === 'both' || b.kind === 'both')
      return { kind: 'both', parts: [a, b].flatMap((part) => (part.kind === 'both' ? part.parts : [part])) };
    if (a.kind === 'literals') return narrowed(a, b);
    if (b.kind === 'literals') return narrowed(b, a);
    if (a.kind === 'object' && b.kind === 'object') return this.#objects(a, b);
    if (a.kind === 'array' && b.kind === 'array') return this.#arrays(a, b);
    if (a.kind === 'string' && b.kind === 'string') return strings(a, b);
    if (a.kind === 'number' && b.kind === 'number') return numbers(a, b);
    if (a.kind === 'tuple' || b.kind === 'tuple') return { kind: 'both', parts: [a, b] };
    return a.kind === b.kind ? a : { kind: 'never' };
  }

  #named(a: Shape, b: Shape): Shape {
    const [left, right] = [resolved(a, this.#names), resolved(b, this.#names)];
    if (left.kind !== 'named' && right.kind !== 'named') return this.#merge(left, right);
    const sources = new Set([...this.#sourcesOf(a), ...this.#sourcesOf(b)]);
    return this.#deferred([...sources].sort().join(' & '), sources, a, b);
  }

  /** Keywords for several kinds of values: each kind has those of both sides. */
  #guesses(a: Shape, b: Shape): Shape {
    const [left, right] = [guessesIn(a), guessesIn(b)];
    const both = left.map((one): Shape => {
      const other = right.find(({ kind }) => kind === one.kind);
      return other ? { ...this.#merge(certain(one), certain(other)), guessed: true } : one;
    });
    const all = [...both, ...right.filter(({ kind }) => !left.some((one) => one.kind === kind))];
    const [only] = all;
    return only && all.length === 1 ? only : { kind: 'union', options: all, guessed: true };
  }

  /** What is known of a value, with the keywords for values of that kind; the others do not concern it. */
  #narrowedByGuess(known: Shape, guess: Shape): Shape {
    if (known.kind === 'union') return this.#union(known, guess, (option) => this.of(option, guess));
    const fitting = guessesIn(guess).find(
      ({ kind }) => kind === known.kind || (kind === 'array' && known.kind === 'tuple'),
    );
    return fitting ? this.#merge(known, certain(fitting)) : known;
  }

  #union(union: Extract<Shape, { kind: 'union' }>, other: Shape, withOther: (option: Shape) => Shape): Shape {
    const others = other.kind === 'union' ? other.options.length : 1;
    if (union.options.length * others > MAX_OPTIONS) return { kind: 'both', parts: [union, other] };
    return unionOf(union.options.map(withOther), union);
  }

  #objects(a: ObjectShape, b: ObjectShape): Shape {
    const fields = new Map<string, FieldShape>();
    const [left, right] = [opened(a, b), opened(b, a)];
    for (const name of new Set([...a.fields.keys(), ...b.fields.keys()])) {
      const [one, other] = [a.fields.get(name), b.fields.get(name)];
      const readOnly = one?.readOnly ?? other?.readOnly;
      const required = !readOnly && (one?.required === true || other?.required === true);
      const shape =
        one && other ? this.of(one.shape, other.shape) : this.#lone((one ?? other) as FieldShape, one ? right : left);
      // A closed side that does not know the field forbids it.
      if (shape.kind === 'never' && !required) continue;
      fields.set(name, { shape, required, ...(readOnly && { readOnly }) });
    }
    return { kind: 'object', fields, rest: this.#rest(a.rest, b.rest), ...lengths(a, b) };
  }

  #lone({ shape }: FieldShape, other: ObjectShape): Shape {
    if (other.rest === 'closed') return { kind: 'never' };
    return typeof other.rest === 'string' ? shape : this.of(shape, other.rest);
  }

  #rest(a: ObjectShape['rest'], b: ObjectShape['rest']): ObjectShape['rest'] {
    if (a === 'closed' || b === 'closed') return 'closed';
    if (typeof a !== 'string' && typeof b !== 'string') return this.of(a, b);
    if (typeof a !== 'string') return a;
    if (typeof b !== 'string') return b;
    return a === 'open' || b === 'open' ? 'open' : 'unstated';
  }

  #arrays(a: ArrayShape, b: ArrayShape): Shape {
    const unique = a.unique === true || b.unique === true;
    return { kind: 'array', items: this.of(a.items, b.items), ...lengths(a, b), ...(unique && { unique }) };
  }
}

/** A closed object; but open where it lacks a field that the other one requires, since no value at all would fit both. */
function opened(shape: ObjectShape, other: ObjectShape): ObjectShape {
  if (shape.rest !== 'closed') return shape;
  const isContradicted = [...other.fields].some(([name, { required }]) => required && !shape.fields.has(name));
  return isContradicted ? { ...shape, rest: 'unstated' } : shape;
}

function guessesIn(shape: Shape): readonly Shape[] {
  return shape.kind === 'union' ? shape.options : [shape];
}

function certain({ guessed: _, ...shape }: Shape): Shape {
  return shape;
}

function narrowed(literals: Extract<Shape, { kind: 'literals' }>, other: Shape): Shape {
  const values = literals.values.filter((value) => {
    if (other.kind === 'literals') return other.values.includes(value);
    return value === null ? other.kind === 'null' : kindOf(value) === other.kind;
  });
  return values.length === 0 ? { kind: 'never' } : { kind: 'literals', values };
}

function strings(a: StringShape, b: StringShape): Shape {
  const patterns = [...new Set([...(a.patterns ?? []), ...(b.patterns ?? [])])];
  const format = b.format ?? a.format;
  return {
    kind: 'string',
    ...lengths(a, b),
    ...(patterns.length > 0 && { patterns }),
    ...(format !== undefined && { format }),
  };
}

function numbers(a: NumberShape, b: NumberShape): Shape {
  const above = higher(a.above, b.above);
  const below = lower(a.below, b.below);
  const multipleOf = a.multipleOf ?? b.multipleOf;
  return {
    kind: 'number',
    ...(a.orDigits && b.orDigits && { orDigits: true }),
    whole: a.whole || b.whole,
    ...lengths(a, b),
    ...(above !== undefined && { above }),
    ...(below !== undefined && { below }),
    ...(multipleOf !== undefined && { multipleOf }),
  };
}

interface Bounds<A extends Amount> {
  atLeast?: A;
  atMost?: A;
}

function lengths<A extends Amount>(a: Bounds<A>, b: Bounds<A>): Bounds<A> {
  const atLeast = higher(a.atLeast, b.atLeast);
  const atMost = lower(a.atMost, b.atMost);
  return { ...(atLeast !== undefined && { atLeast }), ...(atMost !== undefined && { atMost }) };
}

function higher<A extends Amount>(a: A | undefined, b: A | undefined): A | undefined {
  return a === undefined || b === undefined ? (a ?? b) : a > b ? a : b;
}

function lower<A extends Amount>(a: A | undefined, b: A | undefined): A | undefined {
  return a === undefined || b === undefined ? (a ?? b) : a < b ? a : b;
}
