import type { ApiResponse } from '../provider';
import type { DescribedApi, DescribedOperation } from './description';
import { exampleOf, sketchAt, valueAt } from './sketch';
import type { Scalar, Sketch } from './sketch';

/** Names of codes by which APIs say that something is not there. */
const NOT_THERE = /not.?found|missing|unknown|gone|no.?such|absent|does.?not.?exist/i;

/** Returns the successful response of an operation. */
export function success({ success: { status, body } }: DescribedOperation, value?: unknown): ApiResponse {
  const hasBody = body !== undefined && status !== 204 && status !== 205;
  return { status, body: hasBody ? (value ?? exampleOf(body)) : undefined, processed: true };
}

/** Returns an error of the API: its code and request ID are where the provider file says that they are. */
export function failure(
  { errors }: Pick<DescribedApi, 'errors'>,
  status: number,
  code: string,
  sketch?: Sketch,
): ApiResponse {
  const start = sketch && sketch.kind !== 'any' ? exampleOf(sketch) : { message: `Error ${status} of the simulator.` };
  const wanted = sketch && sketchAt(sketch, errors.code);
  const written = wanted?.kind === 'scalar' && wanted.type === 'number' && /^\d+$/.test(code) ? Number(code) : code;
  let body = withText(start, errors.code, written);
  if (errors.requestId !== undefined && valueAt(body, errors.requestId) === undefined)
    body = withText(body, errors.requestId, `sim-${status}`);
  return { status, body, processed: false, code };
}

/**
 * Returns the response about something that is not there: with the first code of the provider file, unless the document
 * names other codes for that response and not this one. What the document says about its provider counts more.
 */
export function absent(api: DescribedApi, { absent: said }: DescribedOperation): ApiResponse {
  if (said.given) {
    const { status, body } = said.given;
    const code = valueAt(body, api.errors.code);
    const text = typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {};
    return { status, body, processed: false, ...text };
  }
  const status = said.statuses.find((one) => one >= 400) ?? 404;
  const sketch = said.responses[String(status)] ?? said.responses['4XX'] ?? said.responses.default;
  return failure(api, status, codeFor(api, said, status), sketch);
}

function codeFor({ errors }: DescribedApi, { codes, responses }: DescribedOperation['absent'], status: number): string {
  const own = responses[String(status)] ?? responses['4XX'];
  const documented = [...namedAt(own, errors.code), ...onlyAt(responses.default, errors.code)];
  if (documented.length === 0) return codes[0] ?? 'not_found';
  const agreed = codes.find((code) => documented.includes(code));
  return agreed ?? documented.find((code) => NOT_THERE.test(code)) ?? documented[0] ?? 'not_found';
}

function namedAt(sketch: Sketch | undefined, path: string): string[] {
  const found = sketch && sketchAt(sketch, path);
  return found?.kind === 'scalar' ? texts([...(found.named ?? []), ...(found.only ?? [])]) : [];
}

function onlyAt(sketch: Sketch | undefined, path: string): string[] {
  const found = sketch && sketchAt(sketch, path);
  return found?.kind === 'scalar' ? texts(found.only ?? []) : [];
}

function texts(values: readonly Scalar[]): string[] {
  return values.filter((value) => value !== null).map(String);
}

/** Puts a value into an error body, where the document describes it or not: errors are often not described. */
function withText(body: unknown, path: string, value: unknown): unknown {
  const [segment = '', ...rest] = path.split('.');
  if (Array.isArray(body)) {
    const [first, ...others] = body as unknown[];
    return [withText(first ?? {}, path, value), ...others];
  }
  const object = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const inner = rest.length === 0 ? value : withText(object[segment], rest.join('.'), value);
  return { ...object, [segment]: inner };
}
