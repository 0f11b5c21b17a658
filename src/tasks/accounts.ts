/** The name of an account, such as `acme`. */
export const ACCOUNT_NAME = /^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/;

/** The largest number of characters in the name of an account. */
export const MOST_ACCOUNT_CHARACTERS = 40;

/** Returns the suffix of an account's settings: `__ACME` for `acme`. */
export function accountSuffix(account: string): string {
  return `__${account.replaceAll('-', '_').toUpperCase()}`;
}

/** Returns the service of an account's service: `plaid` for `plaid/acme`; any other name is returned as it is. */
export function mainServiceOf(service: string): string {
  const at = service.indexOf('/');
  return at === -1 ? service : service.slice(0, at);
}

/** Returns the account of a service's name: `acme` for `plaid/acme`; undefined for the default account. */
export function accountOf(service: string): string | undefined {
  const at = service.indexOf('/');
  return at === -1 ? undefined : service.slice(at + 1);
}

/** Returns a step as people see it: with its account, unless it is the default one, as in `courier.contact (acme)`. */
export function stepInAccount({ step, service }: { step: string; service: string }): string {
  const account = accountOf(service);
  return account === undefined ? step : `${step} (${account})`;
}
