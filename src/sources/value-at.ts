/**
 * Returns the value at a dotted path of fields and list positions, such as `data.users` or `links.0.href`, or
 * undefined. Inherited properties are never returned.
 */
export function valueAt(value: unknown, path: string | undefined): unknown {
  if (path === undefined) return value;
  let found = value;
  for (const name of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

/** Returns a copy of an object with another value at a dotted path, creating missing objects on the path. */
export function withValueAt(
  object: Readonly<Record<string, unknown>>,
  path: string,
  value: unknown,
): Record<string, unknown> {
  const [name = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...object, [name]: value };
  const inner = Object.hasOwn(object, name) ? object[name] : undefined;
  const copied =
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as Record<string, unknown>) : {};
  return { ...object, [name]: withValueAt(copied, rest.join('.'), value) };
}
