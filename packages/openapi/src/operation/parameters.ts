import type { FieldPlace } from 'temporal-http-tasks/internal/tasks/define';
import type { FieldWriting, WritingStyle } from 'temporal-http-tasks/internal/tasks/wire';
import type { DocumentNode } from '../document/document-node';
import type { SchemaReader } from '../schema/read-schema';
import { resolved, unionOf } from '../schema/shape';
import type { NamedShapes, Shape } from '../schema/shape';
import { kindOf } from './media-types';

/** One parameter of an operation. */
export interface Parameter {
  name: string;
  place: Extract<FieldPlace, 'path' | 'query' | 'header' | 'cookie'>;
  required: boolean;
  shape: Shape;
  writing: FieldWriting;
}

const PLACES = ['path', 'query', 'header', 'cookie'] as const;
const STYLES: Record<Parameter['place'], readonly WritingStyle[]> = {
  path: ['simple', 'label', 'matrix'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
};

/** OpenAPI leaves these to the media types and the security schemes. */
const IGNORED_HEADERS = new Set(['accept', 'content-type', 'authorization']);
/** They frame the message or the connection; the sender alone decides them. */
const OWN_HEADERS = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'expect', 'te', 'trailer'],
  ...['accept-encoding', 'proxy-authorization', 'proxy-connection', 'cookie', 'user-agent'],
]);
/** Those of them that are sent with every request anyway; a document may require them. */
const ALWAYS_SENT = new Set(['host', 'content-length', 'connection', 'user-agent']);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The parameters of an operation; its own ones replace those of its path, and those next to a `$ref` its target's. */
export function readParameters(node: DocumentNode, pathItem: DocumentNode, schemas: SchemaReader): Parameter[] {
  const byKey = new Map<string, Parameter>();
  for (const owner of [...pathItem.layers(), ...node.layers()]) {
    for (const entry of owner.follow('parameters')?.elements() ?? []) {
      const parameter = readParameter(entry.target(), schemas);
      if (!parameter) continue;
      const { place, name } = parameter;
      // Names of headers are equal in any case.
      byKey.set(`${place} ${place === 'header' ? name.toLowerCase() : name}`, parameter);
    }
  }
  return [...byKey.values()];
}

/** Whether the document describes the header `Authorization` as a parameter, which OpenAPI leaves to the security schemes. */
export function hasAuthorizationParameter(node: DocumentNode, pathItem: DocumentNode): boolean {
  const entries = [...pathItem.layers(), ...node.layers()].flatMap(
    (owner) => owner.follow('parameters')?.elements() ?? [],
  );
  return entries.some(
    (entry) => entry.target().text('in') === 'header' && entry.target().text('name')?.toLowerCase() === 'authorization',
  );
}

function readParameter(node: DocumentNode, schemas: SchemaReader): Parameter | undefined {
  const name = node.text('name') ?? node.refuse('a parameter must have a name');
  // As a field of the input it would be passed over, and the call would be another one.
  if (name === '__proto__') node.refuse('a parameter cannot be called __proto__');
  const place =
    PLACES.find((one) => one === node.text('in')) ??
    node.refuse(`the parameter ${JSON.stringify(name)} must be in one of: ${PLACES.join(', ')}`);
  if (place === 'header') {
    const lower = name.toLowerCase();
    if (IGNORED_HEADERS.has(lower)) return undefined;
    if (ALWAYS_SENT.has(lower)) return undefined;
    if (OWN_HEADERS.has(lower))
      return node.flag('required')
        ? node.refuse(`the header ${JSON.stringify(name)} is decided by the sender`)
        : undefined;
  }
  if ((place === 'header' || place === 'cookie') && !TOKEN.test(name))
    node.refuse(`${JSON.stringify(name)} is not a valid name for a ${place}`);
  const shape = describedBy(node, withoutNull(shapeOfParameter(node, schemas), schemas));
  const required = place === 'path' || node.flag('required');
  return { name, place, required, shape, writing: writingOf(node, place, shape, schemas) };
}

function shapeOfParameter(node: DocumentNode, schemas: SchemaReader): Shape {
  const schema = node.at('schema') ?? contentOf(node)?.[1].target().at('schema');
  return schema ? schemas.shapeOf(schema) : { kind: 'unknown' };
}

function contentOf(node: DocumentNode): [string, DocumentNode] | undefined {
  return node.mapAt('content')?.entries()[0];
}

function writingOf(node: DocumentNode, place: Parameter['place'], shape: Shape, names: NamedShapes): FieldWriting {
  const content = contentOf(node);
  // Any other media type is a text as it is.
  if (content) return kindOf(content[0].split(';', 1)[0]?.trim().toLowerCase() ?? '') === 'json' ? { json: true } : {};
  const [usual = 'simple'] = STYLES[place];
  const named = node.text('style');
  const style =
    named === undefined
      ? usual
      : (STYLES[place].find((one) => one === named) ??
        node.refuse(`the style ${JSON.stringify(named)} cannot be used in the ${place}`));
  const explode = node.at('explode') === undefined ? style === 'form' : node.flag('explode');
  const allowReserved = place === 'query' && node.flag('allowReserved');
  if (style === usual && !allowReserved && isScalar(shape, names)) return {};
  return { style, explode, ...(allowReserved && { allowReserved }) };
}

/** Whether a value is one text, whatever it is. */
function isScalar(shape: Shape, names: NamedShapes): boolean {
  const { kind } = resolved(shape, names);
  return kind === 'string' || kind === 'number' || kind === 'boolean' || kind === 'literals';
}

/** A parameter that is null is one that is not there. */
function withoutNull(shape: Shape, names: NamedShapes): Shape {
  const behind = resolved(shape, names);
  if (behind.kind !== 'union' || !behind.options.some(({ kind }) => kind === 'null')) return shape;
  return unionOf(
    behind.options.filter(({ kind }) => kind !== 'null'),
    behind,
  );
}

function describedBy(node: DocumentNode, shape: Shape): Shape {
  const text = node.at('description')?.value;
  return typeof text === 'string' && text.trim() !== '' ? { ...shape, description: text.trim() } : shape;
}
