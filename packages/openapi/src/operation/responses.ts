import type { ErrorTaxonomy } from 'temporal-http-tasks/internal/tasks/service';
import { JSON_ANSWER } from 'temporal-http-tasks/internal/tasks/wire';
import type { AnswerForm } from 'temporal-http-tasks/internal/tasks/wire';
import type { DocumentNode } from '../document/document-node';
import type { SchemaReader } from '../schema/read-schema';
import { resolved, unionOf } from '../schema/shape';
import type { NamedShapes, Shape } from '../schema/shape';
import { mediaIn } from './media-types';
import type { Media } from './media-types';

/** The response of an operation that succeeds. */
export interface DescribedResponse {
  shape: Shape;
  form: AnswerForm;
  /** What the document does not describe. */
  open?: string;
}

/** Statuses whose responses never have a body. */
const WITHOUT_BODY = /^(204|205)$/;

/** Any body is accepted: JSON, text or none. */
const ANYTHING = {
  shape: { kind: 'unknown' },
  form: { as: 'any', accept: '*/*' },
} as const satisfies DescribedResponse;

/**
 * Returns what an operation returns when it succeeds, from all of its 2xx responses. After a response without `content`, which
 * is optional, any body is accepted, so that a call that was carried out does not fail.
 *
 * @param changes Whether the operation changes something; an empty body then counts as a response too.
 */
export function readResponse(
  node: DocumentNode,
  schemas: SchemaReader,
  { changes }: { changes: boolean },
): DescribedResponse {
  const described = (node.mapAt('responses')?.entries() ?? []).filter(([status]) => /^2(\d\d|XX)$/i.test(status));
  const successes = described.map(([, response]) => response.target());
  // `default` describes all other responses, in most documents errors; a successful response is not checked against it.
  if (successes.length === 0) return { ...ANYTHING, open: noSuccessResponse(node) };
  const media = successes.map((response) => mediaIn(response));
  const withContent = media.filter((types) => types.length > 0);
  const isEmpty = withContent.length < media.length;
  if (withContent.length === 0) return ANYTHING;
  const isOpen = described.some(([status], index) => !WITHOUT_BODY.test(status) && media[index]?.length === 0);
  if (isOpen)
    return {
      shape: { kind: 'unknown' },
      form: { as: 'any', accept: [...new Set([...withContent.flat().map(accepted), '*/*;q=0.5'])].join(', ') },
    };
  const json = withContent.map((types) => types.find(({ kind }) => kind === 'json')).filter((one) => one !== undefined);
  if (json.length > 0) return jsonResponse(json, isEmpty || changes, schemas);
  const [first] = withContent.flat();
  const as = first?.kind === 'text' || first?.kind === 'form' ? 'text' : 'base64';
  const content: Shape =
    as === 'text'
      ? { kind: 'string' }
      : { kind: 'string', format: 'byte', description: `The bytes of ${first?.range}, as base64.` };
  return {
    shape: isEmpty ? unionOf([content, { kind: 'null' }]) : content,
    form: { as, accept: first?.range ?? '*/*' },
  };
}

function noSuccessResponse(node: DocumentNode): string {
  const redirects = (node.mapAt('responses')?.entries() ?? []).some(([status]) => /^3/.test(status));
  return redirects
    ? 'its only good response is a redirect, which is not followed: every call fails with Task.UnexpectedResponse'
    : 'the document describes no good response, so any is accepted';
}

function jsonResponse(media: readonly Media[], isEmpty: boolean, schemas: SchemaReader): DescribedResponse {
  const shapes = media.map(({ node }): Shape => {
    const schema = node.at('schema');
    return schema ? schemas.shapeOf(schema) : { kind: 'unknown' };
  });
  // A text of any media type need not be JSON.
  if (media.every(({ range }) => range === '*/*') && shapes.every((shape) => isText(shape, schemas)))
    return { shape: unionOf(isEmpty ? [...shapes, { kind: 'null' }] : shapes), form: ANYTHING.form };
  const types = [...new Set(media.map(accepted))];
  const form =
    types.length === 0 || types.join() === JSON_ANSWER.accept
      ? JSON_ANSWER
      : { as: 'json' as const, accept: types.join(', ') };
  return { shape: unionOf(isEmpty ? [...shapes, { kind: 'null' }] : shapes), form };
}

