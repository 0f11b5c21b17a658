import { didYouMean } from '../../tasks/nearest';
import { valueAt } from './path';

/**
 * Templates of task inputs: JSON whose texts may be placeholders. A placeholder is a whole text, `${contactId}`; two
 * kinds of objects compute a value: `{map, to, else}` translates one, and `{each, as}` makes a list of objects.
 *
 * Inserted values are never read as placeholders.
 */
export type Template = unknown;

/** The value of an ID's placeholder: absent when the user has none. */
export type IdValue = string | readonly string[] | undefined;

/** The values of the placeholders of one call. */
export interface TemplateScope {
  /** By the names of the provider's IDs; in a step with `each`, the current one under that name. */
  ids: Readonly<Record<string, IdValue>>;
  /** By the names of {@link SPECIAL_PLACEHOLDERS}. */
  special: Readonly<Partial<Record<SpecialPlaceholder, string | readonly string[] | undefined>>>;
}

/** Placeholders that are not IDs. Which of them a call has depends on its position in a step. */
export const SPECIAL_PLACEHOLDERS = [
  'items',
  'item',
  'handle',
  'ids',
  'reason.code',
  'reason.note',
  'reference',
  'callId',
] as const;

/** One of {@link SPECIAL_PLACEHOLDERS}. */
export type SpecialPlaceholder = (typeof SPECIAL_PLACEHOLDERS)[number];

/** The one placeholder that only exists inside the `as` of an `each`: the current entry. */
const ENTRY = 'id';

/** Marks a placeholder for which the task's schema requires a number; only in plans, never in what an author writes. */
const NUMBER = '$number';

/** The same for a value that the provider gave, inside an `each`. */
const DIGITS = '$digits';

/** Marks a placeholder that is written into a URL's path. */
const PATH = '$path';

/** What a position in an input requires, if it is not just any text. */
export type SpecialPlace = 'number' | 'path';

/** Matches the texts that a workflow has in place of IDs it must not know; see `target-reference.ts`. */
const KEPT_APART = /^\{\{target\.[^{}]+\}\}$/;

const PLACEHOLDER = /^\$\{([A-Za-z][\w.]*)\}$/;

/** One mistake in a template. */
export interface TemplateProblem {
  /** Below the template: `.items[0].id`; empty for the template itself. */
  place: string;
  message: string;
}

/** Returns the name in a text that is a placeholder; undefined for any other text. */
function placeholderIn(text: string): string | undefined {
  return PLACEHOLDER.exec(text)?.[1];
}

interface MapTemplate {
  map: string;
  to: Record<string, unknown>;
  else?: unknown;
}

interface EachTemplate {
  each: string;
  as: unknown;
}

function hasOnly(value: object, required: readonly string[], optional: readonly string[] = []): boolean {
  const keys = Object.keys(value);
  return required.every((key) => keys.includes(key)) && keys.every((key) => [...required, ...optional].includes(key));
}

function isMap(value: object): value is MapTemplate {
  return hasOnly(value, ['map', 'to'], ['else']);
}

function isEach(value: object): value is EachTemplate {
  return hasOnly(value, ['each', 'as']);
}

/**
 * Returns every mistake in a template as an author wrote it.
 *
 * @param allowed The names that may be used at this position.
 */
export function checkTemplate(template: Template, allowed: readonly string[]): TemplateProblem[] {
  if (typeof template === 'string') return problemsOfText(template, allowed);
  if (Array.isArray(template))
    return template.flatMap((entry, index) => below(`[${index}]`, checkTemplate(entry, allowed)));
  if (typeof template !== 'object' || template === null) return [];
  if (isMap(template)) {
    const { map, to } = template;
    if (typeof map !== 'string' || placeholderIn(map) === undefined)
      return [{ place: '.map', message: 'must be a placeholder, such as "${reason.code}"' }];
    if (typeof to !== 'object' || to === null || Array.isArray(to))
      return [{ place: '.to', message: 'must have a value for each value of the placeholder' }];
    return [
      ...below('.map', checkTemplate(map, allowed)),
      ...Object.entries(to).flatMap(([key, value]) => below(`.to.${key}`, checkTemplate(value, allowed))),
      ...below('.else', checkTemplate(template.else, allowed)),
    ];
  }
  if (isEach(template)) {
    const { each, as } = template;
    if (typeof each !== 'string' || placeholderIn(each) === undefined)
      return [{ place: '.each', message: 'must be a placeholder of a list, such as "${ids}"' }];
    return [...below('.each', checkTemplate(each, allowed)), ...below('.as', checkTemplate(as, [...allowed, ENTRY]))];
  }
  const mark = [NUMBER, DIGITS, PATH].find((name) => Object.hasOwn(template, name));
  if (mark !== undefined) return [{ place: `.${mark}`, message: 'is not a name that can be used here' }];
  return Object.entries(template).flatMap(([key, value]) =>
    below(`.${key}`, [
      ...(key.includes('${') ? [{ place: '', message: 'a placeholder cannot be the name of a field' }] : []),
      ...checkTemplate(value, allowed),
    ]),
  );
}

