/**
 * What a result keeps of a body: everything, nothing, or these dotted paths. Paths go through the entries of arrays.
 */
export type KeepBody = boolean | readonly string[];

/**
 * Returns the kept part of a parsed body: a copy with only the given paths, or undefined if none of them is present. A
 * string has no paths, so a list keeps nothing of a body that is not JSON.
 */
export function keptOf(body: unknown, keep: KeepBody): unknown {
  if (typeof keep === 'boolean') return keep ? body : undefined;
  return pick(body, treeOf(keep));
}

/** The wanted fields by name; `whole` keeps the value as it is. */
interface Tree {
  fields: Map<string, Tree>;
  whole: boolean;
}

function treeOf(paths: readonly string[]): Tree {
  const root: Tree = { fields: new Map(), whole: false };
  for (const path of paths) {
    let place = root;
    for (const name of path.split('.')) {
      const next = place.fields.get(name) ?? { fields: new Map(), whole: false };
      place.fields.set(name, next);
      place = next;
    }
    place.whole = true;
  }
  return root;
}

function pick(value: unknown, tree: Tree): unknown {
  if (tree.whole) return value;
  if (Array.isArray(value)) return value.map((entry) => pick(entry, tree) ?? null);
  if (typeof value !== 'object' || value === null) return undefined;
  const kept = [...tree.fields].flatMap(([name, inner]) => {
    const picked = Object.hasOwn(value, name) ? pick((value as Record<string, unknown>)[name], inner) : undefined;
    return picked === undefined ? [] : [[name, picked] as const];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
