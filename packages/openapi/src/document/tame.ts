import { OpenApiError, pointerOf } from './openapi-error';

/** Deeper documents would overflow the stack of recursive readers. Real ones stay far below. */
export const MAX_DEPTH = 200;

/** Number of values in a document, each alias counted with all its values: what a walk through it would visit. */
const MAX_VALUES = 4_000_000;

/** One object or list that is being walked. */
interface Frame {
  node: object;
  keys: readonly string[];
  next: number;
  /** Values below and including this one. */
  size: number;
}

/**
 * Refuses a value that is not a tree of JSON of a reasonable size: cycles and explosions by YAML aliases, depth, keys
 * that reach into JavaScript's objects, values that JSON does not have. Needs time and memory for what is there, not for
 * what it stands for.
 *
 * @throws OpenApiError with a JSON pointer.
 */
export function tame(root: unknown): void {
  const sizes = new Map<object, number>();
  const open = new Set<object>();
  const path: Frame[] = [];
  const enter = (value: unknown): number => {
    if (typeof value !== 'object' || value === null) {
      refuseUnlessJson(value, path);
      return 1;
    }
    if (open.has(value)) refuse(path, 'stands for something that holds it, so that it has no end');
    const known = sizes.get(value);
    if (known !== undefined) return known;
    if (path.length >= MAX_DEPTH) refuse(path, `is nested deeper than ${MAX_DEPTH} levels`);
    open.add(value);
    path.push({ node: value, keys: Object.keys(value), next: 0, size: 1 });
    return 0;
  };
  enter(root);
  while (path.length > 0) {
    const frame = path[path.length - 1] as Frame;
    const key = frame.keys[frame.next];
    if (key === undefined) {
      path.pop();
      open.delete(frame.node);
      sizes.set(frame.node, frame.size);
      const parent = path.at(-1);
      if (parent) grow(parent, frame.size, path);
      continue;
    }
    frame.next += 1;
    if (key === '__proto__') refuse(path, 'is a name that no field can have');
    grow(frame, enter((frame.node as Record<string, unknown>)[key]), path);
  }
}

function grow(frame: Frame, by: number, path: readonly Frame[]): void {
  frame.size += by;
  if (frame.size > MAX_VALUES)
    refuse(path, `stands for more than ${MAX_VALUES.toLocaleString('en')} values; YAML aliases may multiply it`);
}

function refuseUnlessJson(value: unknown, path: readonly Frame[]): void {
  const isJson =
    value === null ||
    value === undefined ||
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    typeof value === 'bigint' ||
    Number.isFinite(value);
  if (!isJson) refuse(path, 'is a value that JSON does not have');
}

/** Each frame's last read key leads on to the next frame, or to the value at fault. */
function refuse(path: readonly Frame[], problem: string): never {
  const keys = path.map((frame) => frame.keys[frame.next - 1] ?? '');
  const shown = keys.length > 12 ? [...keys.slice(0, 6), '…', ...keys.slice(-5)] : keys;
  throw new OpenApiError(pointerOf(shown), problem);
}
