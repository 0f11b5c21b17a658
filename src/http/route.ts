import { InvalidInputError } from '../tasks/parse-input';

/**
 * Encodes a value as exactly one path segment: its slashes, question marks and percent signs cannot change the route.
 * Refuses the empty string and the two dot segments, because servers and proxies resolve those to another route however
 * they are encoded.
 *
 * @throws InvalidInputError that names the field.
 */
export function encodeSegment(what: string, field: string, text: string): string {
  const refusal =
    text === ''
      ? 'must not be empty: it is part of the URL'
      : text === '.' || text === '..'
        ? 'must not be "." or "..", which would change the route'
        : /\p{Surrogate}/u.test(text)
          ? 'must be well-formed Unicode; it contains an unpaired surrogate'
          : undefined;
  if (refusal !== undefined) throw new InvalidInputError(what, [{ field, message: refusal }]);
  return encodeURIComponent(text);
}
