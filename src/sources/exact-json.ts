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
 * Parses one JSON object or list like JSON.parse, but returns numbers directly inside it, or in a list directly inside it,
 * as {@link JsonNumber}.
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
  /** The positions in the list itself, and in a list inside it. */
  const indexes = [0, 0];
  const tokens = [...text.matchAll(TOKEN)].map(([token]) => token);
  for (const [at, token] of tokens.entries()) {
    const depth = keys.length;
    if (token === '{' || token === '[') {
      keys.push(token === '{' ? new Set() : undefined);
      if (depth === 1) indexes[1] = 0;
    } else if (token === '}' || token === ']') keys.pop();
    else if (token === ',') indexes[depth - 1] = (indexes[depth - 1] ?? 0) + 1;
    else if (token.startsWith('"') && tokens[at + 1] === ':') {
      const name = JSON.parse(token) as string;
      const seen = keys.at(-1);
      if (seen?.has(name)) throw new RepeatedKeyError();
      seen?.add(name);
      if (depth === 1) key = name;
    } else if (/^[-\d]/.test(token)) {
      const place = Array.isArray(value) ? indexes[0] : key;
      if (depth === 1) replace(value, place, token);
      else if (depth === 2 && keys[1] === undefined) replace(ownValue(value, place), indexes[1], token);
    }
  }
  return value;
}

function ownValue(value: object, name: string | number | undefined): unknown {
  return name !== undefined && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

function replace(value: unknown, name: string | number | undefined, token: string): void {
  if (typeof value !== 'object' || value === null || name === undefined || !Object.hasOwn(value, name)) return;
  (value as Record<string, unknown>)[name] = new JsonNumber(token);
}
