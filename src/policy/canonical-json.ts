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
 * Returns the only spelling of a value that evidence accepts: JSON without spaces in ASCII, where all other characters
 * are `\u` escapes in lower case. Members stay in the order of the object; those that are undefined are left out.
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
