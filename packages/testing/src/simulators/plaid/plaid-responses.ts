/**
 * Plaid's responses: error bodies and statuses as in its OpenAPI document and error pages; the messages are not
 * Plaid's.
 */
import { randomUUID } from 'node:crypto';
import type { ApiResponse, JsonBody, ProviderFailures } from '../provider';

/** Returns a request ID like Plaid's: short and alphanumeric. */
function freshRequestId(): string {
  return randomUUID().replaceAll('-', '').slice(0, 15);
}

export function plaidSuccess(body: JsonBody = {}): ApiResponse {
  return { status: 200, body: { ...body, request_id: freshRequestId() }, processed: true };
}

export function plaidError(status: number, errorType: string, errorCode: string, message: string): ApiResponse {
  return {
    status,
    processed: false,
    code: errorCode,
    body: {
      display_message: null,
      documentation_url: 'https://plaid.com/docs/errors/',
      error_code: errorCode,
      error_message: message,
      error_type: errorType,
      request_id: freshRequestId(),
      suggested_action: null,
    },
  };
}

/** Thrown while a request is checked, at any depth, and always caught by the provider. */
export class PlaidRefusal extends Error {
  override readonly name = 'PlaidRefusal';

  constructor(readonly response: ApiResponse) {
    super('refused');
  }
}

export const refusals = {
  missingFields: (...fields: string[]) =>
    new PlaidRefusal(
      plaidError(400, 'INVALID_REQUEST', 'MISSING_FIELDS', `required and missing: ${fields.join(', ')}`),
    ),
  invalidField: (field: string, why: string) =>
    new PlaidRefusal(plaidError(400, 'INVALID_REQUEST', 'INVALID_FIELD', `${field}: ${why}`)),
  invalidBody: () =>
    new PlaidRefusal(plaidError(400, 'INVALID_REQUEST', 'INVALID_BODY', 'the body could not be read as a JSON object')),
  invalidKeys: () =>
    new PlaidRefusal(plaidError(400, 'INVALID_INPUT', 'INVALID_API_KEYS', 'client_id and secret do not match')),
  invalidAccessToken: () =>
    new PlaidRefusal(
      plaidError(400, 'INVALID_INPUT', 'INVALID_ACCESS_TOKEN', 'the access token is unknown in this environment'),
    ),
  itemNotFound: () =>
    new PlaidRefusal(
      plaidError(
        400,
        'ITEM_ERROR',
        'ITEM_NOT_FOUND',
        'the Item does not exist: it was removed, or access to it was withdrawn',
      ),
    ),
  userNotFound: () =>
    new PlaidRefusal(
      plaidError(
        400,
        'USER_ERROR',
        'USER_NOT_FOUND',
        'no such user: never created, of another environment, or removed',
      ),
    ),
  unknownRoute: () =>
    new PlaidRefusal(plaidError(404, 'INVALID_REQUEST', 'NOT_FOUND', 'there is no route for this method and path')),
};

export const plaidFailures: ProviderFailures = {
  // RATE_LIMIT replaces the codes per endpoint; only the type is the same for all of them.
  rateLimited: () => plaidError(429, 'RATE_LIMIT_EXCEEDED', 'RATE_LIMIT', 'too many requests to this endpoint'),
  serverError: () => plaidError(500, 'API_ERROR', 'INTERNAL_SERVER_ERROR', 'an unexpected error at the provider'),
  maintenance: () => plaidError(503, 'API_ERROR', 'PLANNED_MAINTENANCE', 'the provider is being maintained'),
  unauthorized: () => refusals.invalidKeys().response,
  tooLarge: () => plaidError(413, 'INVALID_REQUEST', 'INVALID_BODY', 'the body is too large'),
  undocumented: (status, errorType, errorCode = 'NEWLY_INVENTED_CODE') =>
    plaidError(status, errorType, errorCode, 'an error that is not documented'),
  quoting: (text) => {
    const response = plaidError(400, 'INVALID_REQUEST', 'INVALID_FIELD', `received: ${text}`);
    return {
      ...response,
      body: { ...(response.body as JsonBody), display_message: text, request_id: `receipt ${text}` },
    };
  },
};
