import Ajv2020 from 'ajv/dist/2020';
import { takes, taskFor } from './documents';

export type Json = Record<string, unknown>;

/** A schema, with values that an independent validator takes and that only name fields the schema knows. */
export interface SchemaCase {
  schemas?: Json;
  schema: unknown;
  values: readonly unknown[];
  bad?: readonly unknown[];
}

export const TEXT = { type: 'string' };
export const ref = (name: string, more: Json = {}): Json => ({ $ref: `#/components/schemas/${name}`, ...more });
export const object = (properties: Json, required: string[] = [], more: Json = {}): Json => ({
  type: 'object',
  properties,
  required,
  ...more,
});

/** Takes the values that a validator of JSON Schema takes, and none of the bad ones. */
export function expectSameAsValidator({ schemas = {}, schema, values, bad = [] }: SchemaCase): void {
  const ajv = new Ajv2020({ strict: false, logger: false });
  const validate = ajv.compile({ ...(schema as Json), components: { schemas } });
  const task = taskFor({ type: 'object', properties: { x: schema } }, { schemas, version: '3.1.0' });
  for (const x of values) expect([x, validate(x), takes(task, { x })]).toEqual([x, true, true]);
  for (const x of bad) expect([x, takes(task, { x })]).toEqual([x, false]);
}
