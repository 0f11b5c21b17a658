import Ajv04 from 'ajv-draft-04';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';

type Json = Record<string, unknown>;

/** What an independent validator says about values, measured by a document's own schemas. */
export interface DocumentValidator {
  /** The first complaint about the JSON body of an operation, or undefined. */
  body(path: string, method: string, value: unknown): string | undefined;
  /** The first complaint about the value of a parameter, or undefined. */
  parameter(path: string, method: string, name: string, value: unknown): string | undefined;
}

const ROOT = 'doc';

/** Compiles nothing until it is asked about an operation. */
export function validatorOf(document: Json): DocumentValidator {
  const isOld = String(document['openapi']).startsWith('3.0');
  const options = { strict: false, allErrors: false, logger: false } as const;
  const ajv = isOld ? new Ajv04(options) : new Ajv2020(options);
  addFormats(ajv);
  const { components = {}, paths } = rewritten(document) as {
    components?: { schemas?: Json; parameters?: Record<string, Json>; requestBodies?: Json };
    paths: Record<string, Record<string, Json>>;
  };
  const schemas = components.schemas ?? {};
  forRequests([schemas, paths], schemas);
  ajv.addSchema({ definitions: schemas }, ROOT);
  const complaint = (schema: unknown, value: unknown): string | undefined => {
    const validate = ajv.compile(schema as Json);
    return validate(value) ? undefined : ajv.errorsText(validate.errors);
  };
  return {
    body(path, method, value) {
      const { content } = paths[path]![method]!['requestBody'] as { content: Record<string, { schema?: unknown }> };
      return complaint(content['application/json']?.schema ?? {}, value);
    },
    parameter(path, method, name, value) {
      const all = [paths[path]!['parameters'], paths[path]![method]!['parameters']].flatMap(
        (list) => (list ?? []) as unknown as Json[],
      );
      const found = all
        .map((one) => ('$ref' in one ? components.parameters![String(one['$ref']).split('/').pop()!]! : one))
        .find((one) => one['name'] === name);
      return complaint(found!['schema'] ?? {}, value);
    },
  };
}

/**
 * As OpenAPI means it for requests: a field that only responses have is not required, `nullable` next to `allOf` or
 * a reference, where JSON Schema does not look, allows null, and what YAML reads as a number among the values of a text
 * means its digits: as a number, no request could have it.
 */
function forRequests(value: unknown, schemas: Json): void {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) forRequests(inner, schemas);
  const node = value as {
    properties?: Record<string, Json>;
    required?: string[];
    nullable?: boolean;
    type?: unknown;
    allOf?: unknown;
    anyOf?: unknown;
    enum?: unknown;
  };
  if (node.type === 'string' && Array.isArray(node.enum))
    node.enum = node.enum.map((one: unknown) => (typeof one === 'number' ? String(one) : one));
  if (Array.isArray(node.required) && node.properties) {
    const hasResponse = (field: Json | undefined): boolean =>
      field?.['readOnly'] === true ||
      (typeof field?.['$ref'] === 'string' && (schemas[field['$ref'].split('/').pop()!] as Json)['readOnly'] === true);
    node.required = node.required.filter((name) => !hasResponse(node.properties![name]));
    // The oldest drafts want at least one name.
    if (node.required.length === 0) delete node.required;
  }
  if (node.nullable === true && (node.type === undefined || node.allOf !== undefined)) {
    const meant = { ...value };
    for (const key of Object.keys(value)) delete (value as Json)[key];
    node.anyOf = [{ ...meant, nullable: undefined }, { type: 'null' }];
  }
}

/** References lead to the schemas' own place; examples and the like are data that no validator should look into. */
function rewritten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewritten);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]) => {
      if (
        key.startsWith('x-') ||
        ((key === 'example' || key === 'examples') && typeof entry !== 'object') ||
        key === 'discriminator'
      )
        return [];
      if (
        (key === 'example' || key === 'examples') &&
        !(typeof entry === 'object' && entry !== null && ('type' in entry || '$ref' in entry))
      )
        return [];
      if (key === '$ref' && typeof entry === 'string')
        return [[key, entry.replace('#/components/schemas/', `${ROOT}#/definitions/`)]];
      return [[key, rewritten(entry)]];
    }),
  );
}
