import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { Refusal } from '../program/errors';

/** Refuses the command. No argument of it is ever repeated: it could be a secret. */
export function refuseCurl(problem: string): never {
  throw new Refusal('Usage', `--curl: the command ${problem}.`, 'curl');
}

/** What `readCurlUrl` found in the text of a URL. */
export interface CurlUrl {
  url: URL;
  /** The query as it is written, without its `?`; empty for none. */
  query: string;
  /** Whether the URL contained a user name or a password, which is left out. */
  signsIn: boolean;
}

/**
 * Reads a URL as cURL does: without a fragment, lists and ranges in it expanded unless `globoff` says otherwise.
 *
 * @throws Refusal for a URL that cURL refuses, that stands for several calls, or that would be changed when it is sent from here.
 */
export function readCurlUrl(text: string, { globoff, pathAsIs }: { globoff: boolean; pathAsIs: boolean }): CurlUrl {
  const whole = globoff ? text : expanded(text);
  if (!/^https?:\/\//i.test(whole) || !URL.canParse(whole))
    refuseCurl('has an invalid URL, or one that does not begin with https://');
  if (/[\s\p{Cc}]/u.test(whole))
    refuseCurl('has a space or a control character in its URL, which cURL refuses too; percent-encode it');
  const [sent = ''] = whole.split('#', 1);
  const [beforeQuery = ''] = sent.split('?', 1);
  if (beforeQuery.includes('\\'))
    refuseCurl('has a backslash in its URL, which would be sent as a slash; percent-encode it');
  const path = beforeQuery.replace(/^https?:\/\/[^/]*/i, '');
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path) && (pathAsIs || /%2e/i.test(path)))
    refuseCurl('has dots as a part of its path, which would be resolved before it is sent; write the intended path');
  const url = new URL(sent);
  const signsIn = url.username !== '' || url.password !== '';
  url.username = '';
  url.password = '';
  return { url, query: sent.slice(beforeQuery.length + 1), signsIn };
}

/** `[::1]` in a host is an address and not a range; so is one with a zone. */
const ADDRESS = /^\[(?=[^\]]*:[^\]]*:)[0-9a-fA-F:.]+(?:%(?:25)?[\w.~-]+)?\]/;
const RANGE = /^\[(?:(\d+)-(\d+)|([a-zA-Z])-([a-zA-Z]))(?::(\d+))?\]/;
const GLOB =
  'has [ ] or { } in its URL, which cURL reads as lists and ranges; add --globoff if they are part of the URL';

/** The only URL that a text with lists and ranges means; a shell's variable `${NAME}` stays. */
function expanded(text: string): string {
  let made = '';
  let calls = 1;
  let rest = text;
  while (rest !== '') {
    const [plain = ''] = /^(?:\$\{\w+\}|\\[{}[\],]|\[\]|[^{}[\]\\]|\\(?![{}[\],]))+/.exec(rest) ?? [];
    made += plain.replace(/\\([{}[\],])/g, '$1');
    rest = rest.slice(plain.length);
    if (rest === '') break;
    const [address] = ADDRESS.exec(rest) ?? [];
    const { length, first, count } =
      address === undefined ? listOrRange(rest) : { length: address.length, first: address, count: 1 };
    made += first;
    calls = Math.min(calls * count, Number.MAX_SAFE_INTEGER);
    rest = rest.slice(length);
  }
  if (calls > 1)
    refuseCurl(
      `stands for ${calls} calls, by the lists or ranges in its URL; give one of them, or add --globoff if the ` +
        'brackets are part of the URL',
    );
  return made;
}

function listOrRange(text: string): { length: number; first: string; count: number } {
  if (text.startsWith('{')) {
    const [whole, inner = ''] = /^\{((?:\\.|[^{}[\]\\])*)\}/.exec(text) ?? refuseCurl(GLOB);
    const entries = inner.split(/(?<!\\),/);
    return { length: whole.length, first: (entries[0] ?? '').replace(/\\([{}[\],])/g, '$1'), count: entries.length };
  }
  const [whole, from, to, first = '', last = '', step = '1'] = RANGE.exec(text) ?? refuseCurl(GLOB);
  const [low, high] = from === undefined ? [first.charCodeAt(0), last.charCodeAt(0)] : [Number(from), Number(to)];
  if (high < low || Number(step) === 0) refuseCurl(GLOB);
  return { length: whole.length, first: from ?? first, count: Math.floor((high - low) / Number(step)) + 1 };
}

/** One part of a form that `-F` makes. */
export interface FormPart {
  name: string;
  value: Buffer;
  /** The part's own type, for example `application/json`. */
  type?: string;
  filename?: string;
}

/** Reads a file that an option names. */
export type ReadFile = (option: string, file: string) => Buffer;

