import type { DocumentNode } from '../document/document-node';

/** How a media type is carried through JSON. */
export type MediaKind = 'json' | 'form' | 'multipart' | 'text' | 'bytes';

/** One media type of a body, and its description in the document. */
export interface Media {
  /** As it is sent: a range such as `text/*` is sent as its usual type. */
  type: string;
  /** As it is accepted. */
  range: string;
  kind: MediaKind;
  node: DocumentNode;
}

const ORDER: readonly MediaKind[] = ['json', 'form', 'multipart', 'text', 'bytes'];
const TEXT = /^text\/|[/+](xml|yaml|x-yaml|javascript|jwt|x-ndjson|ndjson|graphql|x-pem-file|sql)$/;

/** The media types under `content`, the ones that a task can check best in front. */
export function mediaIn(node: DocumentNode): Media[] {
  const entries = node.mapAt('content')?.entries() ?? [];
  const all = entries.flatMap(([name, media]) => {
    const type = name.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    return /^[\w.+*-]+\/[\w.+*-]+$/.test(type)
      ? [{ type: sentAs(type), range: type, kind: kindOf(type), node: media.target() }]
      : [];
  });
  return all.sort(
    (a, b) =>
      ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) ||
      Number(b.type === 'application/json') - Number(a.type === 'application/json'),
  );
}

/** JSON by the WHATWG rule and by older names, as responses are read; also ranges of such types. */
const JSON_TYPE = /^(?:(?:application|text)\/(?:x-)?json|application\/x-amz-json-[\d.]+|[\w.+*-]+\/[\w.*-]+\+json)$/;

const USUAL: Partial<Record<MediaKind, string>> = { json: 'application/json', text: 'text/plain' };

function sentAs(type: string): string {
  return type.includes('*') ? (USUAL[kindOf(type)] ?? 'application/octet-stream') : type;
}

/** How a body or parameter of a media type is carried through JSON. */
export function kindOf(type: string): MediaKind {
  if (type === 'application/x-www-form-urlencoded') return 'form';
  if (type === 'multipart/form-data' || type === 'multipart/mixed') return 'multipart';
  if (JSON_TYPE.test(type) || type === '*/*' || type === 'application/*') return 'json';
  return TEXT.test(type) ? 'text' : 'bytes';
}
