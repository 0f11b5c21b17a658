import { asSentence, didYouMean } from '../tasks/nearest';
import { accountOf, accountSuffix, ACCOUNT_NAME, mainServiceOf, MOST_ACCOUNT_CHARACTERS } from '../tasks/accounts';
import { Accounts } from '../tasks/worker-accounts';
import type { ServiceDefinition } from '../tasks/service';
import { readList } from './env';
import type { Env, ProblemList } from './env';

/** The setting that lists accounts. */
const SETTING = 'HTTP_TASKS_ACCOUNTS';

/**
 * Reads `HTTP_TASKS_ACCOUNTS`, such as `courier/acme,plaid/acme`; adds to `problems` what cannot be used.
 *
 * @param services Those that may have accounts; undefined for a command, which may not know all of them.
 * @param listed Replaces the setting, as an option in code does.
 */
export function readAccounts(
  env: Env,
  services: readonly ServiceDefinition[] | undefined,
  problems: ProblemList,
  listed: readonly string[] = readList(env, SETTING),
): Accounts {
  const names = services?.filter(({ credentials }) => credentials.length > 0).map(({ name }) => name);
  const used = new Map<string, string>();
  const good: string[] = [];
  for (const entry of listed) {
    const wrong = whyNotAccount(entry, names, used);
    if (wrong === undefined) good.push(entry);
    else problems.add(SETTING, wrong);
  }
  return new Accounts(good);
}

function whyNotAccount(
  entry: string,
  names: readonly string[] | undefined,
  used: Map<string, string>,
): string | undefined {
  const provider = mainServiceOf(entry);
  const account = accountOf(entry) ?? '';
  if (!ACCOUNT_NAME.test(account) || account.length > MOST_ACCOUNT_CHARACTERS || account === 'default')
    return `"${entry}" is not an account; write PROVIDER/ACCOUNT, for example courier/acme, in small letters and digits.`;
  if (names && !names.includes(provider))
    return asSentence(
      `"${entry}": there is no provider ${provider} with keys; allowed: ${names.join(', ')}${didYouMean(provider, names)}`,
    );
  const key = `${provider}${accountSuffix(account)}`;
  const earlier = used.get(key);
  used.set(key, entry);
  if (earlier === undefined) return undefined;
  return earlier === entry
    ? `lists ${entry} twice.`
    : `${entry} and ${earlier} would read the same settings; rename one of them.`;
}
