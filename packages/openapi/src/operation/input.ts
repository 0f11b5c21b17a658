import { takesBody } from 'temporal-http-tasks/internal/tasks/define';
import type { FieldPlace, HttpMethod } from 'temporal-http-tasks/internal/tasks/define';
import type { CredentialRule } from 'temporal-http-tasks/internal/tasks/service';
import type { BodyForm, FieldWriting, FormFieldWriting, WritingStyle } from 'temporal-http-tasks/internal/tasks/wire';
import type { DocumentNode } from '../document/document-node';
import { ANY_FIELD } from '../schema/forgotten-fields';
import type { SchemaReader } from '../schema/read-schema';
import { resolved, unionOf } from '../schema/shape';
import type { FieldShape, NamedShapes, ObjectShape, Shape } from '../schema/shape';
import type { FoundOperation } from './find-operations';
import { kindOf, mediaIn } from './media-types';
import type { Media } from './media-types';
import { bareName, capitalised, freeName } from './names';
import { hasAuthorizationParameter, readParameters } from './parameters';
import type { Parameter } from './parameters';
import type { SignIn } from './security';

/** A task's input, and where each of its fields is sent. */
export interface TaskInputPlan {
  input: ObjectShape;
  places: Record<string, FieldPlace>;
  writing: Record<string, FieldWriting>;
  bodyForm: BodyForm | undefined;
  /** Keys in places where the input would be; they are put in at send time. */
  keys: CredentialRule[];
  /** Fields that are taken for credentials because of their names, and so are not input. */
  taken: string[];
  /** Parameters that are left to the caller, for those who look for keys among them. */
  parameters: readonly Parameter[];
  /** Parts of the path for which the document has no parameter. */
  undescribed: readonly string[];
}

/** What an input takes although the document does not name it. */
export interface Allowance {
  /** Any field of the body. */
  all: boolean;
  /** The paths of single fields. */
  fields: readonly string[];
}

/** One object of all parameters and of the body's fields; a body that is not a plain object is one field of it. */
export function readInput(
  { node, pathItem, method, path }: FoundOperation,
  schemas: SchemaReader,
  signIn: SignIn,
  allowance: Allowance,
): TaskInputPlan {
  const placeholders = [...new Set([...path.matchAll(/\{([^{}]+)\}/g)].map(([, name = '']) => name))];
  const named = readParameters(node, pathItem, schemas).filter(
    ({ name, place }) => place !== 'path' || placeholders.includes(name),
  );
  if (placeholders.includes('__proto__')) node.refuse('a parameter cannot be called __proto__');
  const undescribed = placeholders.filter(
    (placeholder) => !named.some(({ name, place }) => place === 'path' && name === placeholder),
  );
  const all = [...undescribed.map(undescribedParameter), ...named];
  const isInput = ({ name, place }: Parameter): boolean => !isKey(name, signIn, place === 'path');
  const parameters = all.filter(isInput);
  const body = readBody(node, schemas);
  const fields = new Map<string, FieldShape>();
  const keys = all.flatMap((parameter) => (isInput(parameter) ? [] : keyFor(parameter.name, parameter.place, signIn)));
  const plan: TaskInputPlan = {
    input: { kind: 'object', fields, rest: 'closed' },
    places: {},
    writing: {},
    bodyForm: formOf(body, method),
    keys,
    taken: all.filter((one) => !isInput(one)).map(({ name }) => name),
    parameters,
    undescribed,
  };
  // The parameter is ignored as input; a setting that a person names for it is sent in it.
  const isSigned = signIn.rules.some(({ in: place, name }) => place === 'header' && name === 'authorization');
  if (!isSigned && hasAuthorizationParameter(node, pathItem)) keys.push(...keyFor('authorization', 'header', signIn));
  addParameters(parameters, fields, plan);
  const isFlat = body !== undefined && addBody(body, fields, plan, method, schemas, signIn, allowance.all);
  for (const name of allowance.fields) {
    if (name.includes('.') || fields.has(name) || name === '__proto__') continue;
    fields.set(name, ANY_FIELD);
    if (isFlat !== takesBody(method) || !isFlat) plan.places[name] = isFlat ? 'body' : 'query';
  }
  return plan;
}

function undescribedParameter(name: string): Parameter {
  return { name, place: 'path', required: true, shape: { kind: 'string' }, writing: {} };
}

/** Returns `none` for a method that usually has a body and has none here. JSON is the default. */
function formOf(body: Body | undefined, method: HttpMethod): BodyForm | undefined {
  if (!body) return takesBody(method) ? { as: 'none' } : undefined;
  return body.form.as === 'json' && body.form.contentType === undefined ? undefined : body.form;
}

