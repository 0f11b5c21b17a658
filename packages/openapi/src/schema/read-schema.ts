import type { DocumentNode } from '../document/document-node';
import { Intersection } from './intersect';
import type { DeferringShapes } from './intersect';
import { literalsOf, shapeOfType, typesOf } from './read-type';
import type { ReadingContext } from './read-type';
import { Inheritance, withLiteral } from './inheritance';
import { orNull, resolved, unionOf } from './shape';
import type { Direction, Shape } from './shape';
import { OpenApiError } from '../document/openapi-error';

/** Schemas nested in one another without a name between them, or by `allOf`. */
const MAX_NESTING = 300;

/** What the name of a schema stands for: the schema or any of its heirs, the schema only, or the schema without its options. */
type Meaning = 'whole' | 'withoutHeirs' | 'withoutOptions';

/** A schema that is referred to by its name, or an intersection that is created on first use. */
interface Entry {
  /** Its position; for an intersection, that of its first part. */
  node: DocumentNode;
  name: string;
  /** Undefined when something it needs is still being read. */
  read: () => Shape | undefined;
  state: 'waiting' | 'open' | 'read' | 'sound' | OpenApiError;
  shape?: Shape;
}

/**
 * Reads schemas as shapes. Schemas with a name are read when they are needed, since in large documents each leads
 * to thousands of others.
 */
export class SchemaReader implements DeferringShapes {
  readonly #context: ReadingContext;
  readonly #entries = new Map<string, Entry>();
  readonly #inheritance: Inheritance;
  readonly #intersection = new Intersection(this);
  #nesting = 0;

  constructor(root: DocumentNode, version: '3.0' | '3.1', direction: Direction) {
    this.#context = { version, direction, shapeOf: (node) => this.shapeOf(node) };
    this.#inheritance = new Inheritance(root);
  }

  /** @throws OpenApiError with the place of what is not a schema. */
  shapeOf(node: DocumentNode): Shape {
    return this.#nested(node, () => this.#read(node));
  }

  #nested(node: DocumentNode, read: () => Shape): Shape {
    if (this.#nesting >= MAX_NESTING) node.refuse(`is nested in more than ${MAX_NESTING} schemas`);
    this.#nesting += 1;
    try {
      return read();
    } finally {
      this.#nesting -= 1;
    }
  }

  /** Makes one shape of two that both have to hold. */
  both(a: Shape, b: Shape): Shape {
    return this.#intersection.of(a, b);
  }

  find(id: string): Shape | undefined {
    const entry = this.#entries.get(id);
    if (!entry || entry.state === 'open') return undefined;
    if (entry.state instanceof OpenApiError) throw entry.state;
    if (entry.state === 'waiting') this.#readEntry(entry);
    return entry.shape;
  }

  nameOf(id: string): string {
    return this.#entries.get(id)?.name ?? '';
  }

