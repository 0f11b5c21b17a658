import type { Effect, HttpTask } from './define';

/** Returns the effect of this task with this (valid) input; the input matters only for the generic task. */
export function effectOf(task: HttpTask, input: unknown): Effect {
  return task.generic ? effectOfHttpRequest(input as HttpRequestInput) : task.effect;
}

/** Returns whether a successful call of this task deletes data. By default it does if its method is DELETE. */
export function deletesData({ deletes, effect, method }: Pick<HttpTask, 'deletes' | 'effect' | 'method'>): boolean {
  return effect !== 'read' && (deletes ?? method === 'DELETE');
}

/** The parts of an input of `http.request` that determine the effect. */
export interface HttpRequestInput {
  uri?: string;
  method?: string;
  headers?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, unknown>>;
  body?: unknown;
  contentType?: string;
  effect?: Effect;
}

/** Methods that RFC 9110 calls safe. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const CHANGING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** The field with which web frameworks let a form name another method. */
const METHOD_FIELD = '_method';

/**
 * Returns the effect of this input of `http.request`: what it claims, or what its methods imply. Claims are not
 * verified here: whether `read` is true is checked where the request is made, which knows the operator's settings.
 */
export function effectOfHttpRequest(input: HttpRequestInput): Effect {
  return input.effect ?? (isSafeRequest(input) ? 'read' : 'irreversible');
}

/** Returns whether every method that the request names is a safe one. */
export function isSafeRequest(input: HttpRequestInput): boolean {
  return isSafeMethod(input.method ?? 'GET') && overridesOf(input).every(({ method }) => isSafeMethod(method));
}

/** Returns whether RFC 9110 calls the method safe. */
export function isSafeMethod(method: string): boolean {
  return SAFE.has(method);
}

/** A second method of a request, which some servers apply instead of the first one. */
export interface MethodOverride {
  /** Where it is, for example `headers.X-HTTP-Method-Override`. */
  field: string;
  /** In capital letters. */
  method: string;
}

/**
 * Returns the methods that a request names besides its own: in a header such as `X-HTTP-Method-Override`, in the field
 * `_method` of its query or body, or in the parameter `method` of its query.
 */
export function overridesOf({ uri, headers, query, body, contentType }: HttpRequestInput): MethodOverride[] {
  return [...inHeaders(headers), ...inQuery(uri, query), ...inBody(body, contentType)];
}

/** Returns the header with which a request names another path than its own, as some proxies and frameworks read it. */
export function pathOverrideOf({ headers }: HttpRequestInput): string | undefined {
  return Object.keys(headers ?? {}).find((name) => {
    const words = wordsOf(name);
    return words[0] === 'x' && words.some((word) => REPLACING.has(word)) && words.some((word) => PLACE.has(word));
  });
}

const REPLACING: ReadonlySet<string> = new Set(['original', 'rewrite', 'forwarded', 'override']);
const PLACE: ReadonlySet<string> = new Set(['url', 'uri', 'path', 'prefix']);

/** Servers that turn headers into variables do not distinguish `-` from `_`. */
function wordsOf(name: string): string[] {
  return name.toLowerCase().split(/[-_]/);
}

function inHeaders(headers: HttpRequestInput['headers']): MethodOverride[] {
  return Object.entries(headers ?? {}).flatMap(([name, value]) => {
    const words = wordsOf(name);
    return words[0] === 'x' && words.includes('method') ? [override(`headers.${name}`, String(value))] : [];
  });
}

function inQuery(uri: string | undefined, query: HttpRequestInput['query']): MethodOverride[] {
  const ofUri = typeof uri === 'string' && URL.canParse(uri) ? [...new URL(uri).searchParams] : [];
  const given = Object.entries(query ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)] as const),
  );
  const found = [
    ...ofUri.map((pair) => ['uri', ...pair] as const),
    ...given.map((pair) => [`query.${pair[0]}`, ...pair] as const),
  ];
  return found.flatMap(([field, name, value]) => (overrides(name, value) ? [override(field, value)] : []));
}

/** Many APIs have a parameter called `method`; only the name of a method that changes something is one. */
function overrides(name: string, value: string): boolean {
  const key = name.trim().toLowerCase();
  return isMethodField(key) || (key === 'method' && CHANGING.has(value.trim().toUpperCase()));
}

function isMethodField(name: string): boolean {
  const words = wordsOf(name);
  return name === METHOD_FIELD || (words[0] === 'x' && words.includes('method'));
}

function inBody(body: unknown, contentType = 'application/json'): MethodOverride[] {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
    const entries = Object.entries(body).filter(([name]) => isMethodField(name.trim().toLowerCase()));
    return entries.map(([name, value]) => override(`body.${name}`, String(value)));
  }
  if (typeof body !== 'string') return [];
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) {
    const pairs = [...new URLSearchParams(body)].filter(([name]) => isMethodField(name.trim().toLowerCase()));
    return pairs.map(([, value]) => override('body', value));
  }
  // Where its value is in a text of another kind depends on the reader of it.
  return body.toLowerCase().includes(METHOD_FIELD) ? [override('body', METHOD_FIELD)] : [];
}

function override(field: string, value: string): MethodOverride {
  return { field, method: value.trim().toUpperCase() };
}
