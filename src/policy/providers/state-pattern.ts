import { valueAt, whyNoPath } from './path';

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
 * Returns whether a response shows one of these states.
 *
 * @param statePath Where the response has the text of its state, for patterns that are a text.
 */
export function showsState(response: unknown, patterns: readonly StatePattern[], statePath?: string): boolean {
  return patterns.some((pattern) =>
    typeof pattern === 'object'
      ? Object.entries(pattern).every(([path, condition]) => holds(valueAt(response, path), condition))
      : statePath !== undefined && isSame(valueAt(response, statePath), pattern),
  );
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
