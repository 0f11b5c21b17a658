import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { Refusal } from '../errors';
import { refuseCurl } from './curl-refusal';

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
  if (name === undefined) refuseCurl(`has a part of a form that is none; write ${option} "name=value"`);
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
        'has a part of a form with more in it than its text, type= and filename=; a text with a semicolon belongs into --form-string',
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
