import { refuseCurl } from './curl-data';

/** A command, split into words as a shell does. Nothing is run, and no variable is expanded. */
export interface ShellWords {
  words: string[];
  /** Variables where a shell would fill them in, as written in the words: `$NAME`, `${NAME}`, `%NAME%`. */
  variables: ReadonlySet<string>;
}

/** Collects the words of a command line; a word may be written in bytes. */
export class WordBuilder {
  readonly words: string[] = [];
  #pieces: Buffer[] | undefined;
  #text = '';
  /** The word with `\0` for each quoted character, which has no meaning to a shell. */
  #bare = '';

  /** Whether the next character is the first one of a word. */
  get isBetweenWords(): boolean {
    return this.#pieces === undefined;
  }

  /** Adds text to the word; an empty text begins a word, as empty quotes do. */
  add(text: string, isQuoted = true): void {
    this.#pieces ??= [];
    this.#text += text;
    this.#bare += isQuoted ? '\0'.repeat(Math.min(text.length, 1)) : text;
  }

  /** Adds one byte, which may be a part of a character only. */
  addByte(byte: number): void {
    this.#pieces ??= [];
    this.#flush();
    this.#pieces.push(Buffer.of(byte));
    this.#bare += '\0';
  }

  /** Ends the word, if there is one. */
  end(): void {
    if (this.#pieces === undefined) return;
    this.#flush();
    const braces = this.#bare.match(/\{[^{}]*\}/g) ?? [];
    if (braces.some((text) => /,|\.\./.test(text)))
      refuseCurl('has braces outside quotes, which a shell expands to several words; put them into quotes');
    this.words.push(textOf(Buffer.concat(this.#pieces)));
    this.#pieces = undefined;
    this.#bare = '';
  }

  #flush(): void {
    if (this.#text !== '') this.#pieces?.push(Buffer.from(this.#text, 'utf8'));
    this.#text = '';
  }
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuseCurl('has bytes that are not UTF-8 text; write them into a file and give it with @');
  }
}
