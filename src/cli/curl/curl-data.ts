import { refuseCurl } from './curl-refusal';

/** One part of a form that `-F` makes. */
export interface FormPart {
  name: string;
  value: string;
  /** The part's own type, for example `application/json`. */
  type?: string;
  filename?: string;
}

/** What `--data-urlencode` makes of its argument. */
export function urlEncodedData(argument: string): string {
  // `name=text` and `=text`; what stands before `@` would be the name of a file's content.
  const [, name, sign, text = ''] = /^([^=@]*)([=@])(.*)$/s.exec(argument) ?? [];
  if (sign === '@') refuseCurl('reads a file with --data-urlencode; write its content into the command');
  if (sign === undefined) return percentEncoded(argument);
  return name === '' || name === undefined ? percentEncoded(text) : `${name}=${percentEncoded(text)}`;
}

/** One part of a form, as the arguments of `-F` and `--form-string` write it; the latter takes its text literally. */
export function formPart(option: '--form' | '--form-string', argument: string): FormPart {
  const [, name, text = ''] = /^([^=]+)=(.*)$/s.exec(argument) ?? [];
  if (name === undefined) refuseCurl(`has a part of a form that is none; write ${option} "name=value"`);
  if (option === '--form-string') return { name, value: text };
  if (/^[@<]/.test(text)) refuseCurl('reads a file with --form; give its content with --input instead, as the task takes it');
  const [, quoted, plain = '', rest = ''] = /^(?:"((?:[^"\\]|\\.)*)"|([^;]*))((?:;.*)?)$/s.exec(text) ?? [];
  const value = quoted === undefined ? plain : unescaped(quoted);
  return { name, value, ...settingsOfPart(rest) };
}

/** `;type=text/plain;filename="a.txt"` behind the text of a part. */
function settingsOfPart(text: string): Pick<FormPart, 'type' | 'filename'> {
  const found: Pick<FormPart, 'type' | 'filename'> = {};
  let rest = text;
  while (rest !== '') {
    const [all, key, quoted, plain = ''] = /^;\s*(type|filename)=(?:"((?:[^"\\]|\\.)*)"|([^;"]*))/.exec(rest) ?? [];
    if (all === undefined) refuseCurl('has a part of a form with more in it than its text, type= and filename=; a text with a semicolon belongs into --form-string');
    found[key as 'type' | 'filename'] = quoted === undefined ? plain : unescaped(quoted);
    rest = rest.slice(all.length);
  }
  return found;
}

function unescaped(text: string): string {
  return text.replace(/\\(["\\])/g, '$1');
}

/** As cURL encodes: everything but letters, digits and `-._~`. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
