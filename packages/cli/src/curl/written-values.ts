import type { SchemaNode } from '@temporal-http-tasks/console/internal/reference/schema-node';
import { ownEntry } from 'temporal-http-tasks/internal/tasks/parse-input';
import type { FieldWriting, ValueWriting } from 'temporal-http-tasks/internal/tasks/wire';
import { refuseCurl } from './curl-data';
import { jsonOr } from './matching-task';
import type { SchemaView } from './matching-task';

/** A field that may be written into a query, a form or a cookie: under which name, how, and what it may be. */
export interface WrittenField {
  field: string;
  /** As it is written. */
  name: string;
  writing: ValueWriting;
  node: SchemaNode;
}

/** A name and a value, both as they are written, in order. */
export type RawPair = readonly [name: string, value: string];

/** Decodes a text that was percent-encoded; one that was not stays as it is. */
export type Decode = (text: string) => string;

/** A value in a query or a form, where a space may be a plus. */
export const fromForm: Decode = (text) => fromPath(text.replaceAll('+', ' '));

export const fromPath: Decode = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** The pairs of a query or a form. */
export function pairsIn(text: string, separator = '&'): RawPair[] {
  return text
    .split(separator)
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    });
}

const DELIMITERS: Partial<Record<NonNullable<ValueWriting['style']>, RegExp>> = {
  spaceDelimited: /%20|\+| /,
  pipeDelimited: /%7C|\|/i,
};

/** Names with brackets: `filter[a][b]`, `ids[]`. */
const BRACKETED = /^([^[\]]+)((?:\[[^[\]]*\])+)$/;

/**
 * Reads back what `writePairs` writes: lists, objects and texts in every style of OpenAPI. Values whose name belongs to no
 * field are returned under that name, so that the task's schema refuses them.
 */
export class PairReader {
  readonly #view: SchemaView;
  readonly #fields: readonly WrittenField[];
  readonly #decode: Decode;

  constructor(view: SchemaView, fields: readonly WrittenField[], decode: Decode) {
    this.#view = view;
    this.#fields = fields;
    this.#decode = decode;
  }

