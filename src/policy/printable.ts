/** Controls (C0, C1), format and direction controls, line and paragraph separators, halves of surrogate pairs. */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const REPLACEMENT = '\ufffd';

/**
 * Returns text from outside in a form that is safe on one line of a terminal or a page: every character that would
 * control the terminal, reorder the text around it, or start another line becomes U+FFFD.
 */
export function printable(text: string): string {
  return text.replace(STEERING, REPLACEMENT);
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text.replace(STEERING, (character) => (character === '\n' ? character : REPLACEMENT));
}

/** Returns JSON with the same characters as `\u` escapes, which change no value. Line breaks between values stay. */
export function escapedJson(json: string): string {
  return json.replace(STEERING, (character) => (character === '\n' ? character : unicodeEscapes(character)));
}

function unicodeEscapes(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}

/** Returns a word of a command line in the form in which a shell reads it; zsh takes one that begins with `=` for a command. */
export function quoted(text: string): string {
  return /^(?!=)[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
