import { refuseCurl } from './curl-refusal';

/** A command as a shell would take it apart. Nothing is run, and no variable is filled in. */
export interface ShellWords {
  words: string[];
  /** Variables where a shell would fill them in, as they stand in the words: `$NAME`, `${NAME}`. */
  variables: ReadonlySet<string>;
}

const VARIABLE = /^\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})/;
const ANSI_ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"', '?': '?' };
/** As browsers write what has no letter: `\u0021`, `\x21`. */
const ANSI_CODE = /^\\(?:u([0-9a-fA-F]{1,4})|x([0-9a-fA-F]{1,2}))/;

/**
 * Takes one command of a POSIX shell apart: quotes, escapes, `$'…'` and continued lines.
 *
 * @throws Refusal for whatever only a shell can do, such as a second command; it never repeats the text.
 */
export function shellWords(text: string): ShellWords {
  return new Reader(text.trim()).read();
}

class Reader {
  readonly #text: string;
  readonly #words: string[] = [];
  readonly #variables = new Set<string>();
  #at = 0;
  /** The word that is being read; undefined between words. */
  #word: string | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  read(): ShellWords {
    while (this.#at < this.#text.length) this.#next();
    this.#endWord();
    return { words: this.#words, variables: this.#variables };
  }

  #next(): void {
    const character = this.#text.charAt(this.#at);
    if (/[ \t]/.test(character)) {
      this.#at += 1;
      return this.#endWord();
    }
    if (character === "'") return this.#singleQuoted();
    if (character === '"') return this.#doubleQuoted();
    if (character === '\\') return this.#escaped();
    if (character === '$') return this.#dollar(true);
    if (/[\r\n|;&<>()`]/.test(character)) refuseCurl('holds more than one command; give one cURL command, with its URL in quotes');
    if (character === '#' && this.#word === undefined) refuseCurl('holds a comment; leave it out');
    this.#take(character, 1);
  }

  #escaped(): void {
    const [continued] = /^\\\r?\n/.exec(this.#text.slice(this.#at)) ?? [];
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
      if (character === '`') refuseCurl('holds a command within the command');
      if (character === '$') this.#dollar(false);
      else if (character === '\\' && next === '\n') this.#at += 2;
      else if (character === '\\' && '$`"\\'.includes(next) && next !== '') this.#take(next, 2);
      else this.#take(character, 1);
    }
  }

  #dollar(outsideQuotes: boolean): void {
    const rest = this.#text.slice(this.#at);
    if (outsideQuotes && rest.startsWith("$'")) return this.#ansiQuoted();
    if (rest.startsWith('$(')) refuseCurl('holds a command within the command');
    const [variable] = VARIABLE.exec(rest) ?? [];
    if (variable !== undefined) this.#variables.add(variable);
    this.#take(variable ?? '$', (variable ?? '$').length);
  }

  #ansiQuoted(): void {
    this.#take('', 2);
    for (;;) {
      const rest = this.#text.slice(this.#at);
      if (rest === '') refuseCurl('has a quote that is not closed');
      if (rest.startsWith("'")) return this.#take('', 1);
      const [code, unicode, hexadecimal] = ANSI_CODE.exec(rest) ?? [];
      if (code !== undefined) {
        this.#take(String.fromCharCode(Number.parseInt(unicode ?? hexadecimal ?? '', 16)), code.length);
      } else if (rest.startsWith('\\')) {
        const escape = ANSI_ESCAPES[rest.charAt(1)];
        if (escape === undefined) refuseCurl("has an escape within $'…' that is not known");
        this.#take(escape, 2);
      } else this.#take(rest.charAt(0), 1);
    }
  }

  #take(text: string, length: number): void {
    this.#word = (this.#word ?? '') + text;
    this.#at += length;
  }

  #endWord(): void {
    if (this.#word !== undefined) this.#words.push(this.#word);
    this.#word = undefined;
  }
}
