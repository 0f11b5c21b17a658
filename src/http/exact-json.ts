import { LosslessNumber, parse, stringify } from 'lossless-json';
import { isExactNumber } from '../tasks/exact-number';

export { isExactNumber, WRITE_AS_TEXT } from '../tasks/exact-number';

/**
 * Numbers with an exponent, or with so many decimals that JavaScript may round them. Also matches inside strings, which
 * only costs a slower parser.
 */
const MAY_BE_ROUNDED = /\d[eE][-+]?\d|\.\d{10}/;

/**
 * Parses JSON without changing any number: a number that JavaScript cannot represent, such as the ID
 * 7615917337495251231, becomes a string of its digits. Integers beyond 2^53 always do, so that all IDs of a list have
 * the same type.
 *
 * @throws SyntaxError if the text is not JSON; the message may quote the text.
 */
export function parseKeepingDigits(text: string): unknown {
  return parseBothWays(text).value;
}

/**
 * Like {@link parseKeepingDigits}. If the text contains such numbers, also returns the value with them as rounded,
 * finite numbers, which shows whether a schema takes numbers in their place.
 */
export function parseBothWays(text: string): { value: unknown; rounded?: unknown } {
  const value: unknown = JSON.parse(text);
  if (!mayBeRounded(text, value)) return { value };
  let isRounded = false;
  const rounded = parseAgain(text, value, (literal) => {
    isRounded = true;
    return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, Number(literal)));
  });
  return isRounded ? { value: parseAgain(text, value, (literal) => literal), rounded } : { value };
}

/** Like {@link parseKeepingDigits}, with an {@link ExactNumber} in place of each such number. */
export function parseWithExactNumbers(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return mayBeRounded(text, value) ? parseAgain(text, value, (literal) => new ExactNumber(literal)) : value;
}

/** A number in a JSON text that JavaScript would change. */
export interface InexactNumber {
  /** Its path, for example `body.ids.0`; empty for the text as a whole. */
  path: string;
}

/**
 * Parses JSON that a person wrote.
 *
 * @returns The value, and the first number in it that JavaScript would change.
 * @throws SyntaxError if the text is not JSON; the message may quote the text.
 */
export function parseWatchingNumbers(text: string): { value: unknown; inexact?: InexactNumber } {
  const value: unknown = JSON.parse(text);
  if (!mayBeRounded(text, value)) return { value };
  const path = pathOf(
    parseAgain(text, value, () => MARK),
    (one) => one === MARK,
    [],
  );
  return { value, ...(path && { inexact: { path: path.join('.') } }) };
}

/**
 * Returns the path of an integer beyond 2^53, for example `body.id`; undefined if there is none. Its original digits
 * may already be lost, so it must not be sent.
 */
export function pathOfUnsafeInteger(value: unknown): string | undefined {
  return pathOf(
    value,
    (one) => typeof one === 'number' && Number.isInteger(one) && !Number.isSafeInteger(one),
    [],
  )?.join('.');
}

/**
 * A number in a request that is sent with its own digits. Serialize it with {@link jsonText}; JSON.stringify refuses
 * it.
 */
export class ExactNumber extends LosslessNumber {
  toJSON(): never {
    throw new NeedsDigits();
  }
}

class NeedsDigits extends Error {
  override readonly name = 'NeedsDigits';
}

/** Serializes JSON with every {@link ExactNumber} as a number. As fast as JSON.stringify if there is none. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof NeedsDigits)) throw error;
    return stringify(value) ?? '';
  }
}

const MARK = Symbol('inexact');

function parseAgain(text: string, value: unknown, inexact: (literal: string) => unknown): unknown {
  try {
    return parse(text, undefined, {
      parseNumber: (literal) => (isExactNumber(literal) ? Number(literal) : inexact(literal)),
      // Same behaviour as JSON.parse, which has accepted the text.
      onDuplicateKey: ({ newValue }) => newValue,
    });
  } catch (error) {
    // Nested too deeply for a recursive parser; the caller enforces its own depth limit.
    if (error instanceof RangeError) return value;
    throw error;
  }
}

function mayBeRounded(text: string, value: unknown): boolean {
  return MAY_BE_ROUNDED.test(text) || containsUnsafeNumber(value);
}

function containsUnsafeNumber(value: unknown): boolean {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'number' && !Number.isSafeInteger(next)) return true;
    if (typeof next !== 'object' || next === null) continue;
    for (const inner of Object.values(next))
      if (typeof inner === 'number' || typeof inner === 'object') left.push(inner);
  }
  return false;
}

function pathOf(
  value: unknown,
  isWanted: (value: unknown) => boolean,
  path: readonly string[],
): readonly string[] | undefined {
  if (isWanted(value)) return path;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner !== 'object' && typeof inner !== 'number' && typeof inner !== 'symbol') continue;
    const found = pathOf(inner, isWanted, [...path, key]);
    if (found) return found;
  }
  return undefined;
}
