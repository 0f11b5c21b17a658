import type { DocumentNode } from '../document/document-node';
import { OpenApiError } from '../document/openapi-error';
import type { Shape } from './shape';

/** A schema that inherits from one with a discriminator, and the values that are mapped to it. */
export interface Heir {
  node: DocumentNode;
  values: readonly string[];
}

/** Under these, files other than the document itself have schemas by name. */
const NAMED_SCHEMAS = ['schemas', 'definitions', '$defs'];
/** References from schema to schema that are followed to find out whether one is an option of another. */
const MAX_STEPS = 10_000;

/** Which schemas of a document and its files inherit from which, by `allOf`; and what discriminators call them. */
export class Inheritance {
  readonly #root: DocumentNode;
  #children: Map<string, Map<string, DocumentNode>> | undefined;
  readonly #heirs = new Map<string, readonly DocumentNode[]>();
  readonly #optionOf = new Map<string, boolean>();
  /** By the mapping as written in the document: some have thousands of entries, and each is needed once for each heir. */
  readonly #mappings = new WeakMap<object, ReadonlyMap<string, readonly string[]>>();

  constructor(root: DocumentNode) {
    this.#root = root;
  }

  /**
   * The heirs of a schema that has a discriminator, and leaves it to them to be found: those that have it in their
   * `allOf`, and theirs.
   */
  heirsOf(node: DocumentNode): Heir[] {
    const heirs = this.#descendantsOf(node);
    return heirs.map((heir) => ({ node: heir, values: this.#mappedTo(node, heir) }));
  }

  /** Returns whether there are any. Called for each heir's base, so listing them would take the square of their number. */
  hasHeirs(node: DocumentNode): boolean {
    return this.#descendantsOf(node).length > 0;
  }

  /** Whether `part`, an entry of the `allOf` of `node`, is meant as written: `node` is one of its heirs. */
  isHeir(node: DocumentNode, part: DocumentNode): boolean {
    return this.#index().get(part.id)?.has(node.id) ?? false;
  }

  /** Whether `node` is one of the options of `base`, or leads to it: as a part of itself it would have no end. */
  isOptionOf(node: DocumentNode, base: DocumentNode): boolean {
    const key = `${node.id} ${base.id}`;
    const known = this.#optionOf.get(key);
    if (known !== undefined) return known;
    const seen = new Set<string>();
    const waiting = partsIn(base, ['oneOf', 'anyOf']);
    let found = false;
    for (let next = waiting.pop(); next && !found && seen.size < MAX_STEPS; next = waiting.pop()) {
      found = next.id === node.id;
      if (seen.has(next.id)) continue;
      seen.add(next.id);
      waiting.push(...partsIn(next, ['oneOf', 'anyOf', 'allOf']));
    }
    this.#optionOf.set(key, found);
    return found;
  }

  #descendantsOf(node: DocumentNode): readonly DocumentNode[] {
    const known = this.#heirs.get(node.id);
    if (known) return known;
    const isBase = node.at('discriminator') !== undefined && !node.at('oneOf') && !node.at('anyOf');
    const found = new Map<string, DocumentNode>();
    const waiting = isBase ? this.#childrenOf(node) : [];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      if (found.has(next.id) || next.id === node.id) continue;
      found.set(next.id, next);
      waiting.push(...this.#childrenOf(next));
    }
    const heirs = [...found.values()];
    this.#heirs.set(node.id, heirs);
    return heirs;
  }

  /** The last one first, as a stack takes them. */
  #childrenOf(node: DocumentNode): DocumentNode[] {
    return [...(this.#index().get(node.id)?.values() ?? [])].reverse();
  }

  /** The values that the discriminator of `node` maps to this schema. */
  #mappedTo(node: DocumentNode, schema: DocumentNode): string[] {
    const mapping = node.follow('discriminator')?.mapAt('mapping');
    if (mapping === undefined) return [];
    const values = this.#valuesByTarget(mapping);
    return [schema.id, schema.key].flatMap((target) => (target === '' ? [] : (values.get(target) ?? [])));
  }

  #valuesByTarget(mapping: DocumentNode): ReadonlyMap<string, readonly string[]> {
    const record = mapping.record();
    const known = this.#mappings.get(record);
    if (known) return known;
    const values = new Map<string, string[]>();
    for (const [value, target] of Object.entries(record)) {
      if (typeof target === 'string') append(values, targetOf(mapping, target) ?? target, value);
    }
    this.#mappings.set(record, values);
    return values;
  }

  /** The schemas that have one in their `allOf`, by its id and theirs. */
  #index(): Map<string, Map<string, DocumentNode>> {
    if (this.#children) return this.#children;
    const children = new Map<string, Map<string, DocumentNode>>();
    this.#children = children;
    const seen = new Set<string>();
    for (const entry of this.#schemas()) {
      const schema = orUndefined(() => entry.target());
      if (!schema || seen.has(schema.id)) continue;
      seen.add(schema.id);
      for (const base of partsIn(schema, ['allOf'], true)) {
        const heirs = children.get(base.id);
        if (heirs) heirs.set(schema.id, schema);
        else children.set(base.id, new Map([[schema.id, schema]]));
      }
    }
    return children;
  }

  #schemas(): DocumentNode[] {
    const own = this.#root.mapAt('components')?.mapAt('schemas')?.entries() ?? [];
    const others = this.#root
      .otherFiles()
      .flatMap((file) => [
        file,
        ...entriesIn(file),
        ...[file, file.at('components')].flatMap((owner) => NAMED_SCHEMAS.flatMap((key) => entriesIn(owner?.at(key)))),
      ]);
    return [...own.map(([, schema]) => schema), ...others];
  }
}

/** An object of which only this is known: that this field holds one of these values. */
export function withLiteral(field: string, values: readonly string[]): Shape {
  return {
    kind: 'object',
    fields: new Map([[field, { shape: { kind: 'literals', values }, required: true }]]),
    rest: 'unstated',
  };
}

/** What a value of a mapping leads to, where it is a reference and not a name. */
function targetOf(mapping: DocumentNode, target: string): string | undefined {
  return /[#/.]/.test(target) ? orUndefined(() => mapping.leadTo(target).target().id) : undefined;
}

/** The schemas under these keywords, where references lead. What cannot be read is reported where it is used. */
function partsIn(node: DocumentNode, keywords: readonly string[], onlyReferences = false): DocumentNode[] {
  return keywords.flatMap((keyword) => {
    const list = orUndefined(() => node.follow(keyword));
    const parts = list && Array.isArray(list.value) ? list.elements() : [];
    return parts.flatMap((part) =>
      onlyReferences && part.reference === undefined ? [] : (orUndefined(() => part.target()) ?? []),
    );
  });
}

function entriesIn(node: DocumentNode | undefined): DocumentNode[] {
  const isObject = typeof node?.value === 'object' && node.value !== null && !Array.isArray(node.value);
  return node && isObject ? node.entries().map(([, entry]) => entry) : [];
}

function append<T>(lists: Map<string, T[]>, key: string, one: T): void {
  const list = lists.get(key);
  if (list) list.push(one);
  else lists.set(key, [one]);
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof OpenApiError) return undefined;
    throw error;
  }
}
