import type { DocumentNode } from '../document/document-node';
import type { Shape } from './shape';

/** A schema that inherits from one with a discriminator, and the values that say it is meant. */
export interface Heir {
  node: DocumentNode;
  values: readonly string[];
}

/** Which schemas of `components` inherit from which, by `allOf`; and what discriminators call them. */
export class Inheritance {
  readonly #root: DocumentNode;
  #children: Map<string, DocumentNode[]> | undefined;
  /** By the mapping as it stands in the document: some have thousands of entries, and every heir asks for its own. */
  readonly #mappings = new WeakMap<object, ReadonlyMap<string, readonly string[]>>();

  constructor(root: DocumentNode) {
    this.#root = root;
  }

  /** The schemas that have this one in their `allOf`. */
  childrenOf(node: DocumentNode): readonly DocumentNode[] {
    this.#children ??= this.#index();
    return this.#children.get(node.id) ?? [];
  }

  /** What the discriminator of `node` calls this schema: what it is mapped from, else its own name. */
  valuesOf(node: DocumentNode, schema: DocumentNode): string[] {
    const mapped = this.mappedTo(node, schema);
    return mapped.length > 0 || schema.key === '' ? mapped : [schema.key];
  }

  /** The values that the discriminator of `node` maps to this schema. */
  mappedTo(node: DocumentNode, schema: DocumentNode): string[] {
    const mapping = node.follow('discriminator')?.mapAt('mapping');
    if (mapping === undefined) return [];
    const values = this.#valuesByTarget(mapping);
    return [schema.id, schema.key].flatMap((target) => values.get(target) ?? []);
  }

  #valuesByTarget(mapping: DocumentNode): ReadonlyMap<string, readonly string[]> {
    const record = mapping.record();
    const known = this.#mappings.get(record);
    if (known) return known;
    const file = this.#root.id.split('#', 1)[0];
    const values = new Map<string, string[]>();
    for (const [value, target] of Object.entries(record)) {
      if (typeof target === 'string') append(values, target.startsWith('#') ? `${file}${target}` : target, value);
    }
    this.#mappings.set(record, values);
    return values;
  }

  #index(): Map<string, DocumentNode[]> {
    const children = new Map<string, DocumentNode[]>();
    for (const [, schema] of this.#root.mapAt('components')?.mapAt('schemas')?.entries() ?? []) {
      const parts = schema.at('allOf');
      if (!parts || !Array.isArray(parts.value)) continue;
      for (const part of parts.elements()) {
        if (part.reference === undefined || !leadsSomewhere(part)) continue;
        append(children, part.target().id, schema);
      }
    }
    return children;
  }
}

/** The heirs of a schema that has a discriminator and leaves it to them to be found. */
export function heirsOf(node: DocumentNode, inheritance: Inheritance): Heir[] {
  if (!hasHeirs(node, inheritance)) return [];
  return inheritance.childrenOf(node).map((child) => ({ node: child, values: inheritance.valuesOf(node, child) }));
}

/** Whether there are any. Each heir asks it of its base, so that to name them all would take the square of their number. */
export function hasHeirs(node: DocumentNode, inheritance: Inheritance): boolean {
  if (node.at('discriminator') === undefined || node.at('oneOf') || node.at('anyOf')) return false;
  return inheritance.childrenOf(node).length > 0;
}

/** An object of which only this is known: that this field holds one of these values. */
export function withLiteral(field: string, values: readonly string[]): Shape {
  return { kind: 'object', fields: new Map([[field, { shape: { kind: 'literals', values }, required: true }]]), rest: 'unstated' };
}

function append<T>(lists: Map<string, T[]>, key: string, one: T): void {
  const list = lists.get(key);
  if (list) list.push(one);
  else lists.set(key, [one]);
}

/** A dangling reference is told by whoever reads the schema. */
function leadsSomewhere(part: DocumentNode): boolean {
  try {
    part.target();
    return true;
  } catch {
    return false;
  }
}
