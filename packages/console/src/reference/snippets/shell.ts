import type { TextPart } from '../secret-names';

const PLAIN = /^[\w./:@%+=,-]+$/;
/** Text without characters that have a meaning inside double quotes. */
const FIT_FOR_DOUBLE_QUOTES = /^[^"$`\\!]*$/;

/** Formats a word of a POSIX shell's command line, with variables in place of secrets. */
export function shellWord(parts: readonly TextPart[]): string {
  const literal = parts.filter((part) => typeof part === 'string').join('');
  if (parts.every((part) => typeof part === 'string')) return PLAIN.test(literal) ? literal : singleQuoted(literal);
  if (FIT_FOR_DOUBLE_QUOTES.test(literal))
    return `"${parts.map((part, index) => (typeof part === 'string' ? part : variable(part, parts[index + 1]))).join('')}"`;
  return parts.map((part) => (typeof part === 'string' ? singleQuoted(part) : `"${variable(part)}"`)).join('');
}

/** Formats a word without secrets. */
export function shellText(text: string): string {
  return shellWord(text === '' ? [] : [text]) || "''";
}

function variable({ variable: name, encoding }: Exclude<TextPart, string>, next?: TextPart): string {
  if (encoding === 'base64') return `$(printf %s "$${name}" | base64 | tr -d '\\n')`;
  return typeof next === 'string' && /^\w/.test(next) ? `\${${name}}` : `$${name}`;
}

function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
