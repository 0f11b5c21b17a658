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
  ...[
    'properties',
    'patternProperties',
    'dependentSchemas',
    '$defs',
    'definitions',
    'schemas',
    'parameters',
    'responses',
    'headers',
    'requestBodies',
  ],
  ...['paths', 'pathItems', 'webhooks', 'callbacks', 'links', 'securitySchemes', 'content', 'encoding', 'mediaTypes'],
]);

/** Visits every object and list that is part of the document and not of its data, in order. Only for a value that is tame. */
export function visitDocument(
  root: unknown,
  visit: (value: Readonly<Record<string, unknown>>, keys: readonly string[]) => void,
): void {
  const seen = new Set<object>();
  const keys: string[] = [];
  const walk = (value: unknown, named: boolean): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    visit(value as Record<string, unknown>, keys);
    for (const [key, inner] of Object.entries(value)) {
      if (!named && (DATA.has(key) || key.startsWith('x-'))) continue;
      keys.push(key);
      walk(inner, !named && NAMED.has(key) && !Array.isArray(inner));
      keys.pop();
    }
  };
  walk(root, false);
}

/** Every reference to another file that the document makes, in order. Only for a value that is tame. */
export function fileReferencesIn(root: unknown): FileReference[] {
  const found: FileReference[] = [];
  visitDocument(root, (value, keys) => {
    // The values of free names are never texts, so that a text under this name is a reference among them, too.
    const { $ref } = value;
    if (typeof $ref === 'string' && !$ref.startsWith('#'))
      found.push({ file: $ref.split('#', 1)[0] ?? '', place: pointerOf(keys) });
    const { mapping } = value;
    // A discriminator may name schemas that nothing else refers to.
    if (typeof value['propertyName'] !== 'string' || typeof mapping !== 'object' || mapping === null) return;
    for (const target of Object.values(mapping)) {
      const file = typeof target === 'string' ? (target.split('#', 1)[0] ?? '') : '';
      if (/[/\\]|\.(?:json|ya?ml)$/i.test(file)) found.push({ file, place: pointerOf([...keys, 'mapping']) });
    }
  });
  return found;
}

/** A place in a file that has a name of its own. */
export interface NamedPlace {
  location: string;
  keys: readonly string[];
}

/** What `$id`, `$anchor` and `$dynamicAnchor` name in a file, by its URI; anchors also by the file's own one. */
export function namedPlacesIn(root: unknown, location: string): Map<string, NamedPlace> {
  const places = new Map<string, NamedPlace>();
  const bases: { depth: number; uri: string }[] = [];
  const add = (uri: string, keys: readonly string[]): void => {
    if (!places.has(uri)) places.set(uri, { location, keys: [...keys] });
  };
  visitDocument(root, (value, keys) => {
    while (bases.length > 0 && (bases.at(-1)?.depth ?? 0) >= keys.length && keys.length > 0) bases.pop();
    const { $id } = value;
    const base = bases.at(-1)?.uri ?? location;
    if (typeof $id === 'string' && URL.canParse($id, base)) {
      const uri = new URL($id, base).href.replace(/#$/, '');
      bases.push({ depth: keys.length, uri });
      add(uri, keys);
    }
    for (const name of [value['$anchor'], value['$dynamicAnchor']]) {
      if (typeof name !== 'string') continue;
      add(`${bases.at(-1)?.uri ?? location}#${name}`, keys);
      add(`${location}#${name}`, keys);
    }
  });
  return places;
}
