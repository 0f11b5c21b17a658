/** Deeper values would overflow the stack of whoever checks or serializes them next, Temporal included. */
export const MAX_DEPTH = 100;

/** Whether objects or lists stand within each other on more levels than this. Looks no deeper than that itself. */
export function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((entry) => isDeeperThan(entry, depth - 1));
}
