import { LosslessNumber, parse, stringify } from 'lossless-json';
import type { z } from 'zod';
import { isExactNumber, isExactNumberSchema, isNumberText } from '../tasks/exact-number';
import { repeatedKeyAt } from '../tasks/json-keys';
import { isWrapper } from '../tasks/parse-input';

export { isExactNumber, WRITE_AS_TEXT } from '../tasks/exact-number';

/**
 * Numbers with an exponent, or with so many decimals that JavaScript may round them. Also matches inside strings, such as
 * IDs in hex, which only costs a slower parser.
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

/** A parsed text that may contain numbers which JavaScript would change. */
export interface BothWays {
  value: unknown;
  /** The value with such numbers as rounded, finite numbers, which shows whether a schema takes numbers in their place. */
  rounded?: unknown;
  /** An object has a key twice with different values, of which `value` contains the last. */
  isAmbiguous?: true;
}

/** Like {@link parseKeepingDigits}; also returns what the value alone does not show. */
export function parseBothWays(text: string): BothWays {
  const value: unknown = JSON.parse(text);
  const contents = contentsOf(value);
  const ambiguous = isAmbiguous(text, value, contents) ? { isAmbiguous: true as const } : undefined;
  if (!mayBeRounded(text, contents)) return { value, ...ambiguous };
  let isRounded = false;
  const rounded = parseAgain(text, value, (literal) => {
    isRounded = true;
    return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, Number(literal)));
  });
  return isRounded
    ? { value: parseAgain(text, value, (literal) => literal), rounded, ...ambiguous }
    : { value, ...ambiguous };
}

/** Like {@link parseKeepingDigits}, with an {@link ExactNumber} in place of each such number. */
export function parseWithExactNumbers(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return mayBeRounded(text, contentsOf(value)) ? parseAgain(text, value, (literal) => new ExactNumber(literal)) : value;
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
export function parseNotingNumbers(text: string): { value: unknown; inexact?: InexactNumber } {
  const value: unknown = JSON.parse(text);
  if (!mayBeRounded(text, contentsOf(value))) return { value };
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

/** @param onDifference Called for each key that has a different value than before. */
function parseAgain(
  text: string,
  value: unknown,
  inexact: (literal: string) => unknown,
  onDifference?: () => void,
): unknown {
  try {
    return parse(text, undefined, {
      parseNumber: (literal) => (isExactNumber(literal) ? Number(literal) : inexact(literal)),
      // Same behaviour as JSON.parse, which has accepted the text.
      onDuplicateKey: ({ newValue }) => {
        onDifference?.();
        return newValue;
      },
    });
  } catch (error) {
    // Nested too deeply for a recursive parser; the caller enforces its own depth limit.
    if (error instanceof RangeError) return value;
    throw error;
  }
}

/** What a value contains that decides whether its text has to be parsed again. */
interface Contents {
  /** Whether there are numbers, and any that is not an integer up to 2^53. */
  numbers: 'none' | 'safe' | 'unsafe';
  /** Number of keys in all objects. */
  keys: number;
}

function mayBeRounded(text: string, { numbers }: Contents): boolean {
  return numbers === 'unsafe' || (numbers === 'safe' && MAY_BE_ROUNDED.test(text));
}

/** A text without repeated keys is recognized by their number, so that few texts are read again. */
function isAmbiguous(text: string, value: unknown, { keys }: Contents): boolean {
  if (quotesBeforeColons(text) === keys || repeatedKeyAt(text) === undefined) return false;
  let differs = false;
  parseAgain(
    text,
    value,
    (literal) => literal,
    () => (differs = true),
  );
  return differs;
}

/** Returns the number of keys in a JSON text, or more if such characters are inside strings. */
function quotesBeforeColons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    let before = at - 1;
    while (text.charCodeAt(before) <= SPACE) before -= 1;
    if (text.charCodeAt(before) === QUOTE) count += 1;
  }
  return count;
}

const SPACE = 0x20;
const QUOTE = 0x22;

function contentsOf(value: unknown): Contents {
  const left: unknown[] = [value];
  let numbers: Contents['numbers'] = 'none';
  let keys = 0;
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'number') {
      if (!Number.isSafeInteger(next)) numbers = 'unsafe';
      else if (numbers === 'none') numbers = 'safe';
    }
    if (typeof next !== 'object' || next === null) continue;
    const entries: unknown[] = Array.isArray(next) ? next : Object.values(next);
    if (entries !== next) keys += entries.length;
    for (const inner of entries) if (typeof inner === 'number' || typeof inner === 'object') left.push(inner);
  }
  return { numbers, keys };
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