/** As `--input @FILE` is read: relative to the current folder; its content is never repeated in an error. */
export const readFromDisk: ReadFile = (option, file) => {
  if (file === '-' || file === '.') refuseCurl(`reads standard input with ${option}; write its content into a file`);
  try {
    return readFileSync(file);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Refusal('Usage', `--curl: the file ${file} of ${option} cannot be read (${why}).`, 'curl');
  }
};

/** What an option such as `--data` adds to the body. */
export function dataOf(option: string, argument: string, read: ReadFile): Buffer {
  if (option === '--data-urlencode') return Buffer.from(urlEncodedData(option, argument, read));
  if (option === '--data-raw' || !argument.startsWith('@')) return Buffer.from(argument);
  const content = read(option, argument.slice(1));
  // Line breaks of a file are left out where cURL takes it for text.
  return option === '--data' || option === '--data-ascii'
    ? Buffer.from(content.filter((byte) => byte !== 0x0a && byte !== 0x0d && byte !== 0))
    : content;
}

/** What `--data-urlencode` makes of its argument: `text`, `=text`, `name=text`, `@file` or `name@file`. */
export function urlEncodedData(option: string, argument: string, read: ReadFile): string {
  const [, name = '', sign, text = ''] = /^([^=@]*)([=@])(.*)$/s.exec(argument) ?? [];
  const value = sign === '@' ? read(option, text) : Buffer.from(sign === undefined ? argument : text);
  return name === '' || sign === undefined ? percentEncoded(value) : `${name}=${percentEncoded(value)}`;
}

/** What `--url-query` adds to the query: as `--data-urlencode`, or with a `+` in front as it is. */
export function queryData(argument: string, read: ReadFile): string {
  return argument.startsWith('+') ? argument.slice(1) : urlEncodedData('--url-query', argument, read);
}

/** The parts that the arguments of `-F` and `--form-string` write; the latter takes its text literally. */
export function formPart(option: '--form' | '--form-string', argument: string, read: ReadFile): FormPart {
  const [, name, text = ''] = /^([^=]+)=(.*)$/s.exec(argument) ?? [];
  if (name === undefined) refuseCurl(`has an invalid part of a form; write ${option} "name=value"`);
  if (option === '--form-string') return { name, value: Buffer.from(text) };
  const [, sign = ''] = /^([@<(]?)/.exec(text) ?? [];
  if (sign === '(') refuseCurl('has a part of a form with parts of its own, which is not supported');
  const [, quoted, plain = '', rest = ''] =
    /^(?:"((?:[^"\\]|\\.)*)"|([^;]*))((?:;.*)?)$/s.exec(text.slice(sign.length).trimStart()) ?? [];
  const given = quoted === undefined ? plain.trimEnd() : unescaped(quoted);
  const settings = settingsOfPart(rest);
  if (sign === '') return { name, value: Buffer.from(given), ...typeByName(settings.filename), ...settings };
  if (sign === '@' && quoted === undefined && given.includes(','))
    refuseCurl('has several files in one part of a form; write one --form for each');
  const value = read(option, given);
  if (sign === '<') return { name, value, ...settings };
  const filename = settings.filename ?? basename(given);
  return {
    name,
    value,
    type: 'application/octet-stream',
    ...typeByName(given),
    ...typeByName(settings.filename),
    ...settings,
    filename,
  };
}

/** `;type=text/plain;filename="a.txt"` behind the text of a part. */
function settingsOfPart(text: string): Pick<FormPart, 'type' | 'filename'> {
  const found: Pick<FormPart, 'type' | 'filename'> = {};
  let rest = text;
  while (rest !== '') {
    const [all, key, quoted, plain = ''] = /^;\s*(type|filename)=(?:"((?:[^"\\]|\\.)*)"|([^;"]*))/.exec(rest) ?? [];
    if (all === undefined)
      refuseCurl(
        'has a part of a form with more in it than its text, type= and filename=; use --form-string for a text with a semicolon',
      );
    found[key as 'type' | 'filename'] = quoted === undefined ? plain.trimEnd() : unescaped(quoted);
    rest = rest.slice(all.length);
  }
  return found;
}

/** The types that cURL knows by the end of a file's name. */
const TYPES: Readonly<Record<string, string>> = {
  '.gif': 'image/gif',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.pdf': 'application/pdf',
  '.xml': 'application/xml',
};

function typeByName(filename: string | undefined): Pick<FormPart, 'type'> {
  const type = filename === undefined ? undefined : TYPES[extname(filename).toLowerCase()];
  return type === undefined ? {} : { type };
}

function unescaped(text: string): string {
  return text.replace(/\\(["\\])/g, '$1');
}

/** As cURL encodes: everything but letters, digits and `-._~`, and spaces as `+`. */
function percentEncoded(bytes: Buffer): string {
  return [...bytes]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (/[\w.~-]/.test(character)) return character;
      return character === ' ' ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
