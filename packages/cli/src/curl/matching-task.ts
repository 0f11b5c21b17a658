import { resolved } from '@temporal-http-tasks/console/internal/reference/schema-node';
import type { SchemaNode } from '@temporal-http-tasks/console/internal/reference/schema-node';
import { readText } from 'temporal-http-tasks/internal/config/env';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { parseBaseUrl } from 'temporal-http-tasks/internal/config/origins';
import type { BaseUrl } from 'temporal-http-tasks/internal/config/origins';
import { servicePlace } from 'temporal-http-tasks/internal/config/service-settings';
import { isExactNumber, parseWithExactNumbers } from 'temporal-http-tasks/internal/http/exact-json';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { ownEntry } from 'temporal-http-tasks/internal/tasks/parse-input';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import type { CurlCommand } from './curl-command';
import { refuseCurl } from './curl-data';

/** Maximum depth of nested unions: a reference that leads back to itself has no end. */
const MOST_DEPTH = 8;

/** Looks through unions, intersections and references of a JSON Schema. */
export class SchemaView {
  readonly #root: SchemaNode;

  constructor(root: SchemaNode) {
    this.#root = root;
  }

  /** The names of all properties of an object; by default those of the input. */
  names(node: SchemaNode = this.#root): string[] {
    return [...new Set(this.kinds(node).flatMap(({ properties = {} }) => Object.keys(properties)))];
  }

  /** The field of the input with this name. */
  field(name: string): SchemaNode {
    return this.property(this.#root, name) ?? {};
  }

  /** What a value of this node may be, each without unions; null is left out, since it is not written. */
  kinds(node: SchemaNode, depth = 0): SchemaNode[] {
    const here = resolved(node, this.#root);
    const inner =
      depth > MOST_DEPTH
        ? []
        : [...(here.anyOf ?? []), ...(here.oneOf ?? []), ...(here.allOf ?? [])].flatMap((one) =>
            this.kinds(one, depth + 1),
          );
    const own = here.type === undefined && inner.length > 0 && !here.properties ? [] : [here];
    return [...own, ...inner].filter(({ type }) => type !== 'null');
  }

  /** What may be in a list; undefined if the value is not a list. */
  items(node: SchemaNode): SchemaNode | undefined {
    const list = this.kinds(node).find((kind) => isOf(kind, 'array'));
    return list && (list.items ?? {});
  }

  isObject(node: SchemaNode): boolean {
    return this.kinds(node).some((kind) => isOf(kind, 'object') || kind.properties !== undefined);
  }

  /** Whether a value may be a single text, number or boolean. */
  isScalar(node: SchemaNode): boolean {
    return this.kinds(node).some(
      (kind) =>
        kind.enum !== undefined ||
        kind.const !== undefined ||
        ['string', 'number', 'integer', 'boolean'].some((type) => isOf(kind, type)),
    );
  }

  /** A property that is named, as all alternatives describe it; those that say nothing of it do not count. */
  property(node: SchemaNode, name: string): SchemaNode | undefined {
    const found = this.kinds(node).flatMap(({ properties }) => ownEntry(properties, name) ?? []);
    const telling = found.filter((one) => Object.keys(one).length > 0);
    return telling.length > 1 ? { anyOf: telling } : (telling[0] ?? found[0]);
  }

  /** What an object with further fields allows for them. */
  furtherProperty(node: SchemaNode): SchemaNode | undefined {
    const open = this.kinds(node)
      .map(({ additionalProperties }) => additionalProperties)
      .find((one) => typeof one === 'object');
    return open;
  }

  /** Returns the value of a text; one that is not of the node's kinds stays a text, which the task's schema refuses. */
  scalar(node: SchemaNode, text: string): unknown {
    const kinds = this.kinds(node);
    const literals = kinds.flatMap((kind) => [...(kind.enum ?? []), ...(kind.const === undefined ? [] : [kind.const])]);
    const literal = literals.find((one) => (typeof one === 'string' ? one : JSON.stringify(one)) === text);
    if (literal !== undefined) return literal;
    const isNumber = (kind: SchemaNode): boolean => isOf(kind, 'number') || isOf(kind, 'integer');
    // A number may also be given as the text of its digits, and as no other text.
    if (kinds.some((kind) => isOf(kind, 'string') && !isNumber(kind))) return text;
    if (kinds.some(isNumber) && isExactNumber(text)) return Number(text);
    if (kinds.some((kind) => isOf(kind, 'boolean')) && (text === 'true' || text === 'false')) return text === 'true';
    return this.isObject(node) || this.items(node) ? jsonOr(text) : text;
  }
}

function isOf({ type }: SchemaNode, kind: string): boolean {
  return Array.isArray(type) ? type.includes(kind) : type === kind;
}

/** The JSON that a text is, or the text. */
export function jsonOr(text: string): unknown {
  try {
    return parseWithExactNumbers(text);
  } catch {
    return text;
  }
}

/** The task of a cURL command, with the values of its `{placeholders}`, percent-encoded. */
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

/** Returns the addresses of a service: the configured base URL, and those of all environments. */
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

/** With the settings here, the call would reach other users than the command does. */
function refuseOtherEnvironment(service: ServiceDefinition, environment: string, env: Env): void {
  const configured = environmentOf(service, env);
  if (environment === configured) return;
  refuseCurl(
    `calls ${service.title}'s ${environment}, and the settings ` +
      `${configured === '' ? 'choose no environment' : `lead to its ${configured}`}; ` +
      `${howTo(service, environment)} if that is what you want`,
  );
}

function howTo({ environmentSetting, name }: ServiceDefinition, environment: string): string {
  return environmentSetting === undefined
    ? `name the service (--service ${name}) and choose ${environment}`
    : `set ${environmentSetting}=${environment}`;
}

/** Returns the values of `{placeholders}`, percent-encoded; undefined for another path. */
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

/** Returns the values of the placeholders in one segment of a path, such as `{id}.json`; undefined for another segment. */
function placesIn(part: string, text: string): [name: string, text: string][] | undefined {
  const pieces = part.split(/\{([^{}]+)\}/);
  const names = pieces.filter((_, index) => index % 2 === 1);
  const pattern = pieces.map((piece, index) => (index % 2 === 1 ? '(.+)' : literal(piece))).join('');
  const [, ...texts] = new RegExp(`^${pattern}$`).exec(text) ?? [];
  if (names.length === 0) return part === text ? [] : undefined;
  if (texts.length < names.length || !texts.every(isEncoded)) return undefined;
  return names.map((name, index) => {
    const text = texts[index] ?? '';
    // As OData writes a quote between quotes.
    const isQuoted = pieces[2 * index]?.endsWith("'") && pieces[2 * index + 2]?.startsWith("'");
    return [name, isQuoted ? text.replace(/(?:'|%27){2}/g, "'") : text];
  });
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
