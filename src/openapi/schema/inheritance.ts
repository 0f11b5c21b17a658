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
    return this.#mapping(node).flatMap(({ value, target }) => (target === schema.id || target === schema.key ? [value] : []));
  }

  #mapping(node: DocumentNode): { value: string; target: string }[] {
    const entries = node.at('discriminator')?.at('mapping')?.entries() ?? [];
    return entries.flatMap(([value, { value: target }]) => {
      if (typeof target !== 'string') return [];
      return [{ value, target: target.startsWith('#') ? `${this.#root.id.split('#', 1)[0]}${target}` : target }];
    });
  }

  #index(): Map<string, DocumentNode[]> {
    const children = new Map<string, DocumentNode[]>();
    for (const [, schema] of this.#root.at('components')?.at('schemas')?.entries() ?? []) {
      const parts = schema.at('allOf');
      if (!parts || !Array.isArray(parts.value)) continue;
      for (const part of parts.elements()) {
        if (part.reference === undefined || !leadsSomewhere(part)) continue;
        const { id } = part.target();
        children.set(id, [...(children.get(id) ?? []), schema]);
      }
    }
    return children;
  }
}

/** The heirs of a schema that has a discriminator and leaves it to them to be found. */
export function heirsOf(node: DocumentNode, inheritance: Inheritance): Heir[] {
  if (node.at('discriminator') === undefined || node.at('oneOf') || node.at('anyOf')) return [];
  return inheritance.childrenOf(node).map((child) => ({ node: child, values: inheritance.valuesOf(node, child) }));
}

/** An object of which only this is known: that this field holds one of these values. */
export function withLiteral(field: string, values: readonly string[]): Shape {
  return { kind: 'object', fields: new Map([[field, { shape: { kind: 'literals', values }, required: true }]]), rest: 'unstated' };
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
