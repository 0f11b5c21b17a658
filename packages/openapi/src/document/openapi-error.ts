/** A document cannot be read or used. Says where: a JSON pointer, or a line. */
export class OpenApiError extends Error {
  override readonly name = 'OpenApiError';
  /** `#/paths/~1users/get`, or `line 3, column 7`; empty for the document as a whole. */
  readonly place: string;

  constructor(place: string, problem: string) {
    super(place === '' ? `The document ${problem}.` : `The document at ${place}: ${problem}.`);
    this.place = place;
  }
}

/** A JSON pointer as a fragment, for people and for `$ref`. */
export function pointerOf(keys: readonly string[]): string {
  return `#${keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`;
}
