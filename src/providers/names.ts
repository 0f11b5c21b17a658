import { snakeCase } from '../policy/user-ids';
import { accountOf, accountSuffix, mainServiceOf } from '../tasks/accounts';

export { columnOf } from '../policy/user-ids';

/** Returns the setting that selects the environment of a provider: `COURIER_ENV`, or `COURIER_ENV__ACME` for `courier/acme`. */
export function environmentSettingOf(service: string): string {
  const account = accountOf(service);
  const suffix = account === undefined ? '' : accountSuffix(account);
  return `${snakeCase(mainServiceOf(service)).toUpperCase()}_ENV${suffix}`;
}

/** Returns the setting that replaces the base URL of a provider: `COURIER_BASE_URL`. */
export function baseUrlSettingOf(provider: string): string {
  return `${snakeCase(provider).toUpperCase()}_BASE_URL`;
}

/** The task that deletes a user at Plaid, which a policy forbids with `removeUser`. */
export const REMOVES_USER = 'plaid.userRemove';

/** The task with reason codes of its own: the offboarding sets its code, so the policy's rule on reasons does not apply. */
export const OWN_REASONS = 'plaid.itemRemove';

/** The IDs at Plaid that are tokens of single things rather than of a user. */
export const PLAID_TOKENS = ['accessTokens', 'assetReportTokens'] as const;
