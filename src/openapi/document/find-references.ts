import { pointerOf } from './openapi-error';

/** A `$ref` to another file. */
export interface FileReference {
  /** The file's name or URL as it is written. */
  file: string;
  place: string;
}

/** Keys whose values are data and not document: a `$ref` in there is an example's own. */
const DATA = new Set(['example', 'examples', 'default', 'enum', 'const']);
/** Keys under which names are free, so that `example` may be a field's name. */
const NAMED = new Set([
  ...['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions', 'schemas', 'parameters', 'responses', 'headers', 'requestBodies'],
  ...['paths', 'pathItems', 'webhooks', 'callbacks', 'links', 'securitySchemes', 'content', 'encoding', 'mediaTypes'],
]);

/** Every reference to another file that the document makes, in order. Only for a value that is tame. */
export function fileReferencesIn(root: unknown): FileReference[] {
  const found: FileReference[] = [];
  const seen = new Set<object>();
  const keys: string[] = [];
  const walk = (value: unknown, named: boolean): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    for (const [key, inner] of Object.entries(value)) {
      // What free names stand for is never a text, so that a text under this name is a reference to all of it.
      if (key === '$ref' && typeof inner === 'string') {
        if (!inner.startsWith('#')) found.push({ file: inner.split('#', 1)[0] ?? '', place: pointerOf(keys) });
      } else if (named || !(DATA.has(key) || key.startsWith('x-'))) {
        keys.push(key);
        walk(inner, !named && NAMED.has(key) && !Array.isArray(inner));
        keys.pop();
      }
    }
  };
  walk(root, false);
  return found;
}