function isText(shape: Shape, names: NamedShapes): boolean {
  const behind = resolved(shape, names);
  return behind.kind === 'union'
    ? behind.options.every((option) => option.kind === 'null' || isText(option, names))
    : behind.kind === 'string';
}

/** Returns what is sent as `accept`: JSON for a range that includes it. */
function accepted({ kind, type, range }: Media): string {
  return kind === 'json' ? type : range;
}

/** Dotted paths; many APIs have all fields of an error under `error`. */
const CODES = [
  'error_code',
  'errorCode',
  'code',
  'error',
  'error.code',
  'error.error_code',
  'error.status',
  'error.type',
  'status',
  'type',
];
const TYPES = ['error_type', 'errorType', 'error.type', 'type'];
const REQUEST_IDS = [
  'request_id',
  'requestId',
  'trace_id',
  'traceId',
  'correlation_id',
  'correlationId',
  'error.request_id',
  'error.requestId',
];

/**
 * Returns the names of the fields in which errors contain code, type and request ID, from the first errors that the operations
 * describe: under `default`, as in many documents, or under a status. No document describes what each code means.
 */
export function readErrors(operations: readonly DocumentNode[], schemas: SchemaReader): ErrorTaxonomy {
  for (const operation of operations) {
    const fields = fieldsOf(operation, schemas);
    if (!fields) continue;
    const first = (names: readonly string[]): string | undefined => names.find((name) => fields.has(name));
    const code = first(CODES);
    if (code === undefined) continue;
    const type = first(TYPES.filter((name) => name !== code));
    const requestId = first(REQUEST_IDS);
    return {
      fields: { code, ...(type !== undefined && { type }), ...(requestId !== undefined && { requestId }) },
      rules: [],
    };
  }
  return { fields: { code: 'code' }, rules: [] };
}

function fieldsOf(operation: DocumentNode, schemas: SchemaReader): Set<string> | undefined {
  try {
    const responses = operation.mapAt('responses')?.entries() ?? [];
    const described = responses
      .filter(([status]) => status === 'default' || /^[45]/.test(status))
      .sort(([a], [b]) => Number(b === 'default') - Number(a === 'default'));
    for (const [, response] of described) {
      const schema = mediaIn(response.target())
        .find(({ kind }) => kind === 'json')
        ?.node.at('schema');
      const names = schema && namesIn(schemas.shapeOf(schema), schemas);
      if (names && names.size > 0) return names;
    }
  } catch {
    // Reported when the operation itself is read.
  }
  return undefined;
}

function namesIn(shape: Shape, names: NamedShapes): Set<string> {
  const behind = resolved(shape, names);
  const objects = behind.kind === 'union' ? behind.options.map((option) => resolved(option, names)) : [behind];
  return new Set(
    objects.flatMap((object) => [
      ...scalarsIn(object, names),
      ...scalarsIn(fieldIn(object, 'error', names), names).map((name) => `error.${name}`),
    ]),
  );
}

function fieldIn(object: Shape | undefined, name: string, names: NamedShapes): Shape | undefined {
  const field = object?.kind === 'object' ? object.fields.get(name) : undefined;
  return field && resolved(field.shape, names);
}

function scalarsIn(object: Shape | undefined, names: NamedShapes): string[] {
  return object?.kind === 'object'
    ? [...object.fields].filter(([, field]) => isScalar(field.shape, names)).map(([name]) => name)
    : [];
}

function isScalar(shape: Shape, names: NamedShapes): boolean {
  const behind = resolved(shape, names);
  const kinds = behind.kind === 'union' ? behind.options.map((option) => resolved(option, names).kind) : [behind.kind];
  return kinds.includes('string') || kinds.includes('number');
}
