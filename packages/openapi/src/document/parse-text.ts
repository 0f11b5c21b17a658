import {
  CORE_SCHEMA,
  defineScalarTag,
  FAILSAFE_SCHEMA,
  floatCoreTag,
  intCoreTag,
  load,
  mergeTag,
  NOT_RESOLVED,
  YAMLException,
} from 'js-yaml';
import { parse } from 'lossless-json';
import { repeatedKeyAt } from 'temporal-http-tasks/internal/tasks/json-keys';
import { OpenApiError } from './openapi-error';
import { MAX_DEPTH } from './tame';

/** Larger documents are refused before they are parsed. Microsoft Graph, the largest in wide use, has 35 MB. */
export const MAX_BYTES = 40 * 1024 * 1024;

/** Whole numbers with a zero in front: 8 for YAML 1.1 and 10 for YAML 1.2 where it says 010. */
export const LEADING_ZERO = /^[-+]?0\d+$/;

/**
 * YAML's JSON-like values and `<<`; nothing that would make dates, bytes or code. A number with a leading zero is a text:
 * nearly always it is a code whose digits count.
 */
const SCHEMA = CORE_SCHEMA.withTags(exactly(intCoreTag), exactly(floatCoreTag), mergeTag);

/**
 * Reads JSON or YAML text. A whole number beyond 2^53 is a bigint. The result is not yet safe to walk: see `tame`.
 *
 * @throws OpenApiError with line and column.
 */
export function parseText(text: string, maxBytes = MAX_BYTES): unknown {
  // No character has more than three bytes for each of its UTF-16 units, so that most texts need not be counted.
  if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes) refuseSize(maxBytes);
  const plain = text.replace(/^\ufeff/, '');
  if (!/^\s*[{[]/.test(plain)) return parseYaml(plain);
  try {
    return parseJson(plain);
  } catch (error) {
    if (error instanceof OpenApiError) throw error;
    // YAML has braces, too; what is neither was most likely intended as JSON.
    return orUndefined(() => parseYaml(plain)) ?? refuseJson(plain, error);
  }
}

/** @throws OpenApiError always. */
export function refuseSize(maxBytes: number): never {
  throw new OpenApiError(
    '',
    `has more than ${Math.floor(maxBytes / 1024 / 1024)} MB; leave out what you do not need, or raise maxBytes`,
  );
}

function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const repeated = repeatedKeyAt(text);
  // As YAML is refused with one.
  if (repeated !== undefined)
    throw new OpenApiError(placeAt(text, repeated), 'is a second key of this name in one object');
  // The slower parser is for documents that have such numbers.
  return holdsRounded(value)
    ? parse(text, undefined, { parseNumber: numberIn, onDuplicateKey: ({ newValue }) => newValue })
    : value;
}

function placeAt(text: string, position: number): string {
  const before = text.slice(0, position).split('\n');
  return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}

function holdsRounded(value: unknown): boolean {
  const left: unknown[] = [value];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next === 'number' && isRounded(next)) return true;
    if (typeof next !== 'object' || next === null) continue;
    for (const inner of Object.values(next))
      if (typeof inner === 'number' || (typeof inner === 'object' && inner !== null)) left.push(inner);
  }
  return false;
}

function isRounded(value: number): boolean {
  return !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
}

/** Digits, decimals and exponent of a number; hexadecimal and octal ones of YAML are read as they are. */
const DECIMAL = /^([-+]?)(\d+)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/;
/** The largest exponent of a whole number that is kept. */
const MAX_EXPONENT = 400;

/** A number, or the bigint of a whole one that JavaScript would round. */
function numberIn(literal: string): number | bigint {
  const value = Number(literal);
  if (!isRounded(value)) return value;
  if (/^0[xo]/.test(literal)) return BigInt(literal);
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(literal) ?? [];
  const zeros = Number(exponent) - fraction.length;
  if (whole === '' || zeros < 0 || zeros > MAX_EXPONENT) return value;
  return BigInt(`${sign === '-' ? '-' : ''}${whole}${fraction}${'0'.repeat(zeros)}`);
}

/** The tag with a bigint for each whole number that it would round. */
function exactly(tag: typeof intCoreTag): typeof intCoreTag {
  const resolve: typeof tag.resolve = (source, isExplicit, tagName) => {
    if (!isExplicit && LEADING_ZERO.test(source)) return NOT_RESOLVED;
    const value = tag.resolve(source, isExplicit, tagName);
    return typeof value === 'number' && isRounded(value) ? (numberIn(source) as number) : value;
  };
  return defineScalarTag(tag.tagName, { ...tag, resolve });
}

/** The same without numbers, truth values and null. */
const TEXTS = FAILSAFE_SCHEMA.withTags(mergeTag);

/** Where a schema of a text has values of it. */
const VALUES = ['enum', 'const', 'default'] as const;

type Tree = Record<string, unknown>;

/** Returns whether a schema takes texts only, in whose place `1.10` is four characters and no number. */
function isOfTexts({ type }: Tree): boolean {
  return type === 'string' || (Array.isArray(type) && type.every((one) => one === 'string' || one === 'null'));
}

/**
 * Gives numbers among the values of texts their digits back: `enum: [1.10]` is the version 1.10, not 1.1.
 *
 * @param texts Reads the same document with texts only; called if there are such numbers.
 */
function keepDigits(root: unknown, texts: () => unknown): void {
  const found = new Set<Tree>();
  eachObject(root, undefined, (object) => {
    const isNumber = (value: unknown): boolean => typeof value === 'number';
    if (isOfTexts(object) && VALUES.some((key) => [object[key]].flat().some(isNumber))) found.add(object);
  });
  if (found.size === 0) return;
  eachObject(root, texts(), (object, written) => {
    if (!found.has(object)) return;
    const textOf = (value: unknown, own: unknown): unknown =>
      typeof value === 'number' && typeof own === 'string' ? own : value;
    for (const key of VALUES) {
      const [value, own] = [object[key], written?.[key]];
      if (Array.isArray(value) && Array.isArray(own)) object[key] = value.map((one, at) => textOf(one, own[at]));
      else if (value !== undefined) object[key] = textOf(value, own);
    }
  });
}

/** Calls for every object of a tree, with what another tree has in its place. */
function eachObject(root: unknown, other: unknown, visit: (object: Tree, other: Tree | undefined) => void): void {
  const seen = new Set<unknown>();
  const left: [unknown, unknown][] = [[root, other]];
  for (let next = left.pop(); next; next = left.pop()) {
    const [value, its] = next;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    const same = (typeof its === 'object' && its !== null ? its : {}) as Tree;
    if (!Array.isArray(value)) visit(value as Tree, same);
    for (const [key, inner] of Object.entries(value)) if (typeof inner === 'object') left.push([inner, same[key]]);
  }
}

function parseYaml(text: string): unknown {
  const limits = { maxDepth: MAX_DEPTH, maxAliases: 10_000 };
  try {
    const value = load(text, { schema: SCHEMA, ...limits });
    keepDigits(value, () => load(text, { schema: TEXTS, ...limits }));
    return value;
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { reason, mark } = error;
    throw new OpenApiError(
      mark ? `line ${mark.line + 1}, column ${mark.column + 1}` : '',
      mark ? `is not YAML: ${reason}` : `cannot be read as YAML: ${reason}`,
    );
  }
}

function refuseJson(text: string, error: unknown): never {
  const message = error instanceof Error ? error.message : '';
  const position = Number(/ at position (\d+)/.exec(message)?.[1] ?? text.length);
  throw new OpenApiError(placeAt(text, position), 'is not JSON');
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
