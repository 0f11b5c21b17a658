/** A number as written in JSON or by a database. A JavaScript number could be rounded to the ID of another person. */
export class JsonNumber {
  constructor(readonly text: string) {}

  /** The digits of a whole number, or undefined if it has a fraction or an exponent. */
  get digits(): string | undefined {
    return /^-?\d+$/.test(this.text) && this.text !== '-0' ? this.text : undefined;
  }
}

/** An object in a JSON text has a duplicate key. Parsers differ in which value they use. */
export class RepeatedKeyError extends Error {
  override readonly name = 'RepeatedKeyError';
}

/** Matches strings, punctuation, and everything between: numbers, true, false and null. */
const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*"?|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * Parses one JSON object or list like JSON.parse, but returns numbers directly inside it as {@link JsonNumber}.
 * JSON.parse decides what is valid; the text is searched only for what JSON.parse does not report: how a number was
 * written, and duplicate keys. Parsers that keep numbers are several times slower and accept duplicate keys with equal
 * values.
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
