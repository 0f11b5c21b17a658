import type { ErrorTaxonomy } from 'temporal-http-tasks/internal/tasks/service';
import type { DocumentNode } from '../document/document-node';
import type { SchemaReader } from '../schema/read-schema';
import { resolved } from '../schema/shape';
import type { NamedShapes, Shape } from '../schema/shape';
import { mediaIn } from './media-types';

/** By dotted path; many APIs put everything about an error under `error`. */
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
 * The names of the fields in which errors carry code, type and request id, from the first errors that the operations
 * describe: under `default`, as many documents do, or under a status. What each code means no document says.
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
    // What is wrong there is reported where the operation is read.
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
