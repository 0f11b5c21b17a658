import { JSON_ANSWER } from '../../tasks/wire';
import type { AnswerForm } from '../../tasks/wire';
import type { DocumentNode } from '../document/document-node';
import type { SchemaReader } from '../schema/read-schema';
import { unionOf } from '../schema/shape';
import type { Shape } from '../schema/shape';
import { mediaIn } from './media-types';
import type { Media } from './media-types';

/** What an operation answers when it goes well. */
export interface Answer {
  shape: Shape;
  form: AnswerForm;
  /** What the document leaves open about it. */
  open?: string;
}

/** What an operation answers when it goes well: all of its 2xx answers together. */
export function readAnswer(node: DocumentNode, schemas: SchemaReader): Answer {
  const good = (node.at('responses')?.entries() ?? []).filter(([status]) => /^2(\d\d|XX)$/i.test(status)).map(([, response]) => response.target());
  // `default` stands for whatever is not described, in most documents for errors; a good answer is not measured by it.
  if (good.length === 0) return { shape: { kind: 'unknown' }, form: JSON_ANSWER, open: 'the document describes no good answer, so any is taken' };
  const media = good.map((response) => mediaIn(response));
  const withContent = media.filter((types) => types.length > 0);
  const isEmpty = withContent.length < media.length;
  const json = withContent.map((types) => types.find(({ kind }) => kind === 'json')).filter((one) => one !== undefined);
  if (json.length > 0 || withContent.length === 0) return jsonAnswer(json, isEmpty, schemas);
  const [first] = withContent.flat();
  const as = first?.kind === 'text' || first?.kind === 'form' ? 'text' : 'base64';
  const content: Shape = as === 'text' ? { kind: 'string' } : { kind: 'string', format: 'byte', description: `The bytes of ${first?.type}, as base64.` };
  return { shape: isEmpty ? unionOf([content, { kind: 'null' }]) : content, form: { as, accept: first?.type ?? '*/*' } };
}

function jsonAnswer(media: readonly Media[], isEmpty: boolean, schemas: SchemaReader): Answer {
  const shapes = media.map(({ node }): Shape => {
    const schema = node.at('schema');
    return schema ? schemas.shapeOf(schema) : { kind: 'unknown' };
  });
  const types = [...new Set(media.map(({ type }) => type))];
  const form = types.length === 0 || types.join() === JSON_ANSWER.accept ? JSON_ANSWER : { as: 'json' as const, accept: types.join(', ') };
  return { shape: unionOf(isEmpty ? [...shapes, { kind: 'null' }] : shapes), form };
}
