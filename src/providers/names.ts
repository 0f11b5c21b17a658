import { snakeCase } from '../policy/id-columns';

export { columnOf } from '../policy/id-columns';

/** Returns the setting that selects the environment of a provider: `COURIER_ENV`. */
export function environmentSettingOf(provider: string): string {
  return `${snakeCase(provider).toUpperCase()}_ENV`;
}

/** Returns the setting that replaces the base URL of a provider: `COURIER_BASE_URL`. */
export function baseUrlSettingOf(provider: string): string {
  return `${snakeCase(provider).toUpperCase()}_BASE_URL`;
}

/** The IDs at Plaid that are tokens of single things rather than of a user. */
export const PLAID_TOKENS = ['accessTokens', 'assetReportTokens'] as const;
