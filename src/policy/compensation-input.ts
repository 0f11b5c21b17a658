import { httpRequest } from '../tasks/http/tasks';

/** A string in a compensation task's input that is exactly this becomes the off-boarding's log. */
export const LOG_PLACEHOLDER = '{{offboarding}}';

/**
 * The input of a compensation task with the log put in: wherever the placeholder stands, or, for `http.request` without
 * one, as the field `offboarding` of an object body.
 */
export function fillCompensationInput(compensation: { task: string; input?: unknown }, log: unknown): unknown {
  let filled = false;
  const fill = (value: unknown): unknown => {
    if (value === LOG_PLACEHOLDER) {
      filled = true;
      return log;
    }
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
  };
  const input = fill(compensation.input ?? {});
  if (filled || compensation.task !== httpRequest.name) return input;
  const request = input as Record<string, unknown>;
  const body = request.body ?? {};
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? { ...request, body: { ...body, offboarding: log } }
    : request;
}
