import { defineService } from '../../tasks/service';

const WRONG_KEYS = 'Check PLAID_CLIENT_ID, PLAID_SECRET and PLAID_ENV: Plaid refuses these keys in this environment.';

/**
 * Plaid's API, version 2020-09-14. Sandbox unless `PLAID_ENV=production` is set.
 *
 * Plaid asks callers to branch on `error_type` and `error_code`, never on the HTTP status or the message
 * (plaid.com/docs/errors). Keys may travel in headers or in the body (plaid.com/docs/api).
 */
export const plaidService = defineService({
  name: 'plaid',
  title: 'Plaid',
  docs: 'https://plaid.com/docs/api/',
  environments: { sandbox: 'https://sandbox.plaid.com', production: 'https://production.plaid.com' },
  defaultEnvironment: 'sandbox',
  productionEnvironments: ['production'],
  environmentSetting: 'PLAID_ENV',
  baseUrlSetting: 'PLAID_BASE_URL',
  placementSetting: 'PLAID_CREDENTIALS_IN',
  headers: { 'plaid-version': '2020-09-14' },
  credentials: [
    { setting: 'PLAID_CLIENT_ID', in: 'header', name: 'plaid-client-id', bodyName: 'client_id' },
    { setting: 'PLAID_SECRET', in: 'header', name: 'plaid-secret', bodyName: 'secret' },
  ],
  rateLimits: [
    {
      operation: 'itemRemove',
      requestsPerMinute: 2_000,
      per: 'client',
      source: 'https://plaid.com/docs/errors/rate-limit-exceeded/',
    },
  ],
  errors: {
    fields: { type: 'error_type', code: 'error_code', requestId: 'request_id' },
    rules: [
      // Plaid refuses keys with 400, so the status alone would read as a mistake in the request.
      { code: 'INVALID_API_KEYS', failure: 'Task.Unauthorized', advice: WRONG_KEYS },
      { code: 'UNAUTHORIZED_ENVIRONMENT', failure: 'Task.Unauthorized', advice: WRONG_KEYS },
      // The codes differ by endpoint and grow; the type is what is stable.
      { type: 'RATE_LIMIT_EXCEEDED', failure: 'Task.RateLimited' },
      { code: 'PLANNED_MAINTENANCE', failure: 'Task.Unavailable' },
      { code: 'INTERNAL_SERVER_ERROR', failure: 'Task.Unavailable', mayHaveProcessed: true },
      { status: 500, type: 'API_ERROR', failure: 'Task.Unavailable', mayHaveProcessed: true },
      {
        code: 'USER_NOT_FOUND',
        failure: 'Task.Rejected',
        advice: 'The user was never made, was made in the other environment, or is removed.',
      },
      { code: 'ITEM_NOT_FOUND', failure: 'Task.Rejected', advice: 'The Item is removed or its access was revoked.' },
      {
        code: 'INVALID_ACCESS_TOKEN',
        failure: 'Task.Rejected',
        advice: 'The access token belongs to the other environment or is removed.',
      },
    ],
  },
});
