import { z } from 'zod';

/**
 * Limits of a number, by the names of JSON Schema's keywords or zod's methods. A whole number beyond 2^53 is the text
 * of its digits.
 */
export interface NumberLimits {
  whole?: boolean;
  min?: number | string;
  max?: number | string;
  gt?: number | string;
  lt?: number | string;
  multipleOf?: number | string;
  /** The only values that are allowed. */
  values?: readonly (number | string)[];
}

const LITERAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
/**
 * Maximum length of the text of a number, in characters, and its largest exponent; beyond them comparing takes long.
 */
const MAX_TEXT = 100;
const MAX_EXPONENT = 400;

/** Marks schemas that {@link exactNumber} made, also in another copy of this module. */
const MARK = Symbol.for('temporal-http-tasks.exactNumber');

/** What to do about a number that would be changed, for messages that name its field. */
export const WRITE_AS_TEXT =
  'is a number that would be rounded (more than 15 digits or too large); write its digits as a text in quotes; a field that is described as a number is sent as a number';

/**
 * The schema of a number in a task's input: a number, or the text of its digits where JavaScript would change it
 * (`"7615917337495251231"`). The task sends such a text as a number, digit by digit; a response has it in the same form.
 * A text that JavaScript can represent as a number is refused, so that each number has one form only.
 */
export function exactNumber(limits: NumberLimits = {}): z.ZodType<number | string, number | string> {
  const number = numberWithin(limits);
  const hasTexts = Object.values(limits).some((limit) => typeof limit === 'string');
  const checked = z.any().check((payload) => {
    const value: unknown = payload.value;
    if (typeof value === 'string' && isNumberText(value)) {
      const message = whyNotWithin(limits, value);
      if (message !== undefined) payload.issues.push({ code: 'custom', message, input: value });
      return;
    }
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      payload.issues.push({ code: 'custom', message: WRITE_AS_TEXT, input: value });
      return;
    }
    // Part of the message, with the digits of the limit.
    const beyond = typeof value === 'number' && hasTexts ? whyNotWithin(limits, String(value)) : undefined;
    if (beyond !== undefined) {
      payload.issues.push({ code: 'custom', message: beyond, input: value });
      return;
    }
    const parsed = number.safeParse(value);
    if (!parsed.success)
      payload.issues.push(...parsed.error.issues.map((issue) => ({ ...issue, input: value }) as z.core.$ZodRawIssue));
  });
  const schema = checked.meta(jsonSchemaOf(limits));
  Object.defineProperty(schema._zod.def, MARK, { value: true });
  return schema;
}

/** Returns whether a schema was made by {@link exactNumber}. */
export function isExactNumberSchema(schema: z.core.$ZodType): boolean {
  return MARK in schema._zod.def;
}

/** Returns whether JavaScript reads and writes a number's text without changing it; whole numbers only up to 2^53. */
export function isExactNumber(literal: string): boolean {
  if (!LITERAL.test(literal)) return false;
  const value = Number(literal);
  if (!Number.isFinite(value)) return false;
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false;
  return canonical(literal) === canonical(String(value));
}

/** Returns whether a text is what a response has instead of a number that JavaScript would change. */
export function isNumberText(text: string): boolean {
  // Most texts are not numbers and fail at their first characters.
  return (
    text.length <= MAX_TEXT &&
    JSON_NUMBER.test(text) &&
    Math.abs(exponentOf(text)) <= MAX_EXPONENT &&
    !isExactNumber(text)
  );
}

