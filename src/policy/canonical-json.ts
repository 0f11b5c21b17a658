/** A value that {@link canonicalJson} can write. Numbers are whole. */
export type CanonicalValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue };

/**
 * Returns the only spelling of a value that evidence accepts: ASCII JSON without spaces, with all other characters as
 * lower-case `\u` escapes. Members stay in the order of the object; undefined ones are left out.
 *
 * @throws RangeError for a number that is not a safe integer, because it has more than one spelling.
 */
export function canonicalJson(value: CanonicalValue): string {
  const json = JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member === 'number' && !Number.isSafeInteger(member))
      throw new RangeError(`${member} is not a whole number that JSON can express exactly.`);
    return Object.is(member, -0) ? 0 : member;
  });
  return json.replace(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
