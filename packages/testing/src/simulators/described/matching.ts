/** The values of a call's placeholders in a request. */
export type Bindings = Readonly<Record<string, string | readonly string[]>>;

/** A request that fits a call's input. */
export interface Match {
  bound: Bindings;
  /** Constants that fit: of two calls that a request fits, the one with more of them is meant. */
  constants: number;
}

/** Placeholders that say nothing of whom a call is about. */
const ABOUT_NO_USER: readonly string[] = ['reason.code', 'reason.note', 'reference'];

const PLACEHOLDER = /^\$\{([A-Za-z][\w.]*)\}$/;

/** Compares a request's input with the input of a call; undefined when the request is another call. */
export function matchInput(template: unknown, input: unknown): Match | undefined {
  const bound: Record<string, string | readonly string[]> = {};
  const constants = match(template, input, bound);
  return constants === undefined ? undefined : { bound, constants };
}

/** Returns the names of the placeholders in an input that are about a user, an item or a request. */
export function placeholdersIn(template: unknown): string[] {
  if (typeof template === 'string') {
    const name = PLACEHOLDER.exec(template)?.[1];
    return name === undefined || ABOUT_NO_USER.includes(name) ? [] : [name];
  }
  if (typeof template !== 'object' || template === null) return [];
  return [...new Set(Object.values(template).flatMap(placeholdersIn))];
}

type Bound = Record<string, string | readonly string[]>;

/** @returns How many constants fit; undefined when it does not match. */
function match(template: unknown, value: unknown, bound: Bound): number | undefined {
  if (typeof template === 'string') return matchText(template, value, bound);
  if (typeof template !== 'object' || template === null) return isSame(template, value) ? 1 : undefined;
  if (Array.isArray(template)) return matchList(template, value, bound);
  if ('map' in template && 'to' in template) return value === undefined ? undefined : 0;
  if ('each' in template && 'as' in template) return matchEach(template, value, bound);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  let constants = 0;
  for (const [key, inner] of Object.entries(template)) {
    const own = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
    // A field whose value is absent is left out.
    const found = own === undefined && mayBeAbsent(inner) ? 0 : match(inner, own, bound);
    if (found === undefined) return undefined;
    constants += found;
  }
  return constants;
}

function mayBeAbsent(template: unknown): boolean {
  if (typeof template === 'string') return PLACEHOLDER.test(template);
  return typeof template === 'object' && template !== null && 'each' in template;
}

function matchText(template: string, value: unknown, bound: Bound): number | undefined {
  const name = PLACEHOLDER.exec(template)?.[1];
  if (name === undefined) return isSame(template, value) ? 1 : undefined;
  if (value === undefined) return undefined;
  if (ABOUT_NO_USER.includes(name)) return 0;
  if (Array.isArray(value)) bound[name] = value.map(String);
  else if (typeof value === 'string' || typeof value === 'number') bound[name] = String(value);
  else return undefined;
  return 0;
}

function matchList(template: readonly unknown[], value: unknown, bound: Bound): number | undefined {
  if (!Array.isArray(value) || value.length > template.length) return undefined;
  let constants = 0;
  for (const [index, entry] of value.entries()) {
    const found = match(template[index], entry, bound);
    if (found === undefined) return undefined;
    constants += found;
  }
  return constants;
}

/** `{ each: "${ids}", as: { id: "${id}" } }`: the list is what its entries have in the place of `${id}`. */
function matchEach(template: object, value: unknown, bound: Bound): number | undefined {
  const { each, as } = template as { each: unknown; as: unknown };
  const name = PLACEHOLDER.exec(String(each))?.[1];
  if (name === undefined || !Array.isArray(value)) return undefined;
  const ids: string[] = [];
  for (const entry of value) {
    const one: Bound = {};
    if (match(as, entry, one) === undefined || typeof one.id !== 'string') return undefined;
    ids.push(one.id);
    Object.assign(bound, Object.fromEntries(Object.entries(one).filter(([key]) => key !== 'id')));
  }
  bound[name] = ids;
  return 0;
}

function isSame(template: unknown, value: unknown): boolean {
  const isText = (one: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof one);
  return template === value || (isText(template) && isText(value) && String(template) === String(value));
}

/** Fills a template with what was bound, as far as a value of it is a placeholder or a constant. */
export function filled(template: unknown, bound: Bindings): unknown {
  const name = typeof template === 'string' ? PLACEHOLDER.exec(template)?.[1] : undefined;
  return name === undefined ? template : bound[name];
}
