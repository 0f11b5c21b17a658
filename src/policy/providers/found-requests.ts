import { valueAt } from './path';

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
