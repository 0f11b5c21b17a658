import { isExactNumber, parseWithExactNumbers } from 'temporal-http-tasks/internal/http/exact-json';
import { resolved } from '@temporal-http-tasks/console/internal/reference/schema-node';
import type { SchemaNode } from '@temporal-http-tasks/console/internal/reference/schema-node';
import { ownEntry } from 'temporal-http-tasks/internal/tasks/own-entry';

/** Unions of unions end somewhere; a reference that leads back to itself does not. */
const MOST_DEPTH = 8;

/** Looks through unions, intersections and references of a JSON Schema. */
export class SchemaView {
  readonly #root: SchemaNode;

  constructor(root: SchemaNode) {
    this.#root = root;
  }

  /** The names of all properties of an object; by default those of the input. */
  names(node: SchemaNode = this.#root): string[] {
    return [...new Set(this.kinds(node).flatMap(({ properties = {} }) => Object.keys(properties)))];
  }

  /** The field of the input that has this name. */
  field(name: string): SchemaNode {
    return this.property(this.#root, name) ?? {};
  }

  /** What a value of this node may be, each without unions; null is left out, since it is not written. */
  kinds(node: SchemaNode, depth = 0): SchemaNode[] {
    const here = resolved(node, this.#root);
    const inner =
      depth > MOST_DEPTH
        ? []
        : [...(here.anyOf ?? []), ...(here.oneOf ?? []), ...(here.allOf ?? [])].flatMap((one) =>
            this.kinds(one, depth + 1),
          );
    const own = here.type === undefined && inner.length > 0 && !here.properties ? [] : [here];
    return [...own, ...inner].filter(({ type }) => type !== 'null');
  }

  /** What may be in a list; undefined where the value is no list. */
  items(node: SchemaNode): SchemaNode | undefined {
    const list = this.kinds(node).find((kind) => isOf(kind, 'array'));
    return list && (list.items ?? {});
  }

  isObject(node: SchemaNode): boolean {
    return this.kinds(node).some((kind) => isOf(kind, 'object') || kind.properties !== undefined);
  }

  /** Whether a value may be a single text, number or boolean. */
  isScalar(node: SchemaNode): boolean {
    return this.kinds(node).some(
      (kind) =>
        kind.enum !== undefined ||
        kind.const !== undefined ||
        ['string', 'number', 'integer', 'boolean'].some((type) => isOf(kind, type)),
    );
  }

  /** A property that is named, as all alternatives describe it; those that say nothing of it do not count. */
  property(node: SchemaNode, name: string): SchemaNode | undefined {
    const found = this.kinds(node).flatMap(({ properties }) => ownEntry(properties, name) ?? []);
    const telling = found.filter((one) => Object.keys(one).length > 0);
    return telling.length > 1 ? { anyOf: telling } : (telling[0] ?? found[0]);
  }

  /** What an object with further fields allows for them. */
  furtherProperty(node: SchemaNode): SchemaNode | undefined {
    const open = this.kinds(node)
      .map(({ additionalProperties }) => additionalProperties)
      .find((one) => typeof one === 'object');
    return open;
  }

  /** A text as the value it stands for; one that is none of the node's kinds stays a text: the task's schema says what is wrong. */
  scalar(node: SchemaNode, text: string): unknown {
    const kinds = this.kinds(node);
    const literals = kinds.flatMap((kind) => [...(kind.enum ?? []), ...(kind.const === undefined ? [] : [kind.const])]);
    const literal = literals.find((one) => (typeof one === 'string' ? one : JSON.stringify(one)) === text);
    if (literal !== undefined) return literal;
    const isNumber = (kind: SchemaNode): boolean => isOf(kind, 'number') || isOf(kind, 'integer');
    // A number may also be given as the text of its digits, which is no other text.
    if (kinds.some((kind) => isOf(kind, 'string') && !isNumber(kind))) return text;
    if (kinds.some(isNumber) && isExactNumber(text)) return Number(text);
    if (kinds.some((kind) => isOf(kind, 'boolean')) && (text === 'true' || text === 'false')) return text === 'true';
    return this.isObject(node) || this.items(node) ? jsonOr(text) : text;
  }
}

function isOf({ type }: SchemaNode, kind: string): boolean {
  return Array.isArray(type) ? type.includes(kind) : type === kind;
}

/** The JSON that a text is, or the text. */
export function jsonOr(text: string): unknown {
  try {
    return parseWithExactNumbers(text);
  } catch {
    return text;
  }
}