  read(pairs: readonly RawPair[]): Map<string, unknown> {
    const whole = new Map<WrittenField, string[]>();
    const deep = new Map<WrittenField, DeepValue>();
    const exploded = new Map<WrittenField, [string, string][]>();
    const unknown = new Map<string, string[]>();
    for (const [rawName, raw] of pairs) {
      const name = this.#decode(rawName);
      const field = this.#fields.find((one) => one.name === name && !isSpread(one, this.#view));
      const [, base = '', keys = ''] = BRACKETED.exec(name) ?? [];
      const bracketed = field
        ? undefined
        : this.#fields.find((one) => one.name === base && one.writing.style === 'deepObject');
      const owner = (field ?? bracketed) ? undefined : this.#ownerOf(name);
      if (bracketed)
        valueOf(deep, bracketed, () => new DeepValue()).add(keys.slice(1, -1).split(']['), this.#decode(raw));
      else if (field) valueOf(whole, field, () => []).push(raw);
      else if (owner) valueOf(exploded, owner, () => []).push([name, raw]);
      else valueOf(unknown, name, () => []).push(this.#decode(raw));
    }
    const read = new Map<string, unknown>(
      [...unknown].map(([name, texts]) => [name, texts.length === 1 ? texts[0] : texts]),
    );
    for (const [{ field, node, writing }, raws] of whole) read.set(field, this.#whole(node, writing, raws));
    for (const [{ field, node }, entries] of exploded) read.set(field, this.#object(node, entries));
    for (const [{ field, node }, value] of deep) read.set(field, value.read(this.#view, node));
    return read;
  }

  /** The object that is written without its own name, and has this property. */
  #ownerOf(name: string): WrittenField | undefined {
    const spread = this.#fields.filter((one) => isSpread(one, this.#view));
    return (
      spread.find(({ node }) => this.#view.property(node, name)) ??
      spread.find(({ node }) => this.#view.furtherProperty(node))
    );
  }

  #whole(node: SchemaNode, writing: ValueWriting, raws: readonly string[]): unknown {
    const { style, explode = style === 'form' } = writing;
    if (writing.json && raws.length === 1) return jsonOr(this.#decode(raws[0] ?? ''));
    const items = this.#view.items(node);
    const isText = raws.length === 1 && this.#view.isScalar(node) && !raws[0]?.includes(',');
    if (style === undefined || style === 'deepObject') {
      if (items && !isText) return raws.map((raw) => this.#view.scalar(items, this.#decode(raw)));
      const texts = raws.map(this.#decode);
      return texts.length === 1 ? this.#view.scalar(node, texts[0] ?? '') : texts;
    }
    const delimiter = DELIMITERS[style] ?? /,/;
    const pieces = explode ? raws : raws.flatMap((raw) => raw.split(delimiter));
    if (items && !isText) return pieces.map((raw) => this.#view.scalar(items, this.#decode(raw)));
    if (!this.#view.isScalar(node) && this.#view.isObject(node)) return this.#object(node, evenPairs(pieces));
    const texts = raws.map(this.#decode);
    return texts.length === 1 ? this.#view.scalar(node, texts[0] ?? '') : texts;
  }

  #object(node: SchemaNode, entries: readonly RawPair[]): unknown {
    return objectOf(this.#view, node, entries, this.#decode);
  }
}

/** Whether a value is written as `property=value` pairs, without its own name. */
function isSpread({ writing: { style, explode = style === 'form' }, node }: WrittenField, view: SchemaView): boolean {
  return (
    style !== undefined &&
    style !== 'deepObject' &&
    explode &&
    !view.items(node) &&
    !view.isScalar(node) &&
    view.isObject(node)
  );
}

function objectOf(view: SchemaView, node: SchemaNode, entries: readonly RawPair[], decode: Decode): unknown {
  return Object.fromEntries(
    entries.map(([rawKey, raw]) => {
      const key = decode(rawKey);
      return [key, view.scalar(view.property(node, key) ?? view.furtherProperty(node) ?? {}, decode(raw))];
    }),
  );
}

/** `a,1,b,2` is how an object is written that is not exploded. */
function evenPairs(pieces: readonly string[]): RawPair[] {
  return pieces.flatMap((piece, index) => (index % 2 === 0 ? [[piece, pieces[index + 1] ?? ''] as const] : []));
}

/** A value that is written with brackets, as far as its pairs were read. */
class DeepValue {
  readonly #texts: string[] = [];
  readonly #inner = new Map<string, DeepValue>();
  /** Entries of a list that are written without a place. */
  #unplaced = 0;

  add([key, ...rest]: readonly string[], text: string): void {
    if (key === undefined) {
      this.#texts.push(text);
      return;
    }
    valueOf(this.#inner, key === '' ? this.#placeFor(rest) : key, () => new DeepValue()).add(rest, text);
  }

  read(view: SchemaView, node: SchemaNode): unknown {
    const items = view.items(node);
    if (this.#inner.size === 0) {
      if (items && !(view.isScalar(node) && this.#texts.length === 1))
        return this.#texts.map((text) => view.scalar(items, text));
      return this.#texts.length === 1 ? view.scalar(node, this.#texts[0] ?? '') : this.#texts;
    }
    const entries = [...this.#inner];
    if (items && entries.every(([key]) => /^\d{1,9}$/.test(key))) {
      const placed = entries
        .map(([key, value]) => ({ place: Number(key), value }))
        .sort((one, other) => one.place - other.place);
      if (placed.some(({ place }, index) => place !== index))
        refuseCurl('has a list in brackets whose places are not 0, 1, 2 and so on');
      return placed.map(({ value }) => value.read(view, items));
    }
    return Object.fromEntries(
      entries.map(([key, value]) => [
        key,
        value.read(view, view.property(node, key) ?? view.furtherProperty(node) ?? {}),
      ]),
    );
  }

  /** `items[][price]` begins a new entry when the last one has a price already. */
  #placeFor([next]: readonly string[]): string {
    const last = this.#inner.get(String(this.#unplaced - 1));
    if (this.#unplaced > 0 && next !== undefined && last && !last.#inner.has(next)) return String(this.#unplaced - 1);
    this.#unplaced += 1;
    return String(this.#unplaced - 1);
  }
}

/** Reads back what `writeSegment` writes into a path. */
export function readSegment(view: SchemaView, { name, writing, node }: WrittenField, raw: string): unknown {
  if (writing.json) return jsonOr(fromPath(raw));
  switch (writing.style) {
    case 'label':
      return readJoined(
        view,
        node,
        raw.replace(/^\./, ''),
        { separator: writing.explode === true ? '.' : ',', ...writing },
        fromPath,
      );
    case 'matrix': {
      const pairs = pairsIn(raw, ';');
      const own = pairs.filter(([key]) => fromPath(key) === name).map(([, value]) => value);
      if (writing.explode === true && own.length === 0) return objectOf(view, node, pairs, fromPath);
      return readJoined(view, node, own.join(','), { separator: ',' }, fromPath);
    }
    case undefined:
      return view.scalar(node, fromPath(raw));
    default:
      return readJoined(view, node, raw, { separator: ',', ...writing }, fromPath);
  }
}

/** Reads back what `writeHeaderText` writes; a header may have been written in several lines. */
export function readHeader(view: SchemaView, { writing, node }: WrittenField, lines: readonly string[]): unknown {
  const text = lines.join(', ');
  if (writing.json) return jsonOr(text);
  if (writing.style === undefined) return view.items(node) ? jsonOr(text) : view.scalar(node, text);
  return readJoined(view, node, text, { separator: ',', ...writing }, (piece) => piece.trim());
}

function readJoined(
  view: SchemaView,
  node: SchemaNode,
  raw: string,
  { separator, explode = false }: { separator: string; explode?: boolean },
  decode: Decode,
): unknown {
  const items = view.items(node);
  const isText = view.isScalar(node) && !raw.includes(separator);
  if (items && !isText) return raw.split(separator).map((piece) => view.scalar(items, decode(piece)));
  if (view.isScalar(node) || !view.isObject(node)) return view.scalar(node, decode(raw));
  const pieces = raw.split(separator);
  return objectOf(view, node, explode ? pieces.flatMap((piece) => pairsIn(piece, '\0')) : evenPairs(pieces), decode);
}

/** How fields of a task are written, by their names on the wire. */
export function writtenField(
  view: SchemaView,
  field: string,
  writing: Readonly<Record<string, FieldWriting | ValueWriting>> | undefined,
): WrittenField {
  const own: FieldWriting = ownEntry(writing, field) ?? {};
  return { field, name: own.name ?? field, writing: own, node: view.field(field) };
}

function valueOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
