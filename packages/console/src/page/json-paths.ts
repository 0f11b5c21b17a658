/** A JSON object. */
export type JsonObject = Record<string, unknown>;

/** Returns the value at a path; undefined if there is none. */
export function valueAt(value: JsonObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);
}

/** Returns a copy with another value at a path, or without one; objects that are then empty are removed too. */
export function withValueAt(value: JsonObject, [key = '', ...rest]: readonly string[], given: unknown): JsonObject {
  const inner = value[key];
  const next = rest.length === 0 ? given : emptied(withValueAt(isObject(inner) ? inner : {}, rest, given));
  const others = Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
  if (next === undefined) return others;
  // An existing field keeps its position.
  return key in value ? { ...value, [key]: next } : { ...others, [key]: next };
}

function emptied(value: JsonObject): JsonObject | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
