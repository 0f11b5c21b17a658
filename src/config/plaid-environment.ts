import { plaidService } from '../tasks/plaid/service';
import { readText } from './env';
import type { Env } from './env';
import { ProblemList } from './problems';

/**
 * Returns the Plaid environment in which user IDs are valid: `PLAID_ENV`, or sandbox. Needs no keys.
 *
 * @throws SettingsError if it is not a Plaid environment.
 */
export function plaidEnvironment(env: Env): string {
  const environment = readText(env, 'PLAID_ENV') ?? plaidService.defaultEnvironment ?? 'sandbox';
  const problems = new ProblemList();
  const known = Object.hasOwn(plaidService.environments, environment);
  if (!known) {
    const allowed = Object.keys(plaidService.environments).join(', ');
    problems.add('PLAID_ENV', `"${environment}" is not a Plaid environment; allowed: ${allowed}.`);
  }
  return problems.finish(environment);
}
