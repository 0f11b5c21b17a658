import type { Env } from '../../config/env';
import { SettingsError } from '../../config/problems';
import type { ServiceSettings } from '../../config/service-settings';
import { readSenderSettings } from '../../config/settings';
import { credentialsOf } from '../../tasks/define';
import { parseWatchingNumbers, parseWithExactNumbers, WRITE_AS_TEXT } from '../../http/exact-json';
import { withNumberTexts } from '../../http/number-texts';
import type { FieldPlace, HttpTask } from '../../tasks/define';
import type { ServiceDefinition } from '../../tasks/service';
import { ownEntry } from '../../tasks/own-entry';
import { JSON_BODY } from '../../tasks/wire';
import { Refusal } from '../errors';
import type { CurlCommand } from './curl-command';
import type { FormPart } from './curl-data';
import { refuseCurl } from './curl-refusal';
import type { MatchingTask } from './matching-task';
import { TypedValues } from './typed-value';

/** A call of a task, as a cURL command described it. */
export interface PreparedCall {
  task: HttpTask;
  input: unknown;
  /** What was in the command and is not in the input, by name only. */
  leftOut: readonly string[];
}

/**
 * The call of a task that a cURL command makes. Its credentials are left out: the settings have them.
 *
 * @throws Refusal when its body is not the task's.
 */
export function taskCall({ task, segments }: MatchingTask, command: CurlCommand, env: Env): PreparedCall {
  const credentials = new Set(credentialsOf(task).flatMap(({ name, bodyName = name }) => [name, bodyName]));
  const values = new TypedValues(task);
  const leftOut: string[] = [];
  const fields = new Map<string, unknown>();
  const add = (name: string, value: (field: string) => unknown, place?: FieldPlace): void => {
    const field = fieldAt(task, name, place);
    if (credentials.has(name)) leftOut.push(name);
    else fields.set(field, value(field));
  };
  const text = (texts: readonly string[]) => (field: string) => values.of(field, texts, ownEntry(task.writing, field));
  for (const [name, given] of segments) if (!credentials.has(name)) add(name, text([given]), 'path');
  for (const [name, texts] of gathered(command.url.searchParams)) add(name, text(texts), 'query');
  for (const [name, given] of command.headers) {
    const field = headerField(task, name);
    if (field !== undefined) fields.set(field, values.of(field, [given], ownEntry(task.writing, field)));
    else if (!OF_EVERY_REQUEST.has(name)) leftOut.push(name);
  }
  for (const [name, value] of bodyFields(task, command, values)) add(name, () => value, 'body');
  // Made at the end, because `__proto__` is a field like any other here, which the task's schema refuses.
  const given = Object.fromEntries([...fields, ...Object.entries(slotField(task, segments, env))]);
  const { value: input, refused } = withNumberTexts(task.input, given);
  if (refused !== undefined) throw new Refusal('Task.InvalidInput', `--curl: ${refused} ${WRITE_AS_TEXT}.`, refused);
  return { task, input, leftOut };
}

/** Headers that say nothing of their own, and that the sender writes anyway. */
const OF_EVERY_REQUEST: ReadonlySet<string> = new Set(['accept', 'content-type', 'user-agent', 'content-length', 'host', 'accept-encoding']);

/** The field of the input that is written under this name. */
function fieldAt(task: HttpTask, name: string, place: FieldPlace | undefined): string {
  const renamed = Object.entries(task.writing ?? {}).find(([field, writing]) => writing.name === name && task.places[field] === place);
  return renamed?.[0] ?? name;
}

/** Names of headers are the same in any case. */
function headerField({ places, writing }: HttpTask, name: string): string | undefined {
  const nameOf = (field: string): string => (writing?.[field]?.name ?? field).toLowerCase();
  return Object.entries(places).find(([field, place]) => place === 'header' && nameOf(field) === name)?.[0];
}

