import { ANY_FIELD } from './forgotten-fields';
import { resolved } from './shape';
import type { FieldShape, NamedShapes, ObjectShape, Shape, UnionShape } from './shape';
import { discriminates } from './schema-maker';

/** Fields that are given to the options of one union, all together; a larger union stays as strict as its options are. */
const MAX_FIELDS = 20_000;
/** How deep fields of the same name are followed, and options that are unions themselves. */
const MAX_DEPTH = 8;

/**
 * Lets the objects among the options of a union have each other's fields. JSON Schema refuses no field that it does not
 * name, so that a value that fits `anyOf` may have fields of several options; here fields that are named nowhere are refused,
 * and each option alone would refuse those of the others. Schemas that inherit from one base stay as strict as they are: the base
 * takes any value of the discriminator, so that with their fields it would take whatever they refuse.
 *
 * A view of an input's named shapes: `of` for a shape, `find` for what it leads to.
 */
export class KnownFields implements NamedShapes {
  readonly #names: NamedShapes;
  readonly #found = new Map<string, Shape>();
  readonly #added = new Map<string, { base: string; make: () => Shape | undefined }>();
  readonly #mapped = new WeakMap<Shape, Shape>();
  readonly #numbers = new WeakMap<Shape, string>();
  #count = 0;

  constructor(names: NamedShapes) {
    this.#names = names;
  }

  find(id: string): Shape | undefined {
    const known = this.#found.get(id);
    if (known) return known;
    const added = this.#added.get(id);
    const raw = added ? added.make() : this.#names.find(id);
    const shape = raw && !added ? this.of(raw) : raw;
    if (shape) this.#found.set(id, shape);
    return shape;
  }

  nameOf(id: string): string {
    const base = this.#added.get(id)?.base;
    return base === undefined ? this.#names.nameOf(id) : this.nameOf(base);
  }

  /** The shape, in which the options of each union know each other's fields. The same object where there is no such union. */
  of(shape: Shape): Shape {
    const known = this.#mapped.get(shape);
    if (known) return known;
    const mapped = this.#of(shape);
    this.#mapped.set(shape, mapped);
    return mapped;
  }