/** Returns sign, digits without leading and trailing zeros, and the power of ten: equal for texts of equal numbers. */
function canonical(literal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = LITERAL.exec(literal) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return `${sign}${digits.slice(0, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}

function exponentOf(text: string): number {
  return Number(/[eE]([-+]?\d+)$/.exec(text)?.[1] ?? 0);
}

/** Returns the schema of numbers that JavaScript can represent, within these limits. */
export function numberWithin({ whole, min, max, gt, lt, multipleOf, values }: NumberLimits): z.ZodType<number, number> {
  // A limit beyond 2^53 may be rounded here, since the numbers that are compared with it are smaller.
  if (values) return z.literal<readonly number[]>(values.map(Number));
  let schema: z.ZodNumber = whole ? z.int() : z.number();
  if (min !== undefined) schema = schema.min(Number(min));
  if (max !== undefined) schema = schema.max(Number(max));
  if (gt !== undefined) schema = schema.gt(Number(gt));
  if (lt !== undefined) schema = schema.lt(Number(lt));
  return multipleOf === undefined ? schema : schema.multipleOf(Number(multipleOf));
}

/** Compares digits, since the number itself cannot be represented. */
function whyNotWithin({ whole, min, max, gt, lt, multipleOf, values }: NumberLimits, text: string): string | undefined {
  const value = decimalOf(text);
  if (values)
    return values.some((one) => isValue(one, text)) ? undefined : `allowed: ${values.map(digitsOf).join(', ')}`;
  if (whole && value.exponent < 0) return 'must be a whole number';
  if (min !== undefined && compare(value, decimalOf(digitsOf(min))) < 0) return `must be at least ${digitsOf(min)}`;
  if (gt !== undefined && compare(value, decimalOf(digitsOf(gt))) <= 0) return `must be more than ${digitsOf(gt)}`;
  if (max !== undefined && compare(value, decimalOf(digitsOf(max))) > 0) return `must be at most ${digitsOf(max)}`;
  if (lt !== undefined && compare(value, decimalOf(digitsOf(lt))) >= 0) return `must be less than ${digitsOf(lt)}`;
  if (multipleOf !== undefined && remainder(value, decimalOf(digitsOf(multipleOf))) !== 0n)
    return `must be a multiple of ${digitsOf(multipleOf)}`;
  return undefined;
}

/** A number beyond 2^53 among the values is rounded already. */
function isValue(value: number | string, text: string): boolean {
  return typeof value === 'number' ? value === Number(text) : canonical(value) === canonical(text);
}

function digitsOf(value: number | string): string {
  if (typeof value === 'string') return value;
  return Number.isInteger(value) ? BigInt(value).toString() : String(value);
}

/** Digits and a power of ten, without zeros at the end of the digits. */
interface Decimal {
  digits: bigint;
  exponent: number;
}

function decimalOf(text: string): Decimal {
  const [, sign = '', digits = '0', exponent = '0'] = /^(-?)(\d+)e(-?\d+)$/.exec(canonical(text)) ?? [];
  return { digits: BigInt(`${sign}${digits}`), exponent: Number(exponent) };
}

function aligned(a: Decimal, b: Decimal): [bigint, bigint] {
  const exponent = Math.min(a.exponent, b.exponent);
  return [a.digits * 10n ** BigInt(a.exponent - exponent), b.digits * 10n ** BigInt(b.exponent - exponent)];
}

function compare(a: Decimal, b: Decimal): number {
  const [left, right] = aligned(a, b);
  return left < right ? -1 : left > right ? 1 : 0;
}

function remainder(a: Decimal, b: Decimal): bigint {
  const [left, right] = aligned(a, b);
  return right === 0n ? 0n : left % right;
}

function jsonSchemaOf({ whole, min, max, gt, lt, multipleOf, values }: NumberLimits): Record<string, unknown> {
  return {
    type: [whole ? 'integer' : 'number', 'string'],
    ...(values && {
      enum: values.map((value) => (Number.isInteger(value) && !Number.isSafeInteger(value) ? digitsOf(value) : value)),
    }),
    ...(min !== undefined && { minimum: Number(min) }),
    ...(max !== undefined && { maximum: Number(max) }),
    ...(gt !== undefined && { exclusiveMinimum: Number(gt) }),
    ...(lt !== undefined && { exclusiveMaximum: Number(lt) }),
    ...(multipleOf !== undefined && { multipleOf: Number(multipleOf) }),
    ...(!values && { pattern: whole ? '^-?[1-9]\\d{15,}$' : JSON_NUMBER.source }),
  };
}