/** Whether a value contains a string that may represent a number. Most inputs do not and are sent unchanged. */
function hasNumberText(value: unknown): boolean {
  if (typeof value === 'string') return isNumberText(value);
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return false;
  for (const inner of Object.values(value))
    if ((typeof inner === 'string' || typeof inner === 'object') && hasNumberText(inner)) return true;
  return false;
}

/**
 * Replaces each string that the schema accepts as a number by an exact number, so that all digits are sent. A string
 * stays a string if the schema accepts strings there too, or says nothing.
 *
 * @param value A value that the schema has accepted.
 */
export function withExactNumbers(schema: z.core.$ZodType, value: unknown): unknown {
  if (!hasNumberText(value)) return value;
  const places: Places = new Map();
  visit(schema, value, '', places);
  return replaced(value, '', places);
}

/**
 * Replaces each {@link ExactNumber} by a string, the form that a task's input uses.
 *
 * @returns The value, and the path of the first number in it that the schema would not send as a number.
 */
export function withNumberTexts(schema: z.core.$ZodType, value: unknown): { value: unknown; refused?: string } {
  const texts = textsIn(value);
  if (texts === value) return { value };
  const refused = pathOfOther(value, withExactNumbers(schema, texts), []);
  return { value: texts, ...(refused && { refused: refused.join('.') }) };
}

/** How the schema reads the strings of a value, by their paths. A path that is read in both ways is a text. */
type Places = Map<string, 'number' | 'text'>;

/** Returns the path of an inner value, escaped so that different keys never give the same path. */
function below(path: string, key: string | number): string {
  return `${path}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function visit(schema: z.core.$ZodType, value: unknown, path: string, places: Places): void {
  if (!hasNumberText(value)) return;
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (isExactNumberSchema(schema)) {
    if (typeof value === 'string' && !places.has(path)) places.set(path, 'number');
    return;
  }
  switch (def.type) {
    case 'string':
    case 'enum':
    case 'literal':
    case 'template_literal':
      places.set(path, 'text');
      return;
    case 'object':
      for (const [key, inner] of entriesOf(value)) {
        const field = Object.hasOwn(def.shape, key) ? def.shape[key] : def.catchall;
        if (field) visit(field, inner, below(path, key), places);
      }
      return;
    case 'record':
      for (const [key, inner] of entriesOf(value)) visit(def.valueType, inner, below(path, key), places);
      return;
    case 'array':
      for (const [key, inner] of entriesOf(value)) visit(def.element, inner, below(path, key), places);
      return;
    case 'tuple':
      for (const [key, inner] of entriesOf(value)) {
        const item = def.items[Number(key)] ?? def.rest;
        if (item) visit(item, inner, below(path, key), places);
      }
      return;
    case 'union':
      for (const option of def.options)
        if ((option as z.ZodType).safeParse(value).success) visit(option, value, path, places);
      return;
    case 'intersection':
      visit(def.left, value, path, places);
      visit(def.right, value, path, places);
      return;
    case 'lazy':
      visit((schema as z.core.$ZodLazy)._zod.innerType, value, path, places);
      return;
    case 'pipe':
      visit(def.in, value, path, places);
      return;
    default:
      if (isWrapper(def)) visit(def.innerType, value, path, places);
  }
}

function replaced(value: unknown, path: string, places: Places): unknown {
  if (typeof value === 'string') return places.get(path) === 'number' ? new ExactNumber(value) : value;
  return mapped(value, (key, inner) => replaced(inner, below(path, key), places));
}

function textsIn(value: unknown): unknown {
  return value instanceof ExactNumber ? value.toString() : mapped(value, (_, inner) => textsIn(inner));
}

/** Returns the first path at which one value has an exact number and the other does not. */
function pathOfOther(value: unknown, other: unknown, path: readonly string[]): readonly string[] | undefined {
  if (value instanceof ExactNumber) return other instanceof ExactNumber ? undefined : path;
  for (const [key, inner] of entriesOf(value)) {
    const found = pathOfOther(inner, (other as Readonly<Record<string, unknown>>)[key], [...path, key]);
    if (found) return found;
  }
  return undefined;
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

/** Maps the entries of an object or list; returns the same object if none of them changes. */
function mapped(value: unknown, change: (key: string, inner: unknown) => unknown): unknown {
  const entries = entriesOf(value).map(([key, inner]) => [key, change(key, inner), inner] as const);
  if (entries.every(([, changed, inner]) => changed === inner)) return value;
  return Array.isArray(value) ? entries.map(([, changed]) => changed) : Object.fromEntries(entries);
}
