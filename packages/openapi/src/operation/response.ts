import { JSON_ANSWER } from 'temporal-http-tasks/internal/tasks/wire';
import type { AnswerForm } from 'temporal-http-tasks/internal/tasks/wire';
import type { DocumentNode } from '../document/document-node';
import type { SchemaReader } from '../schema/read-schema';
import { resolved, unionOf } from '../schema/shape';
import type { NamedShapes, Shape } from '../schema/shape';
import { mediaIn } from './media-types';
import type { Media } from './media-types';

/** What an operation returns when it succeeds. */
export interface DescribedResponse {
  shape: Shape;
  form: AnswerForm;
  /** What the document leaves open about it. */
  open?: string;
}

/** Statuses whose responses never have a body. */
const WITHOUT_BODY = /^(204|205)$/;

/** Any body is taken: JSON, text or none. */
const ANYTHING = {
  shape: { kind: 'unknown' },
  form: { as: 'any', accept: '*/*' },
} as const satisfies DescribedResponse;

/**
 * What an operation returns when it succeeds: all of its 2xx responses together. A response that is described without content
 * says nothing about a body (`content` is optional), so that any is taken: a call that was made must not look broken.
 *
 * @param changes Whether the operation changes something; an empty body then counts as a response too.
 */
export function readResponse(
  node: DocumentNode,
  schemas: SchemaReader,
  { changes }: { changes: boolean },
): DescribedResponse {
  const described = (node.mapAt('responses')?.entries() ?? []).filter(([status]) => /^2(\d\d|XX)$/i.test(status));
  const good = described.map(([, response]) => response.target());
  // `default` describes all other responses, in most documents errors; a good response is not checked against it.
  if (good.length === 0) return { ...ANYTHING, open: noSuccessResponse(node) };
  const media = good.map((response) => mediaIn(response));
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

/** What is asked for: of a range that may be JSON, JSON. */
function accepted({ kind, type, range }: Media): string {
  return kind === 'json' ? type : range;
}
