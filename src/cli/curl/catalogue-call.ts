import { parseBaseUrl } from '../../config/base-url';
import type { BaseUrl } from '../../config/base-url';
import { readText } from '../../config/env';
import type { Env } from '../../config/env';
import { SettingsError } from '../../config/problems';
import type { ServiceSettings } from '../../config/service-settings';
import { readSenderSettings } from '../../config/settings';
import { CATALOGUE } from '../../tasks/catalogue';
import { credentialsOf } from '../../tasks/define';
import type { FieldPlace, HttpTask } from '../../tasks/define';
import type { ServiceDefinition } from '../../tasks/service';
import { Refusal } from '../errors';
import type { CurlCommand } from './curl-command';

/** A call of a task, as a cURL command described it. */
export interface PreparedCall {
  task: HttpTask;
  input: unknown;
  /** What was in the command and is not in the input, by name only. */
  leftOut: readonly string[];
}

/**
 * The call of a catalogue's task that a cURL command stands for, by method and address; undefined when it is none. Its
 * credentials are left out: the settings have them.
 *
 * @throws Refusal when the command leads to another environment than the settings, or its body is not the task's.
 */
export function catalogueCall(command: CurlCommand, env: Env): PreparedCall | undefined {
  for (const task of CATALOGUE) {
    if (task.generic || task.method !== command.method) continue;
    for (const [environment, base] of basesOf(task.service, env)) {
      const segments = command.url.origin === base.origin ? segmentsOf(task, base.path, command.url.pathname) : undefined;
      if (!segments) continue;
      refuseOtherEnvironment(task.service, environment, env);
      return callOf(task, command, segments, env);
    }
  }
  return undefined;
}

/** Where a service may be called: at the address of each environment, and at the one that the settings put in its place. */
function basesOf(service: ServiceDefinition, env: Env): [environment: string, base: BaseUrl][] {
  const own = service.baseUrlSetting === undefined ? undefined : readText(env, service.baseUrlSetting);
  const bases = Object.entries(service.environments);
  if (own !== undefined) bases.push([environmentOf(service, env), own]);
  return bases.flatMap(([environment, text]) => {
    const base = parseBaseUrl(text);
    return typeof base === 'string' ? [] : [[environment, base] as [string, BaseUrl]];
  });
}

function environmentOf({ environmentSetting, defaultEnvironment }: ServiceDefinition, env: Env): string {
  return (environmentSetting === undefined ? undefined : readText(env, environmentSetting)) ?? defaultEnvironment;
}

/** Sent as it is prepared here, the call would reach other users than the command means. */
function refuseOtherEnvironment(service: ServiceDefinition, environment: string, env: Env): void {
  const configured = environmentOf(service, env);
  if (environment === configured) return;
  refuse(`calls ${service.title}'s ${environment}, and the settings lead to its ${configured}; set ${service.environmentSetting}=${environment} if that is what you want`);
}

/** The texts in the places of `{placeholders}`; undefined when the path is another. */
function segmentsOf(task: HttpTask, basePath: string, path: string): ReadonlyMap<string, string> | undefined {
  const template = `${basePath}${task.path}`.split('/');
  const given = path.split('/');
  if (given.length !== template.length) return undefined;
  const segments = new Map<string, string>();
  for (const [index, part] of template.entries()) {
    const text = given[index] ?? '';
    const [, name] = /^\{(.+)\}$/.exec(part) ?? [];
    if (name === undefined ? text !== part : !isEncoded(text)) return undefined;
    if (name !== undefined) segments.set(name, decodeURIComponent(text));
  }
  return segments;
}

function isEncoded(text: string): boolean {
  return text !== '' && !/%(?![0-9a-fA-F]{2})/.test(text);
}

function callOf(task: HttpTask, command: CurlCommand, segments: ReadonlyMap<string, string>, env: Env): PreparedCall {
  const rules = credentialsOf(task);
  const credentials = new Set(rules.flatMap(({ name, bodyName = name }) => [name, bodyName]));
  const leftOut: string[] = [];
  const input: Record<string, unknown> = {};
  const add = (name: string, value: unknown, place?: FieldPlace): void => {
    if (credentials.has(name)) leftOut.push(name);
    else input[fieldAt(task, name, place)] = value;
  };
  for (const [name, text] of segments) if (!credentials.has(name)) add(name, text, 'path');
  for (const [name, text] of command.url.searchParams) add(name, text, 'query');
  for (const [name, text] of command.headers) {
    const field = fieldAt(task, name, 'header');
    if (task.places[field] === 'header') input[field] = text;
    else if (!OF_EVERY_REQUEST.has(name)) leftOut.push(name);
  }
  for (const [name, value] of bodyFields(task, command.body)) add(name, value, 'body');
  return { task, input: { ...input, ...slotField(task, segments, env) }, leftOut };
}

/** Headers that say nothing of their own, and that the sender writes anyway. */
const OF_EVERY_REQUEST: ReadonlySet<string> = new Set(['accept', 'content-type', 'user-agent', 'content-length', 'host', 'accept-encoding']);

/** The field of the input that is written under this name. */
function fieldAt(task: HttpTask, name: string, place: FieldPlace | undefined): string {
  const renamed = Object.entries(task.writing ?? {}).find(([field, writing]) => writing.name === name && task.places[field] === place);
  return renamed?.[0] ?? name;
}

function bodyFields(task: HttpTask, body: string | undefined): [name: string, value: unknown][] {
  if (body === undefined) return [];
  const value = parseJsonBody(body);
  const [whole] = Object.entries(task.places).find(([, place]) => place === 'wholeBody') ?? [];
  if (whole !== undefined) return [[whole, value]];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`has a body that is no JSON object, as ${task.name} wants`);
  return Object.entries(value);
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

/** @throws Refusal when the body of a command is not JSON. */
export function parseJsonBody(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return refuse('has a body that is not JSON');
  }
}

function refuse(problem: string): never {
  throw new Refusal('Usage', `--curl: the command ${problem}.`, 'curl');
}
