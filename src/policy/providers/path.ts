/**
 * Dotted paths into responses of providers: `data.user.id`. A list on the path means its first entry unless the segment
 * is a number; {@link itemsAt} and conditions visit all entries instead.
 */

const SEGMENT = /^[^\s.${}]+$/u;

/** How other notations write the entries of a list. */
const INDEXED = /\[(?:\d*|\*)\](?:\.|$)/;

/** Returns what is wrong with the text of a dotted path; undefined for a valid one. */
export function whyNoPath(path: string): string | undefined {
  if (INDEXED.test(path))
    return `must be a dotted path without brackets, such as "${path.replace(/\[(\d*|\*)\]/g, (_all, index: string) => (/\d/.test(index) ? `.${index}` : ''))}"`;
  return path.split('.').every((segment) => SEGMENT.test(segment))
    ? undefined
    : 'must be a dotted path such as "data.id", without spaces, $ or braces';
}

/** Returns the value at a dotted path; undefined when there is none. */
export function valueAt(value: unknown, path: string): unknown {
  let inner = value;
  for (const segment of path.split('.')) {
    if (Array.isArray(inner)) {
      const list: readonly unknown[] = inner;
      if (/^\d+$/.test(segment)) {
        inner = list[Number(segment)];
        continue;
      }
      inner = list[0];
    }
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, segment)) return undefined;
    inner = (inner as Record<string, unknown>)[segment];
  }
  return inner;
}

/** Returns the ID at a dotted path as a text; undefined unless it is a text that is not empty, or a whole number. */
export function idAt(value: unknown, path: string): string | undefined {
  return idText(valueAt(value, path));
}

/**
 * Returns the IDs at a dotted path, each once, including those of all entries of lists on the path.
 *
 * @returns undefined when the list is missing or anything in it is not an ID: such a response does not show what is
 *   left, and must never be taken for an empty list.
 */
export function itemsAt(value: unknown, path: string): string[] | undefined {
  const found: string[] = [];
  if (!collect(value, path.split('.'), { found, inList: false })) return undefined;
  return [...new Set(found)];
}

/** @returns false for a response that cannot be read. */
function collect(value: unknown, segments: readonly string[], at: { found: string[]; inList: boolean }): boolean {
  if (Array.isArray(value)) return value.every((entry) => collect(entry, segments, { ...at, inList: true }));
  const [segment, ...rest] = segments;
  if (segment === undefined) {
    const id = idText(value);
    if (id === undefined || !at.inList) return false;
    at.found.push(id);
    return true;
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return false;
  return collect((value as Record<string, unknown>)[segment], rest, at);
}

function idText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

type Scalar = string | number | boolean | null;

/** A condition on the value at a path. Texts are compared without regard to case. */
export type Condition =
  | Scalar
  /** The text contains this. */
  | { contains: string }
  /** The whole text equals this, apart from white space around it and a final period. */
  | { text: string }
  /** There is a value (`true`), or it is absent, null or empty (`false`). */
  | { exists: boolean };

/** A state that a response can show: the text of the state itself, or dotted paths whose conditions all hold. */
export type StatePattern = string | number | boolean | { readonly [path: string]: Condition };

/**
 * Which entries of lists on a path have to meet a condition: all of them and at least one, or any. `$` is not part of
 * any path. Patterns in plans of earlier versions have no quantifier; they look at the first entry.
 */
export type Quantifier = '$every' | '$some';

/**
 * Returns a pattern as plans contain it, about all entries of the lists on its paths.
 *
 * @param statePath See {@link showsState}.
 */
export function quantified(pattern: StatePattern, quantifier: Quantifier, statePath?: string): StatePattern {
  if (typeof pattern === 'object') return { [quantifier]: pattern } as unknown as StatePattern;
  return statePath === undefined ? pattern : quantified({ [statePath]: pattern }, quantifier);
}

/**
 * Returns whether a response shows one of these states.
 *
 * @param statePath Where the response has the text of its state, for patterns that are a text.
 */
export function showsState(response: unknown, patterns: readonly StatePattern[], statePath?: string): boolean {
  return patterns.some((pattern) => {
    if (typeof pattern !== 'object') return statePath !== undefined && isSame(valueAt(response, statePath), pattern);
    const { $every, $some, ...first } = pattern as Partial<Record<Quantifier, typeof pattern>> & typeof pattern;
    return (
      Object.entries(first).every(([path, condition]) => holds(valueAt(response, path), condition)) &&
      Object.entries($every ?? {}).every(([path, condition]) => holdsAt(response, path, condition, 'every')) &&
      Object.entries($some ?? {}).every(([path, condition]) => holdsAt(response, path, condition, 'some'))
    );
  });
}

function holdsAt(response: unknown, path: string, condition: Condition, which: 'every' | 'some'): boolean {
  const found = valuesAt(response, path.split('.'));
  // A list without entries has no value.
  const values = found.length === 0 ? [undefined] : found;
  return values[which]((value) => holds(value, condition));
}

/** Returns the values at a path in all entries of the lists on it and at its end; undefined where there is none. */
function valuesAt(value: unknown, [segment, ...rest]: readonly string[]): unknown[] {
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    if (segment !== undefined && /^\d+$/.test(segment)) return valuesAt(list[Number(segment)], rest);
    return list.flatMap((entry) => valuesAt(entry, segment === undefined ? [] : [segment, ...rest]));
  }
  if (segment === undefined) return [value];
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return [undefined];
  return valuesAt((value as Record<string, unknown>)[segment], rest);
}

