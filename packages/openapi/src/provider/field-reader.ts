import { didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import { whyNoPath } from 'temporal-http-tasks/internal/policy/providers/path';
import { oneOf } from 'temporal-http-tasks/internal/providers/problems';
import type { Problems } from 'temporal-http-tasks/internal/providers/problems';

/** A part of a provider file of which nothing is known yet. */
export type Raw = Record<string, unknown>;

/** Whether a value is an object with keys. */
export function isRecord(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads one object of a provider file, and notes what is wrong with its fields. */
export class FieldReader {
  readonly raw: Raw;
  readonly #problems: Problems;
  readonly #place: string;

  /**
   * @param place Where the object is; empty for the file itself.
   * @param keys All keys that it may have.
   */
  constructor(value: unknown, problems: Problems, place: string, keys: readonly string[]) {
    this.raw = isRecord(value) ? value : {};
    this.#problems = problems;
    this.#place = place;
    if (isRecord(value)) problems.unknownKeys(value, place, keys);
    else problems.add(place, `must be an object with the keys ${keys.join(', ')}`);
  }

  placeOf(key: string): string {
    return this.#place === '' ? key : `${this.#place}.${key}`;
  }

  refuse(key: string, message: string): undefined {
    this.#problems.add(this.placeOf(key), message);
    return undefined;
  }

  /** Reads the object under a key. */
  below(key: string, keys: readonly string[]): FieldReader {
    return new FieldReader(this.raw[key], this.#problems, this.placeOf(key), keys);
  }

  has(key: string): boolean {
    return this.raw[key] !== undefined;
  }

  /** Returns a text that is not empty; notes a missing one when it is required. */
  text(key: string, what: string, { required = false } = {}): string | undefined {
    const value = this.raw[key];
    if (value === undefined && !required) return undefined;
    if (typeof value === 'string' && value.trim() !== '') return value;
    return this.refuse(key, value === undefined ? `is required: ${what}` : `must be ${what}`);
  }

  /** Returns a dotted path into a response. */
  path(key: string): string | undefined {
    const text = this.text(key, 'a dotted path such as error.code');
    const wrong = text === undefined ? undefined : whyNoPath(text);
    return wrong === undefined ? text : this.refuse(key, wrong);
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    const value = this.raw[key];
    if (value === undefined) return undefined;
    const found = allowed.find((one) => one === value);
    return found ?? this.refuse(key, `must be one of ${oneOf(allowed)}${didYouMean(value, allowed)}`);
  }

  whole(
    key: string,
    { min, max, required = false }: { min: number; max: number; required?: boolean },
  ): number | undefined {
    const value = this.raw[key];
    if (value === undefined && !required) return undefined;
    if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value);
    return this.refuse(key, `must be a whole number from ${min} to ${max}`);
  }

  /** Returns the entries of a list; empty when it is absent or is not a list. */
  list(key: string, what: string): unknown[] {
    const value = this.raw[key];
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.refuse(key, `must be a list of ${what}`);
    return [];
  }

  /** Returns the entries of an object; empty when it is absent or is not an object. */
  entries(key: string, what: string, { required = false } = {}): [key: string, value: unknown][] {
    const value = this.raw[key];
    if (value === undefined && !required) return [];
    if (isRecord(value) && (!required || Object.keys(value).length > 0)) return Object.entries(value);
    this.refuse(key, value === undefined ? `is required: ${what}` : `must be ${what}`);
    return [];
  }
}

/** Where steps have templates, whose placeholders are checked where they are read. */
const TEMPLATE =
  /^(?:steps\[\d+\]\.(?:(?:act|look|follow|find|proceed|bulk)\.input|find\.match)|tasks\.[^.]+(?:\.[^.]+)?\.settle\.input)$/;

/** Notes every `${` outside of the inputs of calls: it would be taken literally there. */
export function refuseStrayPlaceholders(value: unknown, problems: Problems, place = ''): void {
  // What is below an unknown key is noted with the key.
  if (problems.found.some((known) => known.place === place && place !== '')) return;
  if (TEMPLATE.test(place)) return;
  if (typeof value === 'string' && value.includes('${'))
    problems.add(
      place,
      'placeholders are only possible in the inputs of calls, under find.match and under settle.input',
    );
  if (Array.isArray(value)) value.forEach((one, index) => refuseStrayPlaceholders(one, problems, `${place}[${index}]`));
  if (!isRecord(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const at = place === '' ? key : `${place}.${key}`;
    if (key.includes('${')) problems.add(at, 'a placeholder cannot be the name of a field');
    refuseStrayPlaceholders(inner, problems, at);
  }
}
