import type { Pattern } from './description';
import { exampleOf, sketchAt, valueAt } from './sketch';
import type { Draft, Scalar, Sketch } from './sketch';

/** Whether a body shows one of these states. */
export function shows(body: unknown, patterns: readonly Pattern[], statePath?: string): boolean {
  return patterns.some((pattern) => {
    if (typeof pattern !== 'object') return statePath !== undefined && isSame(valueAt(body, statePath), pattern);
    return Object.entries(pattern).every(([path, condition]) => holds(valueAt(body, path), condition));
  });
}

function holds(value: unknown, condition: unknown): boolean {
  const wanted = conditionOf(condition);
  if ('equals' in wanted) return isSame(value, wanted.equals);
  if ('exists' in wanted) return (value !== undefined && value !== null && value !== '') === wanted.exists;
  return typeof value === 'string' && value.toLowerCase().includes(wanted.contains.toLowerCase());
}

function isSame(value: unknown, expected: unknown): boolean {
  const plain = (one: unknown): unknown => (typeof one === 'number' || typeof one === 'string' ? String(one) : one);
  return plain(value) === plain(expected);
}

type Condition = { equals: unknown } | { exists: boolean } | { contains: string };

function conditionOf(condition: unknown): Condition {
  if (typeof condition !== 'object' || condition === null) return { equals: condition };
  const { contains, text, exists } = condition as Record<string, unknown>;
  if (typeof exists === 'boolean') return { exists };
  return { contains: typeof contains === 'string' ? contains : String(text) };
}

/** Makes a response show a state. */
export function show(draft: Draft, pattern: Pattern, statePath?: string): void {
  if (typeof pattern !== 'object') {
    if (statePath !== undefined) draft.put(statePath, pattern);
    return;
  }
  for (const [path, condition] of Object.entries(pattern)) {
    const wanted = conditionOf(condition);
    if ('equals' in wanted) draft.put(path, wanted.equals);
    else if ('contains' in wanted) draft.put(path, wanted.contains);
    else if (!wanted.exists) draft.drop(path);
    else if (!holds(valueAt(draft.value, path), condition)) draft.put(path, 'present');
  }
}

/**
 * Makes a response that shows one of these states by chance show none of them.
 *
 * @param kept Dotted paths whose values stay.
 */
export function hide(draft: Draft, patterns: readonly Pattern[], kept: readonly string[] = []): void {
  for (const pattern of patterns) {
    if (typeof pattern !== 'object' || !shows(draft.value, [pattern])) continue;
    const [path, condition] = Object.entries(pattern).find(([one]) => !kept.includes(one)) ?? [];
    if (path !== undefined) contradict(draft, path, condition);
  }
}

/** Gives a path another value, one that the document allows, so that the condition does not hold. */
function contradict(draft: Draft, path: string, condition: unknown): void {
  const place = draft.describedAt(path);
  const isText = place?.kind === 'scalar' && place.type === 'string' && place.format === undefined;
  const allowed = place?.kind === 'scalar' ? place.only?.find((one) => !holds(one, condition)) : undefined;
  const wanted = conditionOf(condition);
  if (allowed !== undefined) draft.put(path, allowed);
  else if (!('exists' in wanted)) draft.put(path, otherThan('equals' in wanted ? wanted.equals : undefined));
  else if (!wanted.exists) draft.put(path, place && place.kind !== 'any' ? exampleOf(place) : 'present');
  else if (isText && !place.only) draft.put(path, '');
  else draft.drop(path);
}

function otherThan(value: unknown): Scalar {
  if (typeof value === 'boolean') return !value;
  return typeof value === 'number' ? value + 1 : 'present';
}

/**
 * Returns one of these states that the document allows; the first one where it does not say which there are, undefined
 * when it names others only.
 */
export function possible(
  patterns: readonly Pattern[],
  body: Sketch | undefined,
  statePath: string,
): Pattern | undefined {
  const described = body && sketchAt(body, statePath);
  const only = described?.kind === 'scalar' ? described.only : undefined;
  if (!only) return patterns[0];
  return patterns.find((pattern) => {
    const state = typeof pattern === 'object' ? pattern[statePath] : pattern;
    return state === undefined || typeof state === 'object' || only.some((one) => isSame(one, state));
  });
}

/** Returns a state that is none of these, as the document names it. */
export function stateOtherThan(
  patterns: readonly Pattern[],
  body: Sketch | undefined,
  statePath: string,
  usual: string,
): Scalar {
  const described = body && sketchAt(body, statePath);
  if (described?.kind !== 'scalar') return usual;
  const taken = patterns.map((pattern) => (typeof pattern === 'object' ? pattern[statePath] : pattern));
  const isFree = (one: unknown): boolean => !taken.some((other) => isSame(one, other));
  return (described.only ?? []).find(isFree) ?? (isFree(usual) ? usual : `${usual}Still`);
}