  defer(key: string, a: Shape, b: Shape): Shape {
    const [first, ...others] = [a, b].flatMap((part) =>
      part.kind === 'named' ? (this.#entries.get(part.id) ?? []) : [],
    );
    if (!first) return { kind: 'both', parts: [a, b] };
    const id = `all of ${key}`;
    if (!this.#entries.has(id)) {
      const name = [first, ...others].map((entry) => entry.name).join(' and ');
      this.#entries.set(id, {
        node: first.node,
        name,
        read: () => this.#intersection.undeferred(a, b),
        state: 'waiting',
      });
    }
    return { kind: 'named', id };
  }

  /**
   * Reads everything that a shape leads to.
   *
   * @throws OpenApiError when any of it cannot be read.
   */
  settle(shape: Shape): void {
    const visited: Entry[] = [];
    const waiting = [...idsIn(shape)];
    const seen = new Set<string>();
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const entry = this.#entries.get(id);
      if (!entry || entry.state === 'sound' || seen.has(id)) continue;
      seen.add(id);
      const found = this.find(id) ?? entry.node.refuse('leads back to itself with nothing between');
      visited.push(entry);
      waiting.push(...idsIn(found));
    }
    for (const id of seen) this.#refuseEndless(id);
    for (const entry of visited) entry.state = 'sound';
  }

  /** A schema that is one of its own options, or a part of itself, describes nothing; checking a value against it never ends. */
  #refuseEndless(id: string): void {
    const seen = new Set<string>();
    const waiting = directIdsIn(this.find(id));
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (next === id) this.#entries.get(id)?.node.refuse('leads back to itself with nothing between');
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push(...directIdsIn(this.find(next)));
    }
  }

  #readEntry(entry: Entry): void {
    entry.state = 'open';
    try {
      const shape = entry.read();
      entry.state = shape ? 'read' : 'waiting';
      if (shape) entry.shape = shape;
    } catch (error) {
      entry.state = error instanceof OpenApiError ? error : 'waiting';
      throw error;
    }
  }

  /** In place of a base schema, any of its heirs may be sent; of a received value, code uses the fields of the base only. */
  #readNamed(node: DocumentNode): Shape {
    const heirs = this.#context.direction === 'output' ? [] : this.#inheritance.heirsOf(node);
    if (heirs.length === 0) return this.shapeOf(node);
    const field = node.follow('discriminator')?.text('propertyName') ?? '';
    const discriminated = heirs
      .filter(({ values }) => values.length > 0)
      .map(({ values, node: heir }) => this.#withDiscriminator(this.#named(heir), field, values));
    // Without a mapping a name is only a guess at the value of the field, and may be none of the values it can have.
    const others = heirs.filter(({ values }) => values.length === 0).map(({ node: heir }) => this.#named(heir));
    // A discriminator makes no value wrong that the base allows.
    const family = [
      ...(discriminated.length > 0 ? [unionOf(discriminated, { discriminator: field })] : []),
      ...others,
      this.#named(node, 'withoutHeirs'),
    ];
    return unionOf(family, { heirs: true });
  }

  #named(target: DocumentNode, meant: Meaning = 'whole'): Shape {
    const id = meant === 'whole' ? target.id : `${target.id} ${meant}`;
    const read =
      meant === 'whole'
        ? () => this.#readNamed(target)
        : () => this.#nested(target, () => this.#keywords(target, meant === 'withoutOptions'));
    if (!this.#entries.has(id)) this.#entries.set(id, { node: target, name: target.key, read, state: 'waiting' });
    return { kind: 'named', id };
  }

  #read(node: DocumentNode): Shape {
    if (node.value === true) return { kind: 'unknown' };
    if (node.value === false) return { kind: 'never' };
    node.record();
    if (node.reference === undefined) return this.#keywords(node);
    const target = this.#named(node.target());
    if (this.#context.version === '3.1') return this.both(target, this.#keywords(node));
    // In OpenAPI 3.0 nothing counts next to a `$ref`; people write these two there all the same.
    return described(node, node.flag('nullable') ? orNull(target) : target);
  }

  #keywords(node: DocumentNode, withoutOptions = false): Shape {
    const stated = node.at('type') !== undefined;
    const types = typesOf(node, this.#context.version);
    const literals = literalsOf(node, stated ? types : [], this.#context);
    let shape: Shape = literals ?? unionOf(types.map((type) => shapeOfType(type, node, this.#context)));
    if (types.length === 0 && !literals) shape = { kind: 'unknown' };
    else if (!stated && !literals) shape = asGuess(shape);
    for (const part of node.follow('allOf')?.elements() ?? []) shape = this.both(shape, this.#partOf(node, part));
    for (const key of ['oneOf', 'anyOf'] as const) {
      const options = node.follow(key);
      if (options && !withoutOptions)
        shape = this.both(shape, this.#options(node, options, { oneOf: key === 'oneOf', already: shape }));
    }
    // A choice without null has none, whatever is next to it; a response is not refused for that.
    if (node.flag('nullable') && (literals?.kind !== 'literals' || literals.values.includes(null)))
      shape = orNull(shape);
    return described(node, shape);
  }

  /** A member of `allOf`: in one of its heirs, a base means itself, and not any of them. */
  #partOf(node: DocumentNode, part: DocumentNode): Shape {
    if (part.reference === undefined) return this.shapeOf(part);
    const target = part.target();
    if (this.#inheritance.isOptionOf(node, target)) return this.#named(target, 'withoutOptions');
    return this.#inheritance.hasHeirs(target) && this.#inheritance.isHeir(node, target)
      ? this.#named(target, 'withoutHeirs')
      : this.shapeOf(part);
  }

  /** @param already What the rest of the schema describes. */
  #options(node: DocumentNode, options: DocumentNode, { oneOf, already }: { oneOf: boolean; already: Shape }): Shape {
    const isObject = this.#context.direction === 'input' && resolved(already, this).kind === 'object';
    const shapes = options.elements().map((option) => {
      const shape = this.shapeOf(option);
      // An empty option accepts every object, and must not remove the fields of the other options.
      return isObject && shape.kind === 'unknown' ? NOTHING_MORE : shape;
    });
    if (this.#context.direction === 'output') return unionOf(shapes);
    const discriminator = node.follow('discriminator')?.text('propertyName');
    return unionOf(shapes, { ...(discriminator !== undefined && { discriminator }), ...(oneOf && { oneOf }) });
  }

  /** Adds the discriminator to an option that does not describe its value itself. */
  #withDiscriminator(option: Shape, field: string, values: readonly string[]): Shape {
    if (this.#context.direction === 'output' || resolved(option, this).kind !== 'object') return option;
    const own = resolved(option, this);
    const stated = own.kind === 'object' ? own.fields.get(field) : undefined;
    if (stated && resolved(stated.shape, this).kind === 'literals') return option;
    const withLiteralField = this.both(option, withLiteral(field, values));
    return withLiteralField.kind === 'never' ? option : withLiteralField;
  }
}

const NOTHING_MORE: Shape = { kind: 'object', fields: new Map(), rest: 'unstated' };

function asGuess(shape: Shape): Shape {
  return shape.kind === 'union'
    ? { ...shape, options: shape.options.map(asGuess), guessed: true }
    : { ...shape, guessed: true };
}

function described(node: DocumentNode, shape: Shape): Shape {
  const text = node.at('description')?.value;
  return typeof text === 'string' && text.trim() !== '' ? { ...shape, description: text.trim() } : shape;
}

/** The names that a value of this shape is checked by as a whole. */
function directIdsIn(shape: Shape | undefined): string[] {
  switch (shape?.kind) {
    case 'named':
      return [shape.id];
    case 'union':
      return shape.options.flatMap(directIdsIn);
    case 'both':
      return shape.parts.flatMap(directIdsIn);
    default:
      return [];
  }
}

/** The names that a shape refers to. */
export function* idsIn(shape: Shape): Generator<string> {
  switch (shape.kind) {
    case 'named':
      yield shape.id;
      return;
    case 'array':
      yield* idsIn(shape.items);
      return;
    case 'tuple':
      for (const item of [...shape.items, shape.rest]) yield* idsIn(item);
      return;
    case 'object':
      for (const { shape: field } of shape.fields.values()) yield* idsIn(field);
      if (typeof shape.rest !== 'string') yield* idsIn(shape.rest);
      return;
    case 'union':
      for (const option of shape.options) yield* idsIn(option);
      return;
    case 'both':
      for (const part of shape.parts) yield* idsIn(part);
      return;
    default:
      return;
  }
}
