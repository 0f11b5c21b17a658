import { fieldRows } from '../reference/task-reference';
import type { FieldRow } from '../reference/task-reference';
import { resolved } from '../reference/schema-node';
import type { SchemaNode } from '../reference/schema-node';
import type { FormField } from './wire';

/** Returns the form for an input: one control per field, JSON for fields without a control of their own. */
export function formOf(schema: SchemaNode, sensitive: readonly string[]): FormField[] {
  const rows = rowsOf(schema);
  return Object.entries(schema.properties ?? {}).map(([name, given]) =>
    fieldOf(name, given, schema, { rows, sensitive }),
  );
}

/** Like {@link formOf}, with one entry per nested field, named by its path. */
export function flatFormOf(schema: SchemaNode, sensitive: readonly string[]): FormField[] {
  const rows = rowsOf(schema);
  const within = (node: SchemaNode, path: readonly string[]): FormField[] =>
    Object.entries(node.properties ?? {}).flatMap(([name, given]) => {
      const inner = [...path, name];
      return given.properties
        ? within(given, inner)
        : [{ ...fieldOf(inner.join('.'), given, schema, { rows, sensitive }), path: inner }];
    });
  return within(schema, []);
}

/** Returns what a schema says about its fields together: its own description, and those of required objects in it. */
export function rulesOf(schema: SchemaNode): string[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, node]) =>
    node.properties && schema.required?.includes(name) ? [node] : [],
  );
  return [schema, ...inner].flatMap(({ description = '' }) => (description === '' ? [] : [description]));
}

function rowsOf(schema: SchemaNode): Map<string, FieldRow> {
  return new Map(fieldRows(schema).map((row) => [row.field, row]));
}

function fieldOf(
  name: string,
  given: SchemaNode,
  root: SchemaNode,
  known: { rows: Map<string, FieldRow>; sensitive: readonly string[] },
): FormField {
  const node = resolved(given, root);
  const { required = false, limits = '' } = known.rows.get(name) ?? {};
  const control = controlOf(node, known.sensitive.includes(name));
  const choices = control === 'choice' ? (node.enum ?? [node.const]).map(String) : undefined;
  return {
    name,
    control,
    required,
    limits,
    description: given.description ?? node.description ?? '',
    ...(choices && { choices }),
  };
}

function controlOf(node: SchemaNode, isSensitive: boolean): FormField['control'] {
  if (node.enum?.every((value) => typeof value === 'string') || typeof node.const === 'string') return 'choice';
  // The first type counts: `exactNumber` is a number or a string.
  switch (Array.isArray(node.type) ? node.type[0] : node.type) {
    case 'string':
      return isSensitive ? 'secret' : 'text';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'array':
      return node.items?.type === 'string' && !node.items.enum ? 'list' : 'json';
    case undefined:
    default:
      return 'json';
  }
}
