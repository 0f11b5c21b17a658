import { z } from 'zod';
import { credentialsOf } from 'temporal-http-tasks/internal/tasks/define';
import { LOOK_AFTER_MS } from 'temporal-http-tasks/internal/tasks/settle';
import type { FieldPlace, HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { settingsOf } from 'temporal-http-tasks/internal/tasks/service';
import { documentedRules, notesOn } from './provider-notes';
import type { DocumentedRule } from './provider-notes';
import type { SchemaNode } from './schema-node';

/** The reference documentation of a task, as data. */
export interface TaskReference extends Pick<
  HttpTask,
  | 'name'
  | 'summary'
  | 'description'
  | 'docs'
  | 'tags'
  | 'method'
  | 'path'
  | 'effect'
  | 'settle'
  | 'remedy'
  | 'timeouts'
  | 'maxResponseBytes'
> {
  service: string;
  /** What to know about it besides its description; empty if there is nothing. */
  notes: string;
  /** JSON Schema of the input. */
  input: unknown;
  /** JSON Schema of the output; additional fields from the provider are kept. */
  output: unknown;
  /** What happens when a response is lost, in one or two sentences. */
  lostResponse: string;
  /** Fields that are not in the method's usual place. */
  places: Readonly<Record<string, FieldPlace>>;
  /** Fields that contain a user's bearer token. */
  sensitive: string[];
  /** Settings that a call needs. */
  settings: string[];
  /** What an error response with this status, type or code means; the first match wins. */
  failures: readonly DocumentedRule[];
  rateLimits: HttpTask['service']['rateLimits'];
}

/** Creates the reference of a task from its definition. */
export function taskReference(task: HttpTask): TaskReference {
  const { service } = task;
  return {
    name: task.name,
    service: service.name,
    summary: task.summary,
    description: task.description,
    notes: notesOn(task.name),
    docs: task.docs,
    tags: task.tags,
    method: task.method,
    path: task.path,
    effect: task.effect,
    ...(task.settle && { settle: task.settle }),
    lostResponse: lostResponseText(task),
    remedy: task.remedy,
    input: z.toJSONSchema(task.input, { io: 'input', unrepresentable: 'any' }),
    output: z.toJSONSchema(task.output, { unrepresentable: 'any' }),
    places: task.places,
    sensitive: task.sensitive.map(({ field }) => field),
    settings: credentialsOf(task).flatMap(settingsOf),
    failures: documentedRules(service.name, service.errors.rules),
    rateLimits: service.rateLimits.filter(({ operation }) => operation === undefined || operation === task.operation),
    timeouts: task.timeouts,
    maxResponseBytes: task.maxResponseBytes,
  };
}

/**
 * Returns what happens when a response is lost. Steps of an offboarding resolve it in their own way, which is named where it
 * differs from a single call.
 */
function lostResponseText({ effect, settle, generic }: HttpTask): string {
  if (generic)
    return 'A lost response: a request that reads or is repeatSafe is repeated; any other fails Task.OutcomeUnknown and is not repeated.';
  if (effect === 'read') return 'A lost response: the read is repeated.';
  if (effect === 'repeatSafe') return 'A lost response: the call is repeated, which changes nothing more.';
  if (settle?.by !== 'look') return `${ALONE}${stepText(settle)}`;
  const { with: look, absent, lagMs = LOOK_AFTER_MS } = settle;
  const signs = absent.map((sign) => (typeof sign === 'object' ? JSON.stringify(sign) : String(sign))).join(', ');
  return [
    `A lost response is resolved by ${look} after ${lagMs / 1_000} s, in workflows and single calls.`,
    `If it returns ${signs}, the call was carried out. Otherwise it was not and is sent again, at most 4 times.`,
    `If ${look} cannot be used, the call fails Task.OutcomeUnknown.`,
  ].join(' ');
}

const ALONE =
  'A lost response of a single call (httpTask, runHttpTask, call) fails Task.OutcomeUnknown and is not repeated.';

function stepText(settle: HttpTask['settle']): string {
  if (settle?.by === 'list')
    return settle.with === undefined ? '' : ` In the steps of an offboarding, ${settle.with} resolves it.`;
  if (!settle) return '';
  return ' In the steps of an offboarding, it is resolved by a read or by sending the call again after 5 s.';
}

/** One row of a table of fields. */
export interface FieldRow {
  field: string;
  type: string;
  required: boolean;
  description: string;
  /** Constraints on the value, in words; empty if there are none. */
  limits: string;
}

/** Returns the fields of a JSON Schema with their paths; nested fields follow their parents. */
export function fieldRows(schema: unknown, prefix = ''): FieldRow[] {
  const { properties = {}, required = [] } = schema as SchemaNode;
  return Object.entries(properties).flatMap(([name, node]) => {
    const field = prefix === '' ? name : `${prefix}.${name}`;
    const row = {
      field,
      type: typeName(node),
      required: required.includes(name),
      description: node.description ?? '',
      limits: limitsOf(node),
    };
    return [row, ...fieldRows(node, field)];
  });
}

function typeName(node: SchemaNode): string {
  if (node.enum) return node.enum.map(String).join(' | ');
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.items) return `${typeName(node.items)}[]`;
  if (Array.isArray(node.type)) return node.type.join(' | ');
  return node.format ?? node.type ?? 'any';
}

/** How a number beyond 2^53 is written. */
const AS_TEXT = 'beyond 2^53 as a text';

function limitsOf({
  type,
  minLength,
  maxLength,
  minItems,
  maxItems,
  minimum,
  maximum,
  exclusiveMinimum,
  exclusiveMaximum,
  pattern,
}: SchemaNode): string {
  const characters = range(minLength, maxLength, 'characters');
  const entries = range(minItems, maxItems, 'entries');
  // Omits zod's bounds for "an integer that JavaScript can represent", which say nothing useful.
  const least = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const bounds = [
    ...(least !== undefined && most !== undefined ? [`${count(least)} to ${count(most)}`] : []),
    ...(least !== undefined && most === undefined ? [`at least ${count(least)}`] : []),
    ...(exclusiveMinimum === undefined ? [] : [`more than ${count(exclusiveMinimum)}`]),
    ...(least === undefined && most !== undefined ? [`at most ${count(most)}`] : []),
    ...(exclusiveMaximum === undefined ? [] : [`less than ${count(exclusiveMaximum)}`]),
  ];
  return [
    ...characters,
    ...entries,
    ...bounds,
    ...(isExactNumber(type) ? [AS_TEXT] : pattern === undefined ? [] : [`like ${pattern}`]),
  ].join('; ');
}

/** `exactNumber` is a number or a string; its pattern applies only to the string. */
function isExactNumber(type: SchemaNode['type']): boolean {
  return Array.isArray(type) && type.includes('string') && (type.includes('integer') || type.includes('number'));
}

function range(least: number | undefined, most: number | undefined, what: string): string[] {
  if (least === undefined || least === 0) return most === undefined ? [] : [`at most ${count(most)} ${what}`];
  if (most !== undefined) return [`${count(least)} to ${count(most)} ${what}`];
  return [least === 1 ? 'not empty' : `at least ${count(least)} ${what}`];
}

function count(number: number): string {
  return number.toLocaleString('en', { maximumFractionDigits: 20 });
}
