import { refuseCurl } from './curl-data';
import { WordBuilder } from './word-builder';
import type { ShellWords } from './word-builder';

/** How many characters a name of a variable has at most; a search for its end is bounded by it. */
const MAX_NAME = 128;

/**
 * Reads a command of cmd.exe: its carets first, and then the quotes and backslashes as a Windows program takes its
 * command line apart.
 */
export function cmdWords(text: string): ShellWords {
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

/** Reads a command of PowerShell 7.3 or later, which passes quotes within a word on as they are. */
export function powerShellWords(text: string): ShellWords {
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
