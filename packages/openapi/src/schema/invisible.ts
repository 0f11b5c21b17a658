/**
 * Characters that steer a terminal or an editor, or that a reader does not see: controls, formats (among them those that
 * turn the direction of writing), separators of lines, unassigned and private ones, lone surrogates.
 */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** A character of a pattern, with the backslash in front of it. */
const PATTERN_CHARACTER = /\\?[^]/gu;

/** Text without invisible characters, for a comment. Line breaks and tabs become blanks. */
export function withoutInvisible(text: string): string {
  return text.replace(/[\n\r\t]/g, ' ').replace(INVISIBLE, '');
}

/** Text of a literal, with an escape in place of each invisible character; nothing else is escaped. */
export function withEscapes(text: string): string {
  return text.replace(INVISIBLE, escaped);
}

/** A pattern that means the same, with an escape in place of each invisible character. */
export function escapeInvisible(pattern: string): string {
  return pattern.replace(PATTERN_CHARACTER, (token) => {
    const character = token.length > 1 && token.startsWith('\\') ? token.slice(1) : token;
    return character.search(INVISIBLE) < 0 ? token : escaped(character);
  });
}

function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
