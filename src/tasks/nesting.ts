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
