/** Batch's responses: codes and statuses as in its API documents; the messages are not Batch's. */
import type { ApiResponse, JsonBody, ProviderFailures } from '../provider';

export function batchSuccess(body: JsonBody): ApiResponse {
  return { status: 200, body, processed: true };
}

export function batchError(status: number, code: number, message: string): ApiResponse {
  return { status, body: { code, message }, processed: false, code: String(code) };
}

/** Thrown while a request is checked, at any depth, and always caught by the provider. */
export class BatchRefusal extends Error {
  override readonly name = 'BatchRefusal';

  constructor(readonly response: ApiResponse) {
    super('refused');
  }
}

export const refusals = {
  authentication: () =>
    new BatchRefusal(batchError(401, 10, 'Invalid authentication: check the REST key and the API key')),
  unknownRoute: () => new BatchRefusal(batchError(404, 20, 'Route not found')),
  missing: (what: string) => new BatchRefusal(batchError(400, 30, `Missing parameter: ${what}`)),
  malformed: (what: string) => new BatchRefusal(batchError(400, 31, `Malformed parameter: ${what}`)),
  malformedJson: () => new BatchRefusal(batchError(400, 32, 'Malformed JSON body')),
};

export const batchFailures: ProviderFailures = {
  // Batch documents no code for a 429 of this API, so the body has none of the eight documented ones.
  rateLimited: () => batchError(429, 429, 'Too many requests'),
  serverError: () => batchError(500, 1, 'Server error'),
  maintenance: () => batchError(503, 2, 'Under maintenance'),
  unauthorized: () => refusals.authentication().response,
  tooLarge: () => batchError(413, 31, 'Malformed parameter: the body is too large'),
  undocumented: (status, _errorType, errorCode = '99') =>
    batchError(status, Number(errorCode), 'An error that is not documented'),
  quoting: (text) => batchError(400, 31, `Malformed parameter: ${text}`),
};