function holds(value: unknown, condition: Condition): boolean {
  if (typeof condition !== 'object' || condition === null) return isSame(value, condition);
  if ('exists' in condition) return (value !== undefined && value !== null && value !== '') === condition.exists;
  if (typeof value !== 'string') return false;
  if ('contains' in condition) return value.toLowerCase().includes(condition.contains.toLowerCase());
  return plain(value) === plain(condition.text);
}

/** A number and the text of its digits are the same: files and providers write one for the other. */
function isSame(value: unknown, expected: Scalar): boolean {
  if (value === expected) return true;
  const texts = [value, expected].every((one) => typeof one === 'string' || typeof one === 'number');
  return texts && String(value) === String(expected);
}

function plain(text: string): string {
  return text.trim().toLowerCase().replace(/\.$/, '');
}

const CONDITIONS_ONLY =
  'must be a set of paths with their values, such as { user.active: false }; codes and statuses belong under tasks';

/** Returns what is wrong with a pattern as written; undefined for a valid one. */
export function whyNoPattern(pattern: unknown, { stateIsKnown }: { stateIsKnown: boolean }): string | undefined {
  if (typeof pattern === 'string' || typeof pattern === 'number' || typeof pattern === 'boolean')
    return stateIsKnown ? undefined : CONDITIONS_ONLY;
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern) || Object.keys(pattern).length === 0)
    return stateIsKnown ? 'must be the text of a state, or a set of paths with their values' : CONDITIONS_ONLY;
  for (const [path, condition] of Object.entries(pattern)) {
    if (whyNoPath(path) !== undefined) return `"${path}" ${whyNoPath(path)}`;
    const wrong = whyNoCondition(condition);
    if (wrong !== undefined) return `${path}: ${wrong}`;
  }
  return undefined;
}

function whyNoCondition(condition: unknown): string | undefined {
  if (condition === null || ['string', 'number', 'boolean'].includes(typeof condition)) return undefined;
  const [[name, value] = ['', undefined], ...more] = typeof condition === 'object' ? Object.entries(condition) : [];
  const fits =
    more.length === 0 &&
    (((name === 'contains' || name === 'text') && typeof value === 'string' && value !== '') ||
      (name === 'exists' && typeof value === 'boolean'));
  return fits
    ? undefined
    : 'must be a value, or one of { contains: TEXT }, { text: TEXT } and { exists: true or false }';
}

/** Selects the requests of a list that have these values at these dotted paths. */
export interface WantedRequests {
  /** Dotted path to the list; the response itself is the list when it is absent. */
  items?: string;
  match: Readonly<Record<string, unknown>>;
  /** Dotted path to the handle in a request. */
  handle: string;
}

/** Returns the requests of a list that have the wanted values; undefined when the response has no such list. */
export function requestsIn(output: unknown, { items, match }: Omit<WantedRequests, 'handle'>): unknown[] | undefined {
  const list = items === undefined ? output : valueAt(output, items);
  if (!Array.isArray(list)) return undefined;
  const all: readonly unknown[] = list;
  const wanted = Object.entries(match);
  return all.filter((one) => wanted.every(([path, value]) => isSameValue(valueAt(one, path), value)));
}

/**
 * Returns a response that has only the wanted requests, and of each only its handle and the values it was found by. A
 * list of requests names other users, who must not get into the history of this one.
 *
 * @param shown The values for the history: placeholders for IDs that are in the ledger only.
 */
export function onlyWanted(output: unknown, wanted: WantedRequests, shown: WantedRequests['match']): unknown {
  const { items, handle } = wanted;
  const found = requestsIn(output, wanted)?.map((one) =>
    [...Object.entries(shown), [handle, valueAt(one, handle)] as const].reduce<unknown>(
      (made, [path, value]) => withValueAt(made, path.split('.'), value),
      {},
    ),
  );
  if (found === undefined) return null;
  return items === undefined ? found : withValueAt({}, items.split('.'), found);
}

function withValueAt(made: unknown, [segment, ...rest]: readonly string[], value: unknown): unknown {
  if (segment === undefined) return value;
  const object = typeof made === 'object' && made !== null ? made : {};
  const inner: unknown = Object.hasOwn(object, segment) ? Reflect.get(object, segment) : undefined;
  return { ...object, [segment]: withValueAt(inner, rest, value) };
}

function isSameValue(value: unknown, wanted: unknown): boolean {
  if (value === wanted) return value !== undefined;
  return (typeof value === 'number' || typeof value === 'string') && String(value) === String(wanted);
}