  #of(shape: Shape): Shape {
    switch (shape.kind) {
      case 'array':
        return changed(shape, 'items', this.of(shape.items));
      case 'tuple':
        return changed(changed(shape, 'items', this.#each(shape.items)), 'rest', this.of(shape.rest));
      case 'both':
        return changed(shape, 'parts', this.#each(shape.parts));
      case 'union':
        return this.#union(shape, [], 0);
      case 'object':
        return this.ofObject(shape);
      default:
        return shape;
    }
  }

  ofObject(shape: ObjectShape): ObjectShape {
    return this.#object(shape, [], 0);
  }

  /** The object in which no object refuses a field that it does not name, unless the document closes it. */
  opened(object: ObjectShape): ObjectShape {
    const fields = new Map(
      [...object.fields].map(([name, field]) => [name, { ...field, shape: this.#open(field.shape) }]),
    );
    const rest = typeof object.rest === 'string' ? object.rest : this.#open(object.rest);
    return { ...object, fields, rest: rest === 'unstated' ? 'open' : rest };
  }

  #open(shape: Shape): Shape {
    switch (shape.kind) {
      case 'object':
        return this.opened(shape);
      case 'array':
        return { ...shape, items: this.#open(shape.items) };
      case 'tuple':
        return { ...shape, items: shape.items.map((item) => this.#open(item)), rest: this.#open(shape.rest) };
      case 'union':
        return { ...shape, options: shape.options.map((option) => this.#open(option)) };
      case 'both':
        return { ...shape, parts: shape.parts.map((part) => this.#open(part)) };
      case 'named': {
        // Other operations may take the schema as the document has it.
        const id = `${shape.id} open`;
        if (!this.#added.has(id)) {
          const make = (): Shape | undefined => {
            const closed = this.find(shape.id);
            return closed && this.#open(closed);
          };
          this.#added.set(id, { base: shape.id, make });
        }
        return { ...shape, id };
      }
      default:
        return shape;
    }
  }

  #each(shapes: readonly Shape[]): readonly Shape[] {
    const mapped = shapes.map((shape) => this.of(shape));
    return mapped.every((shape, place) => shape === shapes[place]) ? shapes : mapped;
  }

  /** Returns the shape with the fields of the other shapes that the same value may have. */
  #withFieldsOf(shape: Shape, all: readonly Shape[], depth: number): Shape {
    const others = all.filter((other) => !isSame(shape, other));
    if (others.length === 0 || depth > MAX_DEPTH) return this.of(shape);
    const behind = resolved(shape, this.#names);
    if (behind.kind !== 'object' && behind.kind !== 'array' && behind.kind !== 'union') return this.of(shape);
    if (shape.kind === 'named') return this.#named(shape, others, depth);
    switch (behind.kind) {
      case 'object':
        return this.#object(behind, others, depth);
      case 'array': {
        const items = others.flatMap((other) => this.#itemsOf(other));
        return changed(behind, 'items', this.#withFieldsOf(behind.items, items, depth + 1));
      }
      case 'union':
        return this.#union(behind, others, depth);
    }
  }

  /** A name of its own, so that schemas which lead back to themselves end. */
  #named(shape: Extract<Shape, { kind: 'named' }>, others: readonly Shape[], depth: number): Shape {
    const names = [...new Set(others.map((other) => this.#idOf(other)))].sort();
    const id = `${shape.id} with ${names.join(', ')}`;
    if (!this.#added.has(id)) {
      const make = (): Shape => {
        const behind = resolved(shape, this.#names);
        return behind.kind === 'named' ? behind : this.#withFieldsOf(behind, others, depth);
      };
      this.#added.set(id, { base: shape.id, make });
    }
    return { ...shape, id };
  }

  #idOf(shape: Shape): string {
    if (shape.kind === 'named') return shape.id;
    const known = this.#numbers.get(shape);
    if (known !== undefined) return known;
    const number = String((this.#count += 1));
    this.#numbers.set(shape, number);
    return number;
  }

  #object(shape: ObjectShape, others: readonly Shape[], depth: number): ObjectShape {
    const theirs = this.#fieldsOf(others);
    const fields = new Map<string, FieldShape>();
    let isChanged = false;
    for (const [name, field] of shape.fields) {
      const inner = this.#withFieldsOf(field.shape, theirs.get(name) ?? [], depth + 1);
      if (inner !== field.shape) isChanged = true;
      fields.set(name, inner === field.shape ? field : { ...field, shape: inner });
    }
    if (shape.rest === 'unstated') {
      for (const name of theirs.keys()) {
        if (fields.has(name)) continue;
        isChanged = true;
        fields.set(name, ANY_FIELD);
      }
    }
    const rest = typeof shape.rest === 'string' ? shape.rest : this.of(shape.rest);
    return isChanged || rest !== shape.rest ? { ...shape, fields, rest } : shape;
  }

  /** @param others What else a value of this union could be. */
  #union(union: UnionShape, others: readonly Shape[], depth: number): UnionShape {
    const { options } = union;
    const isHuge = options.length * this.#fieldsOf([...options, ...others]).size > MAX_FIELDS;
    const alone = options.map((option) => this.#withFieldsOf(option, others, depth + 1));
    const open =
      isHuge || union.heirs
        ? alone
        : options.map((option) => this.#withFieldsOf(option, [...options, ...others], depth + 1));
    if (open.every((option, place) => option === alone[place]))
      return alone.every((option, place) => option === options[place]) ? union : { ...union, options: alone };
    if (!union.oneOf || this.#areApart(options)) return { ...union, options: open };
    // With fields of one option only, a value may fit several: the provider may decide which one it is.
    return { ...union, options: [...alone, { kind: 'union', options: open, exclusive: true }] };
  }

  /** Whether no value fits two of the options, since each has its own literals in a field that has to be there. */
  #areApart(options: readonly Shape[]): boolean {
    const [first] = options;
    const shape = first && resolved(first, this.#names);
    return (
      shape?.kind === 'object' && [...shape.fields.keys()].some((field) => discriminates(options, field, this.#names))
    );
  }

  #itemsOf(shape: Shape): Shape[] {
    const behind = resolved(shape, this.#names);
    if (behind.kind === 'union')
      return behind.options.flatMap((option) => (option.kind === 'union' ? [] : this.#itemsOf(option)));
    return behind.kind === 'array' ? [behind.items] : [];
  }

  /** The fields that these shapes name, with their shapes. */
  #fieldsOf(shapes: readonly Shape[]): Map<string, Shape[]> {
    const fields = new Map<string, Shape[]>();
    const seen = new Set<Shape>();
    const collect = (shape: Shape): void => {
      const behind = resolved(shape, this.#names);
      if (seen.has(behind)) return;
      seen.add(behind);
      if (behind.kind === 'union') behind.options.forEach(collect);
      if (behind.kind === 'both') behind.parts.forEach(collect);
      if (behind.kind !== 'object') return;
      for (const [name, { shape: field }] of behind.fields) {
        const known = fields.get(name);
        if (known) known.push(field);
        else fields.set(name, [field]);
      }
    };
    shapes.forEach(collect);
    return fields;
  }
}

function isSame(a: Shape, b: Shape): boolean {
  return a === b || (a.kind === 'named' && b.kind === 'named' && a.id === b.id);
}

function changed<S extends Shape, K extends keyof S>(shape: S, key: K, value: S[K]): S {
  return shape[key] === value ? shape : { ...shape, [key]: value };
}
