import type { BodyForm, FormFieldWriting, WritingStyle } from 'temporal-http-tasks/internal/tasks/wire';
import type { DocumentNode } from '../document/document-node';
import type { SchemaReader } from '../schema/read-schema';
import { resolved, unionOf } from '../schema/shape';
import type { FieldShape, NamedShapes, ObjectShape, Shape } from '../schema/shape';
import { kindOf, mediaIn } from './media-types';
import type { Media } from './media-types';

/** The body of an operation. */
export interface Body {
  shape: Shape;
  required: boolean;
  form: BodyForm;
}

const FORM_STYLES: readonly WritingStyle[] = ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'];

/** Maximum depth to which unions in unions and names of names are followed; a recursive schema would never end. */
const MOST_NESTING = 8;

/** The body of an operation, in the media type that a task can check best; undefined for none. */
export function readBody(node: DocumentNode, schemas: SchemaReader): Body | undefined {
  const body = node.follow('requestBody');
  if (!body) return undefined;
  const [media] = mediaIn(body);
  if (!media) return body.refuse('its content names no media type');
  const streamed = ['itemSchema', 'itemEncoding', 'prefixEncoding'].find((key) => media.node.at(key) !== undefined);
  const isAsIs = media.kind === 'text' || media.kind === 'bytes';
  if (streamed !== undefined && !isAsIs && (media.kind === 'multipart' || media.node.at('schema') === undefined))
    media.node.refuse(`its ${streamed} describes a stream of entries, which cannot be sent`);
  const required = body.flag('required');
  const schema = media.node.at('schema');
  const shape: Shape = schema ? schemas.shapeOf(schema) : { kind: 'unknown' };
  switch (media.kind) {
    case 'json':
      return {
        shape,
        required,
        form: { as: 'json', ...(media.type !== 'application/json' && { contentType: media.type }) },
      };
    case 'text':
      return { shape: textual(shape, schemas), required, form: { as: 'text', contentType: media.type } };
    case 'bytes':
      return {
        shape: { kind: 'string', format: 'byte', description: `The bytes of ${media.type}, as base64.` },
        required,
        form: { as: 'bytes', contentType: media.type },
      };
    case 'form':
    case 'multipart':
      return formBody(media, media.kind, shape, required, schemas);
  }
}

/** The fields that a body may be taken apart into, so that they are next to the parameters; undefined if it has to stay whole. */
export function fieldsOf({ shape, form }: Body, names: NamedShapes): ReadonlyMap<string, FieldShape> | undefined {
  if (form.as === 'text' || form.as === 'bytes') return undefined;
  const object = resolved(shape, names);
  const isPlain =
    object.kind === 'object' &&
    (object.rest === 'closed' || object.rest === 'unstated') &&
    object.atLeast === undefined &&
    object.atMost === undefined;
  return isPlain ? object.fields : undefined;
}

function textual(shape: Shape, names: NamedShapes): Shape {
  return resolved(shape, names).kind === 'string' ? shape : { kind: 'string' };
}

function formBody(media: Media, as: 'form' | 'multipart', shape: Shape, required: boolean, names: NamedShapes): Body {
  const encoding = media.node.mapAt('encoding');
  const writing: Record<string, FormFieldWriting> = {};
  const withWriting = (object: ObjectShape): ObjectShape => {
    const fields = new Map<string, FieldShape>();
    for (const [name, field] of object.fields) {
      const encoded = encoding?.follow(name);
      const file = as === 'multipart' ? fileOf(field.shape, encoded, names) : undefined;
      fields.set(name, file ? { ...field, shape: file } : field);
      const written = { ...writing[name], ...writingOf(encoded, file !== undefined) };
      if (Object.keys(written).length > 0) writing[name] = written;
    }
    return { ...object, fields };
  };
  const written = eachObject(shape, names, withWriting);
  if (!written) return media.node.refuse(`a body of ${media.type} must be an object`);
  const form: BodyForm = { as, ...(Object.keys(writing).length > 0 && { fields: writing }) };
  return { shape: written, required, form };
}

