import type { z } from 'zod';
import { didYouMean } from './nearest';

/** A problem with one field of an input; the field is empty for the input as a whole. */
export interface InputProblem {
  field: string;
  message: string;
}

/**
 * Why an input was refused. Each problem names its field and repeats no value, since a value could be an ID or a
 * secret.
 */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
  /** The path of the first wrong field, for example `user.batchUserId`; empty for the input as a whole. */
  readonly field: string;
  /** All problems. */
  readonly problems: readonly InputProblem[];

  constructor(what: string, problems: readonly InputProblem[]) {
    const list = problems.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join('; ');
    super(`The input of ${what} is not valid: ${list}${list.endsWith('?') ? '' : '.'}`);
    this.field = problems[0]?.field ?? '';
    this.problems = problems;
  }
}

/**
 * Checks an input against its schema and returns it parsed.
 *
 * @throws InvalidInputError that names every wrong field, and for an unknown field its name.
 */
export function parseInput<S extends z.ZodType>(what: string, schema: S, input: unknown): z.output<S> {
  const flaw = flawIn(input);
  if (flaw) throw new InvalidInputError(what, [flaw]);
  const parsed = parseOwnFields(schema, input);
  if (parsed.success) return parsed.data;
  const own = ownFieldsOf(input);
  throw new InvalidInputError(
    what,
    parsed.error.issues.flatMap((issue) => problemsOf(issue, { schema, input: own })),
  );
}

/**
 * Checks the own fields of a value against a schema. A schema reads an absent field called `constructor` or `toString`
 * from the prototype and would refuse what it finds there; a value that is refused is therefore checked again without
 * prototypes.
 */
export function parseOwnFields<S extends z.ZodType>(schema: S, value: unknown): z.ZodSafeParseResult<z.output<S>> {
  const parsed = schema.safeParse(value, PARSING);
  return parsed.success ? parsed : schema.safeParse(ownFieldsOf(value), PARSING);
}

