import { visitDocument } from './find-references';
import { pointerOf } from './openapi-error';

/** Something that only OpenAPI 3.2 has and that is ignored. */
export interface IgnoredFeature {
  /** Its name and what that means, for people. */
  what: string;
  /** Where it is: JSON pointers, in order. */
  places: readonly string[];
}

type Owner = 'document' | 'tag' | 'server' | 'flows' | 'scheme' | 'media' | 'response' | 'discriminator' | 'xml';

/** What 3.2 added to each object, and how it is treated. Operations that need more than this are skipped, with their place. */
const ADDED: Readonly<Record<Owner, Readonly<Record<string, string>>>> = {
  document: { $self: '$self: references are resolved from where the document was read' },
  tag: {
    summary: 'summary of a tag: tags are names only',
    parent: 'parent of a tag: tags are names only',
    kind: 'kind of a tag: tags are names only',
  },
  server: { name: 'name of a server: environments are named by words of the description and the address' },
  flows: { deviceAuthorization: 'deviceAuthorization: the token comes from a setting' },
  scheme: {
    oauth2MetadataUrl: 'oauth2MetadataUrl: it is not read',
    deprecated: 'deprecated on a security scheme: the scheme is used as before',
  },
  media: {
    itemSchema: 'itemSchema: entries of a stream are not checked',
    itemEncoding: 'itemEncoding: entries are read as the media type says',
    prefixEncoding: 'prefixEncoding: entries are read as the media type says',
  },
  response: { summary: 'summary of a response: it is not shown' },
  discriminator: { defaultMapping: 'defaultMapping: a value without the property may be any of the options' },
  xml: { nodeType: 'nodeType: XML is passed on as text' },
};

/**
 * Finds the ignored features of a document that only OpenAPI 3.2 has, by kind.
 *
 * @param root A value that was made tame.
 */
export function ignoredIn(root: unknown): IgnoredFeature[] {
  const found = new Map<string, string[]>();
  visitDocument(root, (value, keys) => {
    const owner = ownerAt(keys, value);
    if (owner === undefined) return;
    for (const [key, what] of Object.entries(ADDED[owner])) {
      if (!Object.hasOwn(value, key)) continue;
      const places = found.get(what) ?? [];
      found.set(what, places);
      places.push(pointerOf([...keys, key]));
    }
  });
  return [...found].map(([what, places]) => ({ what, places }));
}

/** What kind of object is at a position, as far as 3.2 added something to it. */
function ownerAt(keys: readonly string[], value: Readonly<Record<string, unknown>>): Owner | undefined {
  const [last = '', before = '', third = ''] = [keys.at(-1), keys.at(-2), keys.at(-3)];
  if (keys.length === 0) return 'document';
  if (before === 'tags' && keys.length === 2) return 'tag';
  if (before === 'servers') return 'server';
  if (last === 'flows' && third === 'securitySchemes') return 'flows';
  if (before === 'securitySchemes') return 'scheme';
  if (before === 'content' || before === 'mediaTypes') return 'media';
  if (before === 'responses') return 'response';
  if (last === 'discriminator' && typeof value['propertyName'] === 'string') return 'discriminator';
  return last === 'xml' ? 'xml' : undefined;
}
