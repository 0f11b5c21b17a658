import { parseBaseUrl } from 'temporal-http-tasks/internal/config/origins';
import type { BaseUrl } from 'temporal-http-tasks/internal/config/origins';
import { readText } from 'temporal-http-tasks/internal/config/env';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { servicePlace } from 'temporal-http-tasks/internal/config/service-settings';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import type { CurlCommand } from './curl-command';
import { refuseCurl } from './curl-refusal';

/** The task that a cURL command stands for, with the texts in the places of its `{placeholders}`, percent-encoded. */
export interface MatchingTask {
  task: HttpTask;
  segments: ReadonlyMap<string, string>;
}

/**
 * Finds the task that has the method and the address of a cURL command; undefined when it is none. Where several have,
 * as `/users/me` and `/users/{id}`, it is the one with the fewest placeholders.
 *
 * @throws Refusal when the command leads to another environment than the settings.
 */
export function matchingTask(command: CurlCommand, tasks: readonly HttpTask[], env: Env): MatchingTask | undefined {
  const found = tasks
    .flatMap((task) => matchesOf(command, task, env))
    .sort((one, other) => one.segments.size - other.segments.size);
  const [best] = found;
  if (best) refuseOtherEnvironment(best.task.service, best.environment, env);
  return best;
}

function matchesOf(command: CurlCommand, task: HttpTask, env: Env): (MatchingTask & { environment: string })[] {
  if (task.generic || task.method !== command.method) return [];
  return basesOf(task.service, env).flatMap(([environment, base]) => {
    const segments = command.url.origin === base.origin ? segmentsOf(task, base.path, command.url.pathname) : undefined;
    return segments ? [{ task, segments, environment }] : [];
  });
}

/** Where a service may be called: at the address that the settings put in place of an environment's, and at those of all. */
function basesOf(service: ServiceDefinition, env: Env): [environment: string, base: BaseUrl][] {
  const own = service.baseUrlSetting === undefined ? undefined : readText(env, service.baseUrlSetting);
  const bases = Object.entries(service.environments);
  if (own !== undefined) bases.push([environmentOf(service, env), own]);
  return bases.flatMap(([environment, text]) => {
    const base = parseBaseUrl(text);
    return typeof base === 'string' ? [] : [[environment, base] as [string, BaseUrl]];
  });
}

function environmentOf(service: ServiceDefinition, env: Env): string {
  return servicePlace(env, service).environment ?? '';
}

/** Sent as it is prepared here, the call would reach other users than the command means. */
function refuseOtherEnvironment(service: ServiceDefinition, environment: string, env: Env): void {
  const configured = environmentOf(service, env);
  if (environment === configured) return;
  refuseCurl(
    `calls ${service.title}'s ${environment}, and the settings ${configured === '' ? 'choose no environment' : `lead to its ${configured}`}; ${howTo(service, environment)} if that is what you want`,
  );
}

function howTo({ environmentSetting, name }: ServiceDefinition, environment: string): string {
  return environmentSetting === undefined
    ? `name the service (--service ${name}) and choose ${environment}`
    : `set ${environmentSetting}=${environment}`;
}

/** The texts in the places of `{placeholders}`, percent-encoded; undefined when the path is another. */
function segmentsOf(task: HttpTask, basePath: string, path: string): ReadonlyMap<string, string> | undefined {
  const template = `${basePath}${task.path}`.split('/');
  const given = path.split('/');
  if (given.length !== template.length) return undefined;
  const segments = new Map<string, string>();
  for (const [index, part] of template.entries()) {
    const found = placesIn(part, given[index] ?? '');
    if (!found) return undefined;
    for (const [name, text] of found) segments.set(name, text);
  }
  return segments;
}

/** What stands at the placeholders of one part of a path, say `{id}.json`; undefined when the part is another. */
function placesIn(part: string, text: string): [name: string, text: string][] | undefined {
  const pieces = part.split(/\{([^{}]+)\}/);
  const names = pieces.filter((_, index) => index % 2 === 1);
  const pattern = pieces.map((piece, index) => (index % 2 === 1 ? '(.+)' : literal(piece))).join('');
  const [, ...texts] = new RegExp(`^${pattern}$`).exec(text) ?? [];
  if (names.length === 0) return part === text ? [] : undefined;
  if (texts.length < names.length || !texts.every(isEncoded)) return undefined;
  return names.map((name, index) => [name, texts[index] ?? '']);
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function isEncoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}
