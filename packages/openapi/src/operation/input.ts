import type { FieldPlace, HttpMethod } from 'temporal-http-tasks/internal/tasks/define';
import { takesBody } from 'temporal-http-tasks/internal/tasks/define';
import type { CredentialRule } from 'temporal-http-tasks/internal/tasks/service';
import type { BodyForm, FieldWriting } from 'temporal-http-tasks/internal/tasks/wire';
import type { SchemaReader } from '../schema/read-schema';
import { ANY_FIELD } from '../schema/forgotten-fields';
import { resolved } from '../schema/shape';
import type { FieldShape, NamedShapes, ObjectShape, Shape } from '../schema/shape';
import { fieldsOf, readBody } from './body';
import type { Body } from './body';
import type { FoundOperation } from './find-operations';
import { bareName, capitalised, freeName } from './names';
import { hasAuthorizationParameter, readParameters } from './parameters';
import type { Parameter } from './parameters';
import type { SignIn } from './security';

/** What a task takes, and where each of its fields goes. */
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

/** A method that usually has a body and here has none says so; JSON is the usual form. */
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