const PARSING: z.core.ParseContext<z.core.$ZodIssue> = {
  reportInput: false,
  // Of a value that is not among those of an enumeration; the schema's own message comes first.
  error: (issue) =>
    issue.code === 'invalid_value'
      ? `must be ${oneOf(issue.values)}${meantValue(issue.input, issue.values)}`
      : undefined,
};

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.map(String).join(', ')}`;
}

function meantValue(given: unknown, values: readonly unknown[]): string {
  return didYouMean(
    given,
    values.filter((value) => typeof value === 'string'),
  );
}

/** Returns a copy whose objects have no prototype. Values other than plain objects and lists stay as they are. */
function ownFieldsOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ownFieldsOf);
  if (!isObject(value) || !isPlain(value)) return value;
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [name, inner] of Object.entries(value)) copy[name] = ownFieldsOf(inner);
  return copy;
}

/** Returns whether an object is like one that JSON makes of `{}`, in this realm or another. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || (isObject(prototype) && Object.getPrototypeOf(prototype) === null);
}

/**
 * Returns what a schema cannot refuse: an endless value would overflow its stack, and it ignores a field called
 * `__proto__`.
 */
function flawIn(input: unknown): InputProblem | undefined {
  if (!isObject(input)) return undefined;
  const tooDeep = Object.entries(input).find(([, value]) => isDeeperThan(value, MAX_DEPTH - 1));
  if (tooDeep) return { field: tooDeep[0], message: `is nested deeper than ${MAX_DEPTH} levels` };
  const hidden = pathOfHidden(input);
  return hidden && { field: hidden.join('.'), message: 'unknown field' };
}

function pathOfHidden(value: object): string[] | undefined {
  for (const [key, inner] of Object.entries(value)) {
    const path = key === '__proto__' ? [] : isObject(inner) ? pathOfHidden(inner) : undefined;
    if (path) return [key, ...path];
  }
  return undefined;
}

/** An input and the schema that refused it. */
interface Refused {
  schema: z.core.$ZodType;
  input: unknown;
}

function problemsOf(issue: z.core.$ZodIssue, refused: Refused): InputProblem[] {
  const meant =
    issue.code === 'invalid_union'
      ? closestOf(
          issue.errors.map((errors) => errors.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))),
          issue.path.length,
          refused.input,
        )
      : undefined;
  if (meant) return meant.flatMap((inner) => problemsOf(inner, refused));
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(refused.schema, issue.path);
    return issue.keys.map((key) => ({
      field: [...path, key].join('.'),
      message: `unknown field${didYouMean(key, known)}`,
    }));
  }
  const message = isMissing(issue, refused.input) ? missing(issue) : lowerFirst(issue.message);
  return [{ field: path.join('.'), message }];
}

/** Returns the names of the fields that a schema knows at a path; of several alternatives, those of each. */
export function fieldsAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const reached = path.reduce<z.core.$ZodType[]>(
    (schemas, step) => schemas.flatMap((one) => plainForms(one).flatMap((form) => inside(form, step))),
    [schema],
  );
  const names = reached
    .flatMap(plainForms)
    .flatMap(({ _zod: { def } }) => (def.type === 'object' ? Object.keys(def.shape) : []));
  return [...new Set(names)];
}

/** Returns what a schema accepts once options, defaults and alternatives are taken apart. */
function plainForms(schema: z.core.$ZodType): z.core.$ZodTypes[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'union':
      return def.options.flatMap(plainForms);
    case 'intersection':
      return [def.left, def.right].flatMap(plainForms);
    case 'pipe':
      return [def.in, def.out].flatMap(plainForms);
    case 'lazy':
      return plainForms(def.getter());
    default:
      return isWrapper(def) ? plainForms(def.innerType) : [schema as z.core.$ZodTypes];
  }
}

/** Returns whether a schema accepts what another one does, as `optional`, `default` and `readonly` do. */
export function isWrapper<D extends z.core.$ZodTypes['_zod']['def']>(
  def: D,
): def is Extract<D, { innerType: unknown }> {
  return 'innerType' in def;
}

function inside({ _zod: { def } }: z.core.$ZodTypes, step: PropertyKey): z.core.$ZodType[] {
  const inner =
    def.type === 'object'
      ? def.shape[String(step)]
      : def.type === 'array'
        ? def.element
        : def.type === 'record'
          ? def.valueType
          : undefined;
  return inner === undefined ? [] : [inner];
}

/**
 * Returns the problems of the option that was most likely meant: one of the same kind, with the values that distinguish
 * the option from others, and with the fewest problems, of which a missing field counts more than a wrong one.
 * Undefined if the value is not of any option's kind.
 */
function closestOf(
  options: readonly (readonly z.core.$ZodIssue[])[],
  depth: number,
  input: unknown,
): readonly z.core.$ZodIssue[] | undefined {
  const ofItsKind = options.filter(
    (issues) =>
      issues.length > 0 &&
      !issues.some(({ path, code }) => path.length === depth && (code === 'invalid_type' || code === 'invalid_value')),
  );
  const cost = (issues: readonly z.core.$ZodIssue[]): number => {
    const other = issues.filter(({ code }) => code === 'invalid_value').length;
    const unknown = issues.reduce(
      (sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 0),
      0,
    );
    const absent = issues.filter((issue) => isMissing(issue, input)).length;
    return other * 1_000 + issues.length + unknown + absent;
  };
  return [...ofItsKind].sort((a, b) => cost(a) - cost(b))[0];
}

/** Returns whether a value of a certain kind is missing. */
function isMissing({ code, path }: z.core.$ZodIssue, input: unknown): boolean {
  if (path.length === 0 || (code !== 'invalid_type' && code !== 'invalid_value')) return false;
  return (
    path.reduce<unknown>((value, key) => (isObject(value) ? Reflect.get(value, key) : undefined), input) === undefined
  );
}

function missing(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_value'
    ? `is required; allowed: ${issue.values.map(String).join(', ')}`
    : 'is required';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * Maximum nesting: deeper values would overflow the stack of the next code that checks or serializes them, Temporal
 * included.
 */
export const MAX_DEPTH = 100;

/** Returns whether objects or lists are nested more deeply than this. Looks no deeper than that itself. */
export function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((entry) => isDeeperThan(entry, depth - 1));
}

/**
 * Returns a record's own entry under a name from outside. Plain indexing would also find what every object inherits,
 * such as `constructor`.
 */
export function ownEntry<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