function gathered(pairs: Iterable<[string, string]>): Map<string, string[]> {
  const texts = new Map<string, string[]>();
  for (const [name, text] of pairs) texts.set(name, [...(texts.get(name) ?? []), text]);
  return texts;
}

function bodyFields(task: HttpTask, { body, form }: CurlCommand, values: TypedValues): [name: string, value: unknown][] {
  const { as } = task.bodyForm ?? JSON_BODY;
  if (form) return as === 'multipart' ? partFields(task, form, values) : refuseCurl(`has parts of a form (-F), which ${task.name} does not take`);
  if (body === undefined) return [];
  const [whole] = Object.entries(task.places).find(([, place]) => place === 'wholeBody') ?? [];
  switch (as) {
    case 'form':
      return [...gathered(new URLSearchParams(body))].map(([name, texts]) => [name, values.of(name, texts, ownEntry(task.bodyForm?.fields, name))]);
    case 'text':
    case 'bytes':
      return whole === undefined ? [] : [[whole, as === 'text' ? body : base64(body)]];
    case 'multipart':
      return refuseCurl(`has a body (-d), and ${task.name} takes parts of a form (-F)`);
    case 'none':
      return refuseCurl(`has a body, and ${task.name} sends none`);
    case 'json':
      return jsonFields(task, whole, parsedBody(body));
  }
}

function parsedBody(body: string): unknown {
  try {
    return parseWithExactNumbers(body);
  } catch {
    return refuseCurl('has a body that is not JSON');
  }
}

function jsonFields({ name }: HttpTask, whole: string | undefined, value: unknown): [name: string, value: unknown][] {
  if (whole !== undefined) return [[whole, value]];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuseCurl(`has a body that is no JSON object, as ${name} wants`);
  return Object.entries(value);
}

function partFields({ bodyForm }: HttpTask, form: readonly FormPart[], values: TypedValues): [name: string, value: unknown][] {
  const parts = new Map<string, FormPart[]>();
  for (const part of form) parts.set(part.name, [...(parts.get(part.name) ?? []), part]);
  return [...parts].map(([name, ofName]) => {
    const written = ownEntry(bodyForm?.fields, name);
    if (!written?.file) return [name, values.of(name, ofName.map(({ value }) => value), written)];
    const files = ofName.map(({ value, filename, type }) => ({ base64: base64(value), ...(filename !== undefined && { filename }), ...(type !== undefined && { contentType: type }) }));
    return [name, values.isList(name) ? files : files[0]];
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Which of several keys the command has in its path, by the name that the settings give it. */
function slotField(task: HttpTask, segments: ReadonlyMap<string, string>, env: Env): Record<string, string> {
  const rule = credentialsOf(task).find(({ slotField }) => slotField !== undefined);
  const key = rule && segments.get(rule.name);
  const settings = serviceSettings(task.service, env);
  if (rule?.slotField === undefined || key === undefined || !settings) return {};
  const slot = settings.keySlots.find((name) => settings.credentialsFor(name, [rule]).some(({ value }) => value === key));
  return slot === undefined ? {} : { [rule.slotField]: slot };
}

/** Without keys here there are no names for them either; what is missing is told when the call is prepared. */
function serviceSettings(service: ServiceDefinition, env: Env): ServiceSettings | undefined {
  try {
    return readSenderSettings(env, [service]).services.get(service.name);
  } catch (error) {
    if (error instanceof SettingsError) return undefined;
    throw error;
  }
}

/** @throws Refusal when the body of a command is not JSON, or has a number that would be rounded. */
export function parseJsonBody(body: string): unknown {
  try {
    const { value, inexact } = parseWatchingNumbers(body);
    if (inexact) throw new Refusal('Task.InvalidInput', `--curl: ${inexact.path || 'the body'} ${WRITE_AS_TEXT}.`, inexact.path);
    return value;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return refuseCurl('has a body that is not JSON');
  }
}
