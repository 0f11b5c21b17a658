import type { z } from 'zod';
import { isExactNumberSchema, isNumberText } from '../tasks/exact-number';
import { ExactNumber } from './exact-json';

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
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      visit(def.innerType, value, path, places);
      return;
    default:
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
