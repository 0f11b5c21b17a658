import { randomBytes } from 'node:crypto';
import { ownEntry, InvalidInputError } from '../tasks/parse-input';
import type { BodyForm, FormFieldWriting, ValueWriting } from '../tasks/wire';
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

function encoderFor(place: WrittenField, { allowReserved = false }: ValueWriting): (text: string) => string {
  return (text) => (allowReserved ? encodeReserved : encodeURIComponent)(wellFormed(place, text));
}

/**
 * Returns a text that UTF-8 can represent.
 *
 * @throws InvalidInputError for half of a surrogate pair, in whose place another character would be sent.
 */
export function wellFormed({ task, field }: WrittenField, text: string): string {
  if (!/\p{Surrogate}/u.test(text)) return text;
  throw new InvalidInputError(task, [
    { field, message: 'must be well-formed Unicode; it contains an unpaired surrogate' },
  ]);
}

/** Encodes like `{+value}` of RFC 6570: what is percent-encoded already stays as it is. */
function encodeReserved(text: string): string {
  return encodeURI(text)
    .replace(/%25(?=[0-9a-f]{2})/gi, '%')
    .replace(/[&#+=]/g, encodeURIComponent);
}

/** A serialized body with its `content-type`. */
export interface WrittenBody {
  body: string | Buffer;
  contentType: string;
}

/** A file in an input. Temporal payloads are JSON, so its bytes are base64. */
interface FileInput {
  base64: string;
  filename?: string;
  contentType?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Serializes a body: `value` is the whole body, or the fields of a form. */
export function writeBody(task: string, form: BodyForm, value: unknown): WrittenBody | undefined {
  switch (form.as) {
    case 'none':
      return undefined;
    case 'json':
      return { body: jsonText(value), contentType: form.contentType ?? 'application/json' };
    case 'text':
      return {
        body: wellFormed({ task, field: 'body' }, textOf(value)),
        contentType: form.contentType ?? 'text/plain;charset=UTF-8',
      };
    case 'bytes':
      return {
        body: Buffer.from(textOf(value), 'base64'),
        contentType: form.contentType ?? 'application/octet-stream',
      };
    case 'form':
      return {
        body: formPairs(task, form, value as Fields).join('&'),
        contentType: form.contentType ?? 'application/x-www-form-urlencoded',
      };
    case 'multipart':
      return multipart(task, form, value as Fields);
  }
}

function formPairs(task: string, { fields = {} }: BodyForm, values: Fields): string[] {
  return present(values).flatMap(([field, value]) =>
    writePairs({ task, field }, field, value, ownEntry(fields, field)),
  );
}

function multipart(task: string, { fields = {} }: BodyForm, values: Fields): WrittenBody {
  const boundary = `----http-tasks-${randomBytes(18).toString('hex')}`;
  const chunks: Buffer[] = [];
  for (const [name, value] of present(values)) {
    const writing = ownEntry(fields, name) ?? {};
    // A list repeats its part, unless the document declares it as JSON; then it is one part.
    const asOne = !Array.isArray(value) || (writing.contentType !== undefined && !writing.file);
    for (const entry of asOne ? [value] : (value as unknown[])) {
      if (isFile(entry, writing)) refuseLineBreak(task, name, entry);
      chunks.push(part(boundary, { task, field: name }, entry, writing));
    }
  }
  chunks.push(Buffer.from(`--${boundary}--\r\n`));
  return { body: Buffer.concat(chunks), contentType: `multipart/form-data; boundary=${boundary}` };
}

/** A line break would start another header of the part. The task's schema may not check for it. */
function refuseLineBreak(task: string, field: string, { contentType = '' }: FileInput): void {
  if (/[\r\n]/.test(contentType))
    throw new InvalidInputError(task, [{ field: `${field}.contentType`, message: 'must not contain line breaks' }]);
}

function part(boundary: string, place: WrittenField, value: unknown, writing: FormFieldWriting): Buffer {
  const { filename, contentType, bytes } = isFile(value, writing)
    ? filePart(value, writing)
    : textPart(place, value, writing);
  const head = [
    `--${boundary}`,
    `content-disposition: form-data; name="${quoted(place.field)}"${filename === undefined ? '' : `; filename="${quoted(filename)}"`}`,
    ...(contentType === undefined ? [] : [`content-type: ${contentType}`]),
  ].join('\r\n');
  return Buffer.concat([Buffer.from(`${wellFormed(place, head)}\r\n\r\n`), bytes, Buffer.from('\r\n')]);
}

/**
 * Whether a value of a field that takes files is a file. Such a field may take strings as well, for example the URL of
 * a file.
 */
function isFile(value: unknown, writing: FormFieldWriting): value is FileInput {
  return (
    writing.file === true &&
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<FileInput>).base64 === 'string'
  );
}

function filePart({ base64, filename, contentType }: FileInput, writing: FormFieldWriting) {
  return {
    // Servers recognize a file by its file name.
    filename: filename ?? 'file',
    contentType: contentType ?? writing.contentType ?? 'application/octet-stream',
    bytes: Buffer.from(base64, 'base64'),
  };
}

function textPart(place: WrittenField, value: unknown, writing: FormFieldWriting) {
  const isJson = hasParts(value);
  return {
    filename: undefined,
    contentType: writing.contentType ?? (isJson ? 'application/json' : undefined),
    bytes: Buffer.from(wellFormed(place, textOf(value))),
  };
}

/** Escapes a name as HTML forms do, so that a quote or line break in it does not end the header. */
function quoted(text: string): string {
  return text.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

function present(values: Fields): [string, unknown][] {
  return Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
}

/** One part of a multipart body. */
export interface ReadPart {
  name: string;
  value: Buffer;
  filename?: string;
  type?: string;
}

/** Returns the boundary in a content type of multipart/form-data; undefined for any other type or if there is none. */
export function boundaryIn(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) return undefined;
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;,"]{1,200}))/i.exec(contentType) ?? [];
  return quoted ?? plain;
}

/**
 * Splits a multipart/form-data body into its parts. Returns undefined if the body is malformed or a part has headers
 * other than its disposition and type.
 */
export function readMultipart(body: Buffer, boundary: string): ReadPart[] | undefined {
  const delimiter = Buffer.from(`--${boundary}`);
  const parts: ReadPart[] = [];
  let at = body.indexOf(delimiter);
  if (at !== 0 && !(at > 0 && body.subarray(at - 2, at).equals(LINE))) return undefined;
  for (;;) {
    at += delimiter.length;
    if (body.subarray(at, at + 2).toString('latin1') === '--') return parts;
    if (!body.subarray(at, at + 2).equals(LINE)) return undefined;
    const end = body.indexOf(Buffer.concat([LINE, delimiter]), at);
    const part = end < 0 ? undefined : readPart(body.subarray(at + 2, end));
    if (!part) return undefined;
    parts.push(part);
    at = end + 2;
  }
}

const LINE = Buffer.from('\r\n');
const GAP = Buffer.from('\r\n\r\n');

function readPart(text: Buffer): ReadPart | undefined {
  const gap = text.indexOf(GAP);
  if (gap < 0) return undefined;
  const headers = text
    .subarray(0, gap)
    .toString('utf8')
    .split('\r\n')
    .map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, Math.max(colon, 0)).trim().toLowerCase(), line.slice(colon + 1).trim()];
    });
  const known = new Map(headers);
  if (
    known.size < headers.length ||
    headers.some(([name]) => name !== 'content-disposition' && name !== 'content-type')
  )
    return undefined;
  const [, name, , filename] =
    /^form-data;\s*name="([^"]*)"(;\s*filename="([^"]*)")?$/i.exec(known.get('content-disposition') ?? '') ?? [];
  const type = known.get('content-type');
  if (name === undefined) return undefined;
  return {
    name: unescaped(name),
    value: text.subarray(gap + GAP.length),
    ...(filename !== undefined && { filename: unescaped(filename) }),
    ...(type !== undefined && { type }),
  };
}

/** Reverses the escaping that HTML forms apply to part names. */
function unescaped(text: string): string {
  return text.replace(/%22|%0D|%0A/gi, (escape) => decodeURIComponent(escape));
}
