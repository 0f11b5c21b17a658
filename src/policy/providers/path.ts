/**
 * Dotted paths into responses of providers: `data.user.id`. A list on the path means its first entry unless the segment
 * is a number; {@link itemsAt} visits all entries instead.
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