function addParameters(parameters: readonly Parameter[], fields: Map<string, FieldShape>, plan: TaskInputPlan): void {
  const taken = new Set<string>();
  for (const { name, place, shape, required, writing } of parameters) {
    const field = freeName(taken.has(name) ? `${name}In${capitalised(place)}` : name, taken);
    // Headers are named in small letters, so that no two of them differ in nothing else.
    const wire = place === 'header' ? name.toLowerCase() : name;
    fields.set(field, { shape, required });
    plan.places[field] = place;
    const written = { ...(wire !== field && { name: wire }), ...writing };
    if (Object.keys(written).length > 0) plan.writing[field] = written;
  }
}

/** @returns Whether the fields of the body are next to the parameters. */
function addBody(
  body: Body,
  fields: Map<string, FieldShape>,
  plan: TaskInputPlan,
  method: HttpMethod,
  schemas: SchemaReader,
  signIn: SignIn,
  takesAny: boolean,
): boolean {
  const all = fieldsOf(body, schemas);
  // A read-only field is not a reason to keep the body whole.
  const inner = all && new Map([...all].filter(([name, { readOnly }]) => !readOnly || !fields.has(name)));
  const clashes = inner && [...inner.keys()].some((name) => fields.has(name) && !isKey(name, signIn));
  // A field that no one names is sent where the method's fields usually go, and that has to be the body.
  const isOpen = takesAny && isUnstated(body.shape, schemas);
  if (!inner || clashes || (isOpen && !takesBody(method))) {
    addWhole(body, fields, plan, schemas, signIn);
    return false;
  }
  if (isOpen) plan.input.rest = 'open';
  for (const [name, field] of inner) {
    if (isKey(name, signIn)) {
      plan.taken.push(name);
      plan.keys.push(...keyFor(name, 'body', signIn, field.required));
      continue;
    }
    fields.set(name, field);
    if (!takesBody(method)) plan.places[name] = 'body';
  }
  return true;
}

function isUnstated(shape: Shape, names: NamedShapes): boolean {
  const behind = resolved(shape, names);
  return behind.kind === 'object' && behind.rest === 'unstated';
}

function addWhole(
  body: Body,
  fields: Map<string, FieldShape>,
  plan: TaskInputPlan,
  schemas: SchemaReader,
  signIn: SignIn,
): void {
  const name = freeName(fields.has('body') ? 'requestBody' : 'body', new Set(fields.keys()));
  const shape = resolved(body.shape, schemas);
  if (shape.kind === 'object') plan.taken.push(...[...shape.fields.keys()].filter((field) => isKey(field, signIn)));
  const withoutKeys =
    shape.kind === 'object'
      ? { ...shape, fields: new Map([...shape.fields].filter(([field]) => !isKey(field, signIn))) }
      : body.shape;
  fields.set(name, { shape: withoutKeys, required: body.required });
  plan.places[name] = 'wholeBody';
}

/** Whether a field is one of the credentials; a part of the path only if that was decided, since nothing else would fill it. */
function isKey(name: string, { keys }: SignIn, onlyIfDeclared = false): boolean {
  const key = keys.get(bareName(name));
  return key !== undefined && (key.always || !onlyIfDeclared);
}

function keyFor(name: string, place: CredentialRule['in'], { keys }: SignIn, required = false): CredentialRule[] {
  const key = keys.get(bareName(name));
  if (key?.setting === undefined || !(key.always || required)) return [];
  return [{ setting: key.setting, in: place, name: place === 'header' ? name.toLowerCase() : name }];
}

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
  const described = description === undefined ? {} : { description };
  switch (behind.kind) {
    case 'unknown':
      return { ...change({ kind: 'object', fields: new Map(), rest: 'open' }), ...described };
    case 'object':
      return { ...change(behind), ...described };
    case 'union':
    case 'both': {
      if (nesting > MOST_NESTING) return undefined;
      // A body that is null is one that is not there.
      const all = (behind.kind === 'union' ? behind.options : behind.parts).filter(({ kind }) => kind !== 'null');
      const changed = all.flatMap((one) => eachObject(one, names, change, nesting + 1) ?? []);
      if (changed.length < all.length || all.length === 0) return undefined;
      return behind.kind === 'union'
        ? { ...unionOf(changed, behind), ...described }
        : { ...behind, parts: changed, ...described };
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
  const described = description === undefined ? {} : { description };
  if (nesting > MOST_NESTING) return undefined;
  if (behind.kind === 'string') return behind.format === 'binary' ? { kind: 'file', ...described } : undefined;
  if (behind.kind === 'array') {
    const items = inList ? undefined : withFiles(behind.items, names, true, nesting + 1);
    return items && { ...behind, items, ...described };
  }
  if (behind.kind !== 'union') return undefined;
  const options = behind.options.map((option) => withFiles(option, names, inList, nesting + 1));
  if (options.every((option) => option === undefined)) return undefined;
  return {
    ...behind,
    options: options.map((option, place) => option ?? behind.options[place] ?? { kind: 'never' }),
    ...described,
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
