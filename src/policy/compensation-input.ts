import { httpRequest } from '../tasks/http/tasks';

/** A string in a compensation task's input that equals this is replaced by the offboarding's log. */
export const LOG_PLACEHOLDER = '{{offboarding}}';

/**
 * Returns the input of a compensation task with the log in it: in place of each placeholder or, for `http.request`
 * without one, as the field `offboarding` of an object body.
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
