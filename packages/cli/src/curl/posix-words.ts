import { refuseCurl } from './curl-data';
import { WordBuilder } from './word-builder';
import type { ShellWords } from './word-builder';

/** A shell that a command turned out to be written for, once a character showed that it is not a POSIX shell. */
export type OtherShell = 'cmd' | 'powershell';

const VARIABLE = /^\$(?:[A-Za-z_]\w*|[0-9@*#?$!-]|\{[^}]*\})/;
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  E: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '?': '?',
};
const CODE = /^\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|c([\x20-\x7e]))/;
/** As browsers write a character beyond U+FFFF, which bash would not join. */
const SURROGATES = /^\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})/;

/** Reads one command of a POSIX shell: quotes, escapes, `$'…'` with its bytes, and continued lines. */
export class PosixReader implements ShellWords {
  readonly variables = new Set<string>();
  readonly #text: string;
  readonly #word = new WordBuilder();
  #at = 0;
  #other: OtherShell | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  get words(): string[] {
    return this.#word.words;
  }

  /** Reads to the end; returns another shell as soon as the command shows that it was written for that one. */
  read(): OtherShell | undefined {
    while (this.#at < this.#text.length) {
      this.#other ??= this.#otherShell();
      if (this.#other) return this.#other;
      this.#next();
    }
    this.#word.end();
    return this.#other;
  }

  /** Lines are continued with a caret in cmd.exe, where quotes may be escaped with one, and with a backtick in PowerShell. */
  #otherShell(): OtherShell | undefined {
    if (/^\^(?:"|\r?\n)/.test(this.#text.slice(this.#at, this.#at + 3))) return 'cmd';
    return this.#text.charAt(this.#at) === '`' && this.#isPowerShell() ? 'powershell' : undefined;
  }

  /** For a backtick outside single quotes, which begins a second command in a POSIX shell. */
  #isPowerShell(): boolean {
    return /`\r?\n/.test(this.#text);
  }

  #next(): void {
    const character = this.#text.charAt(this.#at);
    if (/[ \t]/.test(character)) {
      this.#at += 1;
      return this.#word.end();
    }
    if (character === "'") return this.#singleQuoted();
    if (character === '"') return this.#doubleQuoted();
    if (character === '\\') return this.#escaped();
    if (character === '$') return this.#dollar(true);
    if (/[\r\n|;&<>()`]/.test(character))
      refuseCurl('contains more than one command; give one cURL command, with its URL in quotes');
    if (character === '#' && this.#word.isBetweenWords) refuseCurl('contains a comment; leave it out');
    this.#take(character, 1, false);
  }

  #escaped(): void {
    const [continued] = /^\\\r?\n/.exec(this.#text.slice(this.#at, this.#at + 3)) ?? [];
    if (continued !== undefined) this.#at += continued.length;
    else this.#take(this.#text.charAt(this.#at + 1), 2);
  }

  #singleQuoted(): void {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end < 0) refuseCurl('has a quote that is not closed');
    this.#take(this.#text.slice(this.#at + 1, end), end + 1 - this.#at);
  }

  #doubleQuoted(): void {
    this.#take('', 1);
    for (;;) {
      const character = this.#text.charAt(this.#at);
      if (character === '') refuseCurl('has a quote that is not closed');
      if (character === '"') return this.#take('', 1);
      const next = this.#text.charAt(this.#at + 1);
      if (character === '`') {
        if (!this.#isPowerShell()) refuseCurl('contains a command within the command');
        this.#other = 'powershell';
        this.#at = this.#text.length;
        return;
      }
      if (character === '$') this.#dollar(false);
      else if (character === '\\' && next === '\n') this.#at += 2;
      else if (character === '\\' && '$`"\\'.includes(next) && next !== '') this.#take(next, 2);
      else this.#take(character, 1);
    }
  }

  #dollar(outsideQuotes: boolean): void {
    const rest = this.#text.slice(this.#at);
    if (outsideQuotes && rest.startsWith("$'")) return this.#ansiQuoted();
    if (rest.startsWith('$(') || rest.startsWith('$[')) refuseCurl('contains a command within the command');
    // Quotes whose text is translated, which it is not here.
    if (outsideQuotes && rest.startsWith('$"')) {
      this.#at += 1;
      return;
    }
    const [variable] = VARIABLE.exec(rest) ?? [];
    if (variable !== undefined) this.variables.add(variable);
    this.#take(variable ?? '$', (variable ?? '$').length);
  }

  #ansiQuoted(): void {
    this.#take('', 2);
    for (;;) {
      const character = this.#text.charAt(this.#at);
      if (character === '') refuseCurl('has a quote that is not closed');
      if (character === "'") return this.#take('', 1);
      if (character === '\\') this.#ansiEscape(this.#text.slice(this.#at, this.#at + 12));
      else this.#take(character, 1);
    }
  }

  #ansiEscape(rest: string): void {
    const [pair, high = '', low = ''] = SURROGATES.exec(rest) ?? [];
    if (pair !== undefined)
      return this.#take(String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)), pair.length);
    const [code, hexadecimal, octal, short, long, control] = CODE.exec(rest) ?? [];
    if (code === undefined) return this.#take(ESCAPES[rest.charAt(1)] ?? rest.slice(0, 2), 2);
    const unicode = short ?? long;
    const value = unicode === undefined ? byteOf(hexadecimal, octal, control) : Number.parseInt(unicode, 16);
    if (value === 0) refuseCurl("has a zero byte within $'…', where a shell ends the text");
    if (unicode === undefined) {
      this.#word.addByte(value);
      this.#at += code.length;
      return;
    }
    if (value > 0x10_ffff || (value >= 0xd800 && value <= 0xdfff))
      refuseCurl("has an escape within $'…' that stands for no character");
    this.#take(String.fromCodePoint(value), code.length);
  }

  #take(text: string, length: number, isQuoted = true): void {
    this.#word.add(text, isQuoted);
    this.#at += length;
  }
}

function byteOf(hexadecimal: string | undefined, octal: string | undefined, control = ''): number {
  if (hexadecimal !== undefined) return Number.parseInt(hexadecimal, 16);
  if (octal !== undefined) return Number.parseInt(octal, 8) & 0xff;
  return control === '?' ? 0x7f : control.toUpperCase().charCodeAt(0) & 0x1f;
}
