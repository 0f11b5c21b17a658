import { InvalidInputError } from '../tasks/parse-input';

/**
 * Encodes a value so that it is exactly one segment of a path: no slash, question mark or percent sign of it reaches
 * the route. The empty text and the two dot segments are refused: servers and proxies resolve those to another route,
 * however they are encoded.
 *
 * @throws InvalidInputError that names the field.
 */
export function encodeSegment(what: string, field: string, text: string): string {
  const refusal =
    text === ''
      ? 'must not be empty: it is part of the URL'
      : text === '.' || text === '..'
        ? 'cannot stand in a URL, where it would lead to another route'
        : /\p{Surrogate}/u.test(text)
          ? 'must be well-formed Unicode; it holds half of a surrogate pair'
          : undefined;
  if (refusal !== undefined) throw new InvalidInputError(what, [{ field, message: refusal }]);
  return encodeURIComponent(text);
}
