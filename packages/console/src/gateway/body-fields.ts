import { asSentence, didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import { GatewayRefusal } from './http-error';

/** @throws GatewayRefusal for anything but a text. */
export function textOf(value: unknown, field: string): string | undefined {
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new GatewayRefusal(400, 'Task.InvalidInput', `${field} must be a text.`, { field });
}

/** @throws GatewayRefusal for anything but true and false: a safeguard given as `"true"` must not be left out. */
export function flagOf(value: unknown, field: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new GatewayRefusal(400, 'Task.InvalidInput', `${field} must be true or false.`, { field });
}

/** @throws GatewayRefusal for a field that is not one of these, and would be ignored. */
export function requireKnown(given: object, known: readonly string[]): void {
  const field = Object.keys(given).find((name) => !known.includes(name));
  if (field === undefined) return;
  const message = asSentence(`${field}: unknown field; allowed: ${known.join(', ')}${didYouMean(field, known)}`);
  throw new GatewayRefusal(400, 'Task.InvalidInput', message, { field });
}

/** @throws GatewayRefusal for anything but a text that is not blank. */
export function requiredText(body: Readonly<Record<string, unknown>>, field: string): string {
  const text = textOf(body[field], field)?.trim();
  if (text) return text;
  throw new GatewayRefusal(400, 'Task.InvalidInput', `${field} is required.`, { field });
}

/** @throws GatewayRefusal for anything but a list of texts. */
export function textsOf(value: unknown, field: string): string[] | undefined {
  if (value === undefined) return undefined;
  const texts = Array.isArray(value) ? (value as unknown[]) : [undefined];
  if (texts.every((one) => typeof one === 'string')) return texts.length > 0 ? texts : undefined;
  throw new GatewayRefusal(400, 'Task.InvalidInput', `${field} must be a list of texts.`, { field });
}
