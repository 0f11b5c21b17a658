import type { ValueWriting } from '../tasks/wire';
import { InvalidInputError } from '../tasks/parse-input';
import { ExactNumber, jsonText } from './exact-json';

/** The field and task that a value belongs to, for error messages. */
export interface WrittenField {
  task: string;
  field: string;
}

type Entry = readonly [key: string, value: string];

/** A value in the form from which it is serialized: a text, a list of texts, or texts by key. */
type Parts = { kind: 'text'; text: string } | { kind: 'list'; texts: string[] } | { kind: 'entries'; entries: Entry[] };

const DELIMITERS: Partial<Record<NonNullable<ValueWriting['style']>, string>> = {
  spaceDelimited: '%20',
  pipeDelimited: '%7C',
};

/** Serializes a value for a query, a form or a cookie: percent-encoded `name=value` pairs. */
export function writePairs(at: WrittenField, name: string, value: unknown, writing: ValueWriting = {}): string[] {
  const encode = encoderFor(at, writing);
  const label = encode(name);
  if (writing.json) return [`${label}=${encode(jsonText(value))}`];
  if (writing.style === 'deepObject')
    return deepPairs(name, value).map(([key, text]) => `${encode(key)}=${encode(text)}`);
  if (writing.style === undefined) {
    return (Array.isArray(value) ? value : [value]).map((one) => `${label}=${encode(textOf(one))}`);
  }
  const parts = partsOf(value);
  const explode = writing.explode ?? writing.style === 'form';
  const delimiter = DELIMITERS[writing.style] ?? ',';
  switch (parts.kind) {
    case 'text':
      return [`${label}=${encode(parts.text)}`];
    case 'list':
      if (explode) return parts.texts.map((text) => `${label}=${encode(text)}`);
      return parts.texts.length === 0 ? [] : [`${label}=${parts.texts.map(encode).join(delimiter)}`];
    case 'entries':
      if (explode) return parts.entries.map(([key, text]) => `${encode(key)}=${encode(text)}`);
      return parts.entries.length === 0 ? [] : [`${label}=${parts.entries.flat().map(encode).join(delimiter)}`];
  }
}

/** Serializes a value as one percent-encoded path segment; `encode` refuses what a segment cannot contain. */
export function writeSegment(
  name: string,
  value: unknown,
  writing: ValueWriting,
  encode: (text: string) => string,
): string {
  const parts = partsOf(value);
  switch (writing.style) {
    case 'label':
      return `.${joined(parts, writing.explode === true ? '.' : ',', writing, encode)}`;
    case 'matrix':
      return matrix(encode(name), parts, writing, encode);
    default:
      return joined(parts, ',', writing, encode);
  }
}

/** Serializes a value as a header, without percent-encoding. */
export function writeHeaderText(value: unknown, writing: ValueWriting): string {
  // Headers carry ASCII; JSON can escape everything else.
  if (writing.json)
    return jsonText(value).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return joined(partsOf(value), ',', writing, (text) => text);
}

/** Returns strings, numbers and booleans as they are, and anything else as JSON. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof ExactNumber) return value.toString();
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? String(value)
    : jsonText(value);
}

function matrix(
  name: string,
  parts: Parts,
  { explode = false }: ValueWriting,
  encode: (text: string) => string,
): string {
  switch (parts.kind) {
    case 'text':
      return parts.text === '' ? `;${name}` : `;${name}=${encode(parts.text)}`;
    case 'list':
      if (explode) return parts.texts.map((text) => `;${name}=${encode(text)}`).join('');
      return `;${name}=${parts.texts.map(encode).join(',')}`;
    case 'entries':
      if (explode) return parts.entries.map(([key, text]) => `;${encode(key)}=${encode(text)}`).join('');
      return `;${name}=${parts.entries.flat().map(encode).join(',')}`;
  }
}

function joined(
  parts: Parts,
  delimiter: string,
  { explode = false }: ValueWriting,
  encode: (text: string) => string,
): string {
  if (parts.kind === 'text') return encode(parts.text);
  if (parts.kind === 'list') return parts.texts.map(encode).join(delimiter);
  if (explode) return parts.entries.map(([key, text]) => `${encode(key)}=${encode(text)}`).join(delimiter);
  return parts.entries.flat().map(encode).join(delimiter);
}

function partsOf(value: unknown): Parts {
  if (Array.isArray(value)) return { kind: 'list', texts: value.map(textOf) };
  if (!hasParts(value)) return { kind: 'text', text: textOf(value) };
  return { kind: 'entries', entries: given(value).map(([key, entry]) => [key, textOf(entry)] as const) };
}

/** Returns `filter[a][b]=1` pairs, and lists by index (`filter[0]=1`), as servers that read this style expect. */
function deepPairs(name: string, value: unknown): Entry[] {
  if (Array.isArray(value)) return value.flatMap((entry, place) => deepPairs(`${name}[${place}]`, entry));
  if (!hasParts(value)) return [[name, textOf(value)]];
  return given(value).flatMap(([key, entry]) => deepPairs(`${name}[${key}]`, entry));
}

/** Whether a value is an object that is serialized part by part. */
export function hasParts(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof ExactNumber);
}

function given(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, entry]) => entry !== undefined && entry !== null);
}

function encoderFor({ task, field }: WrittenField, { allowReserved = false }: ValueWriting): (text: string) => string {
  return (text) => {
    if (/\p{Surrogate}/u.test(text)) {
      throw new InvalidInputError(task, [
        { field, message: 'must be well-formed Unicode; it contains an unpaired surrogate' },
      ]);
    }
    return allowReserved ? encodeURI(text).replace(/[&#+=]/g, encodeURIComponent) : encodeURIComponent(text);
  };
}
