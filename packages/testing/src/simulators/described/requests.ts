import type { ReceivedRequest } from '../provider';
import type { DescribedField, DescribedKey, DescribedOperation } from './description';
import { valueAt } from './sketch';

/** A request that fits an operation: its fields by the names that inputs have. */
export interface ReadRequest {
  operation: DescribedOperation;
  input: Readonly<Record<string, unknown>>;
}

/** The parts of a request that fields and keys are in. */
interface RequestParts {
  path: Readonly<Record<string, string>>;
  query: URLSearchParams;
  headers: ReceivedRequest['headers'];
  cookies: Readonly<Record<string, string>>;
  body: unknown;
}

interface Route {
  operation: DescribedOperation;
  pattern: RegExp;
  names: readonly string[];
  /** Number of characters outside of placeholders; of two routes that fit, the one with more of them is meant. */
  literal: number;
}

/** Finds the operation of a request, and reads its fields. */
export class Routes {
  readonly #routes: readonly Route[];

  constructor(operations: readonly DescribedOperation[]) {
    this.#routes = operations.map(routeOf).sort((one, other) => other.literal - one.literal);
  }

  /** Returns the operation and its input; undefined for a request that no operation has. */
  read(request: ReceivedRequest): (ReadRequest & { parts: RequestParts }) | undefined {
    const [rawPath = '', query = ''] = request.target.split(/\?(.*)/s);
    const path = resolveDots(rawPath);
    for (const { operation, pattern, names } of this.#routes) {
      const found = operation.method === request.method ? pattern.exec(path) : null;
      if (!found) continue;
      const values = names.map((name, index) => [name, decoded(found[index + 1] ?? '')] as const);
      const parts: RequestParts = {
        path: Object.fromEntries(values),
        query: new URLSearchParams(query),
        headers: request.headers,
        cookies: cookiesIn(request.headers.cookie),
        body: bodyOf(request),
      };
      return { operation, input: inputOf(operation.fields, parts), parts };
    }
    return undefined;
  }
}

function routeOf(operation: DescribedOperation): Route {
  const names = [...operation.path.matchAll(/\{([^{}]+)\}/g)].map(([, name = '']) => name);
  const literals = operation.path.split(/\{[^{}]+\}/);
  const pattern = literals.map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('([^/]+?)');
  return {
    operation,
    names,
    pattern: new RegExp(`^${pattern}/?$`),
    literal: literals.join('').length - names.length,
  };
}

/** Resolves `.` and `..`, as URL parsers on the way do, so that an ID cannot lead to another route unseen. */
function resolveDots(path: string): string {
  const segments: string[] = [];
  for (const segment of path.slice(1).split('/')) {
    if (/^(?:\.|%2e){2}$/i.test(segment)) segments.pop();
    else if (!/^(?:\.|%2e)$/i.test(segment)) segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function cookiesIn(header: string | undefined): Record<string, string> {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim().split(/=(.*)/s));
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, decoded(value)]));
}

function bodyOf({ body, headers }: ReceivedRequest): unknown {
  if (body.length === 0) return undefined;
  const text = body.toString('utf8');
  if (headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    const form = new URLSearchParams(text);
    return Object.fromEntries([...new Set(form.keys())].map((name) => [name, textsIn(form, name)]));
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function textsIn(values: URLSearchParams, name: string): string | string[] | undefined {
  const all = values.getAll(name);
  return all.length > 1 ? all : all[0];
}

function inputOf(fields: readonly DescribedField[], parts: RequestParts): Record<string, unknown> {
  const whole = fields.find((field) => field.in === 'wholeBody');
  const isObject = typeof parts.body === 'object' && parts.body !== null && !Array.isArray(parts.body);
  const input: Record<string, unknown> = whole || !isObject ? {} : { ...(parts.body as object) };
  for (const { field, in: place, name, separator } of fields) {
    const value = place === 'wholeBody' ? parts.body : place === 'body' ? input[field] : partOf(place, name, parts);
    if (value !== undefined)
      input[field] = separator !== undefined && typeof value === 'string' ? value.split(separator) : value;
  }
  return input;
}

function partOf(
  place: 'path' | 'query' | 'header' | 'cookie',
  name: string,
  { path, query, headers, cookies }: RequestParts,
): string | string[] | undefined {
  switch (place) {
    case 'path':
      return path[name];
    case 'query':
      return textsIn(query, name);
    case 'header':
      return headers[name.toLowerCase()];
    case 'cookie':
      return cookies[name];
  }
}

/** Returns the made-up value of a key. */
export function keyValue({ setting, scheme }: Pick<DescribedKey, 'setting' | 'scheme'>): string {
  const name = `sim-${setting.toLowerCase().replaceAll('_', '-')}`;
  return scheme === 'basic' ? `${name}:password` : name;
}

/** Returns the access token that a simulator gives out for a client's secret. */
export function tokenFor(setting: string): string {
  return `sim-token-${setting.toLowerCase().replaceAll('_', '-')}`;
}

/** Whether a request has every key of its operation. */
export function isSignedIn(keys: readonly DescribedKey[], parts: RequestParts): boolean {
  return keys.every((key) => sentKey(key, parts) === wantedKey(key));
}

/** Returns the keys that a request has, whatever they are. */
export function sentKeys(keys: readonly DescribedKey[], parts: RequestParts): string[] {
  return keys.flatMap((key) => {
    const sent = sentKey(key, parts);
    return typeof sent === 'string' ? sent.replace(/^(?:Bearer|Basic) /i, '') : [];
  });
}

function sentKey({ in: place, name }: DescribedKey, parts: RequestParts): unknown {
  return place === 'body' ? valueAt(parts.body, name) : partOf(place, name, parts);
}

function wantedKey(key: DescribedKey): string {
  const value = key.clientIdSetting === undefined ? keyValue(key) : tokenFor(key.setting);
  if (key.scheme === 'basic') return `Basic ${Buffer.from(value).toString('base64')}`;
  return key.scheme === 'bearer' ? `Bearer ${value}` : value;
}