function problemsOfText(text: string, allowed: readonly string[]): TemplateProblem[] {
  const name = placeholderIn(text);
  if (name !== undefined && !allowed.includes(name)) {
    const names = allowed.map((one) => `\${${one}}`).join(', ');
    const meant = didYouMean(name, allowed, (one) => `\${${one}}`);
    return [{ place: '', message: `unknown placeholder ${text}; allowed here: ${names || 'none'}${meant}` }];
  }
  if (name !== undefined || !text.includes('${')) return [];
  return [{ place: '', message: 'a placeholder must be the whole text, such as "${contactId}"' }];
}

function below(place: string, problems: readonly TemplateProblem[]): TemplateProblem[] {
  return problems.map((problem) => ({ ...problem, place: `${place}${problem.place}` }));
}

/** Returns the names of the placeholders in a template. */
export function placeholdersIn(template: Template): Set<string> {
  if (typeof template === 'string') {
    const name = placeholderIn(template);
    return new Set(name === undefined ? [] : [name]);
  }
  if (typeof template !== 'object' || template === null) return new Set();
  const inner: unknown[] = Array.isArray(template) ? template : Object.values(template);
  const names = new Set(inner.flatMap((value) => [...placeholdersIn(value)]));
  if (!Array.isArray(template) && isEach(template)) names.delete(ENTRY);
  return names;
}

/**
 * Returns the template with the fields of another template in place of placeholders that name them: `${id}` becomes the
 * value of `fields` at `id`. A missing field is left out.
 */
export function filledFrom(template: Template, fields: Template): Template {
  if (typeof template === 'string') {
    const name = placeholderIn(template);
    return name === undefined ? template : valueAt(fields, name);
  }
  if (Array.isArray(template))
    return template.map((entry) => filledFrom(entry, fields)).filter((entry) => entry !== undefined);
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(
    Object.entries(template).flatMap(([key, value]) => {
      const filled = filledFrom(value, fields);
      return filled === undefined ? [] : [[key, filled]];
    }),
  );
}

/**
 * Returns the template with a mark at each placeholder whose position does not accept every text.
 *
 * @param placeOf By the names of the fields on the path; a list's entries have `[]` after the list's name.
 */
export function markPlaces(
  template: Template,
  placeOf: (path: readonly string[]) => SpecialPlace | undefined,
  path: readonly string[] = [],
  number: typeof NUMBER | typeof DIGITS = NUMBER,
): Template {
  if (typeof template === 'string') {
    const name = placeholderIn(template);
    const place = name === undefined ? undefined : placeOf(path);
    if (place === undefined) return template;
    return { [place === 'path' ? PATH : name === ENTRY ? number : NUMBER]: template };
  }
  if (Array.isArray(template)) return template.map((entry) => markPlaces(entry, placeOf, [...path, '[]'], number));
  if (typeof template !== 'object' || template === null) return template;
  if (isMap(template)) {
    const { to: given } = template as { to: unknown };
    // What is wrong with it was noted.
    if (typeof given !== 'object' || given === null) return template;
    const mark = (value: unknown): unknown => markPlaces(value, placeOf, path, number);
    const to = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, mark(value)]));
    return { ...template, to, ...('else' in template && { else: mark(template.else) }) } satisfies MapTemplate;
  }
  if (isEach(template)) {
    const { each } = template;
    const own = FROM_PROVIDER.test(each) ? DIGITS : NUMBER;
    return { each, as: markPlaces(template.as, placeOf, [...path, '[]'], own) } satisfies EachTemplate;
  }
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, markPlaces(value, placeOf, [...path, key], number)]),
  );
}

/** Thrown for an ID that its position cannot take: nothing may be sent with another ID instead. */
export class UnwritableIdError extends Error {
  override readonly name = 'UnwritableIdError';
  readonly placeholder: string;

