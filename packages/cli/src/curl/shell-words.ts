import { WordBuilder } from './word-builder';
import type { ShellWords } from './word-builder';
import { refuseCurl } from './curl-data';

/** How many characters a name of a variable has at most; a search for its end is bounded by it. */
const MAX_NAME = 128;

const BACKTICK_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

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

/**
 * Takes one command apart as its shell would: a POSIX shell with bash's `$'…'`, or, where carets or backticks show that
 * the command was copied for it, cmd.exe or PowerShell.
 *
 * @throws Refusal for anything that only a shell can do, such as a second command; it never repeats the text.
 */
export function shellWords(text: string): ShellWords {
  const trimmed = text.trim();
  const reader = new PosixReader(trimmed);
  switch (reader.read()) {
    case 'cmd':
      return cmdWords(trimmed);
    case 'powershell':
      return powerShellWords(trimmed);
    default:
      return reader;
  }
}

/** A shell that a command turned out to be written for, once a character showed that it is not a POSIX shell. */
type OtherShell = 'cmd' | 'powershell';

/** Reads one command of a POSIX shell: quotes, escapes, `$'…'` with its bytes, and continued lines. */
class PosixReader implements ShellWords {
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

/**
 * Reads a command of cmd.exe: its carets first, and then the quotes and backslashes as a Windows program takes its
 * command line apart.
 */
function cmdWords(text: string): ShellWords {
  const { line, variables } = withoutCarets(text);
  return { words: wordsOfProgram(line), variables };
}

/** What a caret escapes is taken literally by cmd.exe; quotes that are not escaped keep carets from their meaning. */
function withoutCarets(text: string): { line: string; variables: Set<string> } {
  const variables = new Set<string>();
  let line = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '%') {
      const [variable] = /^%(?![0-9a-fA-F]{2}%)[A-Za-z_][\w()]*%/.exec(text.slice(at, at + MAX_NAME)) ?? [];
      if (variable !== undefined) {
        variables.add(variable);
        line += variable;
        at += variable.length - 1;
        continue;
      }
    }
    if (!isQuoted && character === '^') {
      const [lineBreak] = /^\r?\n/.exec(text.slice(at + 1, at + 3)) ?? [];
      at += lineBreak?.length ?? 0;
      // Behind a continued line, too, the next character has no meaning.
      const [escaped = ''] = /^(?:\r\n|[^])/.exec(text.slice(at + 1, at + 3)) ?? [];
      line += escaped === '\r\n' ? '\n' : escaped;
      at += escaped.length;
      continue;
    }
    if (character === '"') isQuoted = !isQuoted;
    if (!isQuoted && /[\r\n|&<>()]/.test(character))
      refuseCurl('contains more than one command; give one cURL command, with its URL in quotes');
    line += character;
  }
  return { line, variables };
}

/** Backslashes count before quotes only, and two quotes within quotes are one of the text. */
function wordsOfProgram(line: string): string[] {
  const word = new WordBuilder();
  let isQuoted = false;
  let at = 0;
  while (at < line.length) {
    const [backslashes = ''] = /^\\+/.exec(line.slice(at)) ?? [];
    at += backslashes.length;
    const isBeforeQuote = line.charAt(at) === '"';
    if (backslashes !== '')
      word.add('\\'.repeat(isBeforeQuote ? Math.floor(backslashes.length / 2) : backslashes.length));
    const character = line.charAt(at);
    at += 1;
    if (character === '') break;
    if (isBeforeQuote && backslashes.length % 2 === 1) word.add('"');
    else if (isBeforeQuote && isQuoted && line.charAt(at) === '"') {
      word.add('"');
      at += 1;
    } else if (isBeforeQuote) {
      isQuoted = !isQuoted;
      word.add('');
    } else if (!isQuoted && /[ \t\r\n]/.test(character)) word.end();
    else word.add(character);
  }
  if (isQuoted) refuseCurl('has a quote that is not closed');
  word.end();
  return word.words;
}

/** Reads a command of PowerShell 7.3 or later, which passes quotes within a word on as they are. */
function powerShellWords(text: string): ShellWords {
  const variables = new Set<string>();
  const word = new WordBuilder();
  let at = 0;
  /** A backtick with what it escapes. */
  const escape = (): void => {
    const [, unicode] = /^`u\{([0-9a-fA-F]{1,6})\}/.exec(text.slice(at, at + 10)) ?? [];
    const next = text.charAt(at + 1);
    if (next === '0' || Number.parseInt(unicode ?? '1', 16) > 0x10_ffff)
      refuseCurl('has an escape that stands for no character');
    word.add(
      unicode === undefined ? (BACKTICK_ESCAPES[next] ?? next) : String.fromCodePoint(Number.parseInt(unicode, 16)),
    );
    at += unicode === undefined ? 2 : unicode.length + 4;
  };
  const variable = (): void => {
    const [name] = /^\$(?:[A-Za-z_][\w:]*|\{[^}]*\})/.exec(text.slice(at, at + MAX_NAME)) ?? [];
    if (text.startsWith('$(', at)) refuseCurl('contains a command within the command');
    if (name !== undefined) variables.add(name);
    word.add(name ?? '$');
    at += (name ?? '$').length;
  };
  const quoted = (quote: string): void => {
    word.add('');
    at += 1;
    for (;;) {
      const character = text.charAt(at);
      if (character === '') refuseCurl('has a quote that is not closed');
      if (character === quote && text.charAt(at + 1) !== quote) break;
      if (quote === '"' && character === '`') escape();
      else if (quote === '"' && character === '$') variable();
      else {
        word.add(character);
        at += character === quote ? 2 : 1;
      }
    }
    at += 1;
  };
  while (at < text.length) {
    const character = text.charAt(at);
    const [continued] = /^`\r?\n/.exec(text.slice(at, at + 3)) ?? [];
    if (continued !== undefined) at += continued.length;
    else if (character === '"' || character === "'") quoted(character);
    else if (character === '`') escape();
    else if (character === '$') variable();
    else if (/[ \t]/.test(character)) {
      word.end();
      at += 1;
    } else if (/[\r\n|;&<>(){}@]/.test(character) && (character !== '@' || word.isBetweenWords))
      refuseCurl('contains more than one command; give one cURL command, with its URL in quotes');
    else {
      word.add(character);
      at += 1;
    }
  }
  word.end();
  return { words: word.words, variables };
}
