/** A number as a JSON text or a database writes it. JavaScript's own would be rounded, to the ID of another person. */
export class JsonNumber {
  constructor(readonly text: string) {}

  /** The digits of a whole number that is written plainly; undefined for one with a fraction or an exponent. */
  get digits(): string | undefined {
    return /^-?\d+$/.test(this.text) && this.text !== '-0' ? this.text : undefined;
  }
}

/** A JSON text whose objects have a key twice: readers differ in which of them counts. */
export class RepeatedKeyError extends Error {
  override readonly name = 'RepeatedKeyError';
}

/** Strings, punctuation, and everything between: numbers and the words true, false and null. */
const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*"?|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * Parses the text of one JSON object or list as JSON.parse does, with numbers directly inside it as {@link JsonNumber}.
 * JSON.parse decides what is JSON; the text is only searched for what JSON.parse does not tell: how a number was written,
 * and that a key stands twice. Parsers that keep numbers are slower by a multiple and let equal values of one key pass.
 *
 * @throws SyntaxError
 * @throws RepeatedKeyError
 */
export function parseExactly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return value;
  const keys: (Set<string> | undefined)[] = [];
  let key: string | undefined;
  let index = 0;
  const tokens = [...text.matchAll(TOKEN)].map(([token]) => token);
  for (const [at, token] of tokens.entries()) {
    if (token === '{') keys.push(new Set());
    else if (token === '[') keys.push(undefined);
    else if (token === '}' || token === ']') keys.pop();
    else if (token === ',' && keys.length === 1) index += 1;
    else if (token.startsWith('"') && tokens[at + 1] === ':') {
      const name = JSON.parse(token) as string;
      const seen = keys.at(-1);
      if (seen?.has(name)) throw new RepeatedKeyError();
      seen?.add(name);
      if (keys.length === 1) key = name;
    } else if (keys.length === 1 && /^[-\d]/.test(token)) {
      const number = new JsonNumber(token);
      if (Array.isArray(value)) value[index] = number;
      else if (key !== undefined && Object.hasOwn(value, key)) (value as Record<string, unknown>)[key] = number;
    }
  }
  return value;
}