  constructor(placeholder: string) {
    super(`The value of ${placeholder} cannot be used at this position.`);
    this.placeholder = placeholder;
  }
}

/** A template that was parsed once, to be filled in many times. */
export type CompiledTemplate = (scope: TemplateScope) => unknown;

type Filling = (scope: TemplateScope, entry: string | undefined) => unknown;

/**
 * Parses a template. An absent value leaves its field or entry out.
 *
 * @returns A function that fills it in. It throws {@link UnwritableIdError}.
 */
export function compileTemplate(template: Template): CompiledTemplate {
  const filling = compile(template);
  return (scope) => filling(scope, undefined);
}

function compile(template: Template): Filling {
  if (typeof template === 'string') {
    const name = placeholderIn(template);
    return name === undefined ? () => template : valueOf(name);
  }
  if (Array.isArray(template)) {
    const entries = template.map(compile);
    return (scope, entry) => entries.map((fill) => fill(scope, entry)).filter((value) => value !== undefined);
  }
  if (typeof template !== 'object' || template === null) return () => template;
  if (hasOnly(template, [NUMBER])) {
    const placeholder = String((template as Record<string, unknown>)[NUMBER]);
    return checked(placeholder, FROM_PROVIDER.test(placeholder) ? toProvidersNumber : toNumber);
  }
  if (hasOnly(template, [DIGITS]))
    return checked(String((template as Record<string, unknown>)[DIGITS]), toProvidersNumber);
  if (hasOnly(template, [PATH])) return checked(String((template as Record<string, unknown>)[PATH]), toSegment);
  if (isMap(template)) return translated(template);
  if (isEach(template)) return listed(template);
  const fields = Object.entries(template).map(([key, value]) => [key, compile(value)] as const);
  return (scope, entry) =>
    Object.fromEntries(
      fields.flatMap(([key, fill]) => {
        const value = fill(scope, entry);
        return value === undefined ? [] : [[key, value]];
      }),
    );
}

function valueOf(name: string): Filling {
  const special = SPECIAL_PLACEHOLDERS.find((one) => one === name);
  return ({ ids, special: values }, entry) => {
    const value =
      name === ENTRY && entry !== undefined
        ? entry
        : special === undefined
          ? Object.hasOwn(ids, name)
            ? ids[name]
            : undefined
          : values[special];
    return Array.isArray(value) ? [...(value as readonly string[])] : value;
  };
}

/** Returns the value of a placeholder in the form that its position takes; throws if there is none. */
function checked(placeholder: string, write: (text: string) => string | number | undefined): Filling {
  const fill = compile(placeholder);
  const written = (value: unknown): unknown => {
    if (typeof value !== 'string') return value;
    const fits = write(value);
    if (fits === undefined) throw new UnwritableIdError(placeholder);
    return fits;
  };
  return (scope, entry) => {
    const value = fill(scope, entry);
    return Array.isArray(value) ? value.map(written) : written(value);
  };
}

function toNumber(text: string): string | number | undefined {
  if (KEPT_APART.test(text)) return text.replace(/\}\}$/, ':number}}');
  const number = Number(text);
  return /^(?:0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(number) ? number : undefined;
}

/** Placeholders of values that the provider gave. */
const FROM_PROVIDER = /^\$\{(?:items?|handle)\}$/;

/** A number of the provider's own beyond 2^53 stays the text of its digits, which tasks of a document send as a number. */
function toProvidersNumber(text: string): string | number | undefined {
  return toNumber(text) ?? (/^-?[1-9]\d*$/.test(text) ? text : undefined);
}

/** URL parsers between here and the provider resolve `.` and `..` to another route, however they are encoded. */
function toSegment(text: string): string | undefined {
  return text === '' || text === '.' || text === '..' ? undefined : text;
}

function translated({ map, to, else: otherwise }: MapTemplate): Filling {
  const from = compile(map);
  const values = new Map(Object.entries(to).map(([key, value]) => [key, compile(value)]));
  const other = compile(otherwise);
  return (scope, entry) => {
    const value = from(scope, entry);
    if (value === undefined) return undefined;
    const key = typeof value === 'string' ? value : JSON.stringify(value);
    return (values.get(key) ?? other)(scope, entry);
  };
}

function listed({ each, as }: EachTemplate): Filling {
  const list = compile(each);
  const one = compile(as);
  return (scope, entry) => {
    const values = list(scope, entry);
    if (values === undefined) return undefined;
    return (Array.isArray(values) ? values : [values]).map((value) => one(scope, String(value)));
  };
}