/** The shape with each object that it may be changed; undefined where it may be anything else. */
function eachObject(
  shape: Shape,
  names: NamedShapes,
  change: (object: ObjectShape) => ObjectShape,
  nesting = 0,
): Shape | undefined {
  const behind = resolved(shape, names);
  const description = shape.description ?? behind.description;
  const said = description === undefined ? {} : { description };
  switch (behind.kind) {
    case 'unknown':
      return { ...change({ kind: 'object', fields: new Map(), rest: 'open' }), ...said };
    case 'object':
      return { ...change(behind), ...said };
    case 'union':
    case 'both': {
      if (nesting > MOST_NESTING) return undefined;
      // A body that is null is one that is not there.
      const all = (behind.kind === 'union' ? behind.options : behind.parts).filter(({ kind }) => kind !== 'null');
      const changed = all.flatMap((one) => eachObject(one, names, change, nesting + 1) ?? []);
      if (changed.length < all.length || all.length === 0) return undefined;
      return behind.kind === 'union'
        ? { ...unionOf(changed, behind), ...said }
        : { ...behind, parts: changed, ...said };
    }
    default:
      return undefined;
  }
}

function writingOf(encoding: DocumentNode | undefined, isFile: boolean): FormFieldWriting {
  const style = FORM_STYLES.find((one) => one === encoding?.text('style'));
  const contentType = encoding?.text('contentType');
  const isOneType = contentType !== undefined && /^[\w.+-]+\/[\w.+-]+$/.test(contentType);
  return {
    ...(isFile && { file: true }),
    ...(style && {
      style,
      explode: encoding?.at('explode') === undefined ? style === 'form' : encoding.flag('explode'),
    }),
    ...(encoding?.flag('allowReserved') && { allowReserved: true }),
    ...(isOneType && { contentType }),
  };
}

/** What a part of a form takes where it takes files; undefined where it takes none. */
function fileOf(shape: Shape, encoding: DocumentNode | undefined, names: NamedShapes): Shape | undefined {
  if (!isBytes(shape, encoding)) return withFiles(shape, names);
  return { kind: 'file', ...(shape.description !== undefined && { description: shape.description }) };
}

/**
 * The shape with a file in place of bytes: alone, in a list, or among the options of a union. A list of lists of files is
 * none that a form can have.
 *
 * @returns undefined for a shape that takes no bytes.
 */
function withFiles(shape: Shape, names: NamedShapes, inList = false, nesting = 0): Shape | undefined {
  const behind = resolved(shape, names);
  const description = shape.description ?? behind.description;
  const said = description === undefined ? {} : { description };
  if (nesting > MOST_NESTING) return undefined;
  if (behind.kind === 'string') return behind.format === 'binary' ? { kind: 'file', ...said } : undefined;
  if (behind.kind === 'array') {
    const items = inList ? undefined : withFiles(behind.items, names, true, nesting + 1);
    return items && { ...behind, items, ...said };
  }
  if (behind.kind !== 'union') return undefined;
  const options = behind.options.map((option) => withFiles(option, names, inList, nesting + 1));
  if (options.every((option) => option === undefined)) return undefined;
  return {
    ...behind,
    options: options.map((option, place) => option ?? behind.options[place] ?? { kind: 'never' }),
    ...said,
  };
}

/** Bytes that only their media type describes: a field without a schema. */
function isBytes(shape: Shape, encoding: DocumentNode | undefined): boolean {
  const types =
    encoding
      ?.text('contentType')
      ?.split(',')
      .map((type) => type.trim().split(';', 1)[0]?.toLowerCase() ?? '') ?? [];
  return (
    shape.kind === 'unknown' &&
    types.length > 0 &&
    types.every((type) => /^(image|audio|video|font)\/./.test(type) || kindOf(type) === 'bytes')
  );
}
