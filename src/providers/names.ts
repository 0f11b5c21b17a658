/** Returns the column of a source with this ID: `courier_contact_id` for `contactId` of `courier`. */
export function columnOf(provider: string, id: string): string {
  return `${snakeCase(provider)}_${snakeCase(id)}`;
}

/** Returns the setting that selects the environment of a provider: `COURIER_ENV`. */
export function environmentSettingOf(provider: string): string {
  return `${snakeCase(provider).toUpperCase()}_ENV`;
}

/** Returns the setting that replaces the base URL of a provider: `COURIER_BASE_URL`. */
export function baseUrlSettingOf(provider: string): string {
  return `${snakeCase(provider).toUpperCase()}_BASE_URL`;
}

function snakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}

/** The IDs at Plaid that are tokens of single things rather than of a user. */
export const PLAID_TOKENS = ['accessTokens', 'assetReportTokens'] as const;
