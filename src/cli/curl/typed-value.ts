import { z } from 'zod';
import { resolved } from '../../reference/schema-node';
import type { SchemaNode } from '../../reference/schema-node';
import type { HttpTask } from '../../tasks/define';
import { ownEntry } from '../../tasks/own-entry';
import { isExactNumber, parseWithExactNumbers } from '../../http/exact-json';
import type { ValueWriting } from '../../tasks/wire';

/** Makes of the texts in a URL, a header or a form what the fields of a task's input hold. */
export class TypedValues {
  readonly #schema: SchemaNode;

  constructor(task: HttpTask) {
    this.#schema = z.toJSONSchema(task.input, { io: 'input', unrepresentable: 'any' }) as SchemaNode;
  }

  /** A text that is none of the field's kind stays a text: the schema then says what is wrong, and where. */
  of(field: string, texts: readonly string[], writing: ValueWriting = {}): unknown {
    const node = this.#node(ownEntry(this.#schema.properties, field) ?? {});
    if (node.type !== 'array') return texts.length === 1 ? single(node, texts[0] ?? '') : texts;
    return separated(texts, writing).map((text) => single(this.#node(node.items ?? {}), text));
  }

  /** Whether the field holds a list. */
  isList(field: string): boolean {
    return this.#node(ownEntry(this.#schema.properties, field) ?? {}).type === 'array';
  }

  /** The node, or the only one of several that is not for `null`. */
  #node(given: SchemaNode): SchemaNode {
    const node = resolved(given, this.#schema);
    const kinds = (node.anyOf ?? node.oneOf ?? []).map((one) => resolved(one, this.#schema)).filter(({ type }) => type !== 'null');
    return kinds.length === 1 && kinds[0] ? kinds[0] : node;
  }
}

const DELIMITERS: Partial<Record<NonNullable<ValueWriting['style']>, string>> = { spaceDelimited: ' ', pipeDelimited: '|' };

/** `1,2` in one text is how styles without `explode` write a list. */
function separated(texts: readonly string[], { style, explode }: ValueWriting): readonly string[] {
  if (texts.length !== 1 || style === undefined || (explode ?? style === 'form')) return texts;
  return (texts[0] ?? '').split(DELIMITERS[style] ?? ',');
}

function single({ type }: SchemaNode, text: string): unknown {
  const kind = Array.isArray(type) ? type.find((one) => one !== 'null') : type;
  switch (kind) {
    case 'integer':
    case 'number':
      return isExactNumber(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'object':
      return jsonOr(text);
    default:
      return text;
  }
}

function jsonOr(text: string): unknown {
  try {
    return parseWithExactNumbers(text);
  } catch {
    return text;
  }
}
