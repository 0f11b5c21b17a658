import type { ReceivedRequest } from '../provider';
import { refusals } from './plaid-responses';

export type PlaidFields = Record<string, unknown>;

/** Maximum length of reason_note in Plaid's OpenAPI document, in characters. */
const MAX_REASON_NOTE = 512;

/** Returns the body as an object, or undefined if it is not one. */
export function readFields(request: ReceivedRequest): PlaidFields | undefined {
  try {
    const parsed: unknown = JSON.parse(request.body.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as PlaidFields)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the keys of a request. A header takes precedence over the body's field. */
export function readKeys(
  request: ReceivedRequest,
  fields: PlaidFields | undefined,
): { clientId: unknown; secret: unknown } {
  return {
    clientId: request.headers['plaid-client-id'] ?? fields?.client_id,
    secret: request.headers['plaid-secret'] ?? fields?.secret,
  };
}

/** Returns an optional string. As at Plaid, null counts as absent. Refuses other types and "". */
export function optionalString(fields: PlaidFields, name: string): string | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') throw refusals.invalidField(name, 'must be a non-empty string');
  return value;
}

export function requiredString(fields: PlaidFields, name: string): string {
  const value = optionalString(fields, name);
  if (value === undefined) throw refusals.missingFields(name);
  return value;
}

export function requiredStrings(fields: PlaidFields, name: string): string[] {
  const value = fields[name] ?? undefined;
  if (value === undefined) throw refusals.missingFields(name);
  if (!Array.isArray(value) || value.length === 0 || !value.every((entry) => typeof entry === 'string')) {
    throw refusals.invalidField(name, 'must be a non-empty array of strings');
  }
  return value;
}

export function checkReason(fields: PlaidFields, codes: ReadonlySet<string>, required: boolean): string | undefined {
  const code = required ? requiredString(fields, 'reason_code') : optionalString(fields, 'reason_code');
  if (code !== undefined && !codes.has(code))
    throw refusals.invalidField('reason_code', 'is not one of the known codes');
  const note = optionalString({ reason_note: fields.reason_note === '' ? null : fields.reason_note }, 'reason_note');
  if (note !== undefined && note.length > MAX_REASON_NOTE) {
    throw refusals.invalidField('reason_note', `is longer than ${MAX_REASON_NOTE} characters`);
  }
  return code;
}
