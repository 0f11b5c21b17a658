import { accountOf, accountSuffix, mainServiceOf } from './accounts';
import type { HttpTask } from './define';
import type { CredentialRule, ServiceDefinition } from './service';

/**
 * The accounts that a worker or command has at providers, besides the default account of each. An account is a service of
 * its own, named `plaid/acme`: with its own settings, keys, rates, receipts, and keyed hashes of IDs.
 */
export class Accounts {
  /** As configured, for example `plaid/acme`. */
  readonly listed: readonly string[];
  readonly #byProvider = new Map<string, string[]>();
  readonly #services = new Map<ServiceDefinition, Map<string, ServiceDefinition>>();
  readonly #tasks = new Map<HttpTask, Map<string, HttpTask>>();

  /** @param listed Each as `provider/account`, once. */
  constructor(listed: readonly string[] = []) {
    this.listed = listed;
    for (const name of listed) {
      const provider = mainServiceOf(name);
      this.#byProvider.set(provider, [...(this.#byProvider.get(provider) ?? []), accountOf(name) ?? '']);
    }
  }

  /** The names of all accounts, sorted. */
  get names(): string[] {
    return [...new Set([...this.#byProvider.values()].flat())].sort();
  }

  /** Returns the names of a provider's accounts, without its default account. */
  of(provider: string): readonly string[] {
    return this.#byProvider.get(provider) ?? [];
  }

  /**
   * Returns the service at which a user of an account is known to a provider: the default one if the provider does not
   * have the account.
   */
  serviceNameAt(provider: string, account: string | undefined): string {
    return account !== undefined && this.of(provider).includes(account) ? `${provider}/${account}` : provider;
  }

  /** Returns the account of a user at a provider; undefined for its default account. */
  accountAt(provider: string, account: string | undefined): string | undefined {
    return accountOf(this.serviceNameAt(provider, account));
  }

  /** Returns the definition of {@link serviceNameAt}. */
  serviceAt(service: ServiceDefinition, account: string | undefined): ServiceDefinition {
    return this.of(service.name).includes(account ?? '') ? this.#serviceOf(service, account ?? '') : service;
  }

  /**
   * Returns the task as it is called for users of an account: the default one if the provider does not have the
   * account.
   */
  taskAt(task: HttpTask, account: string | undefined): HttpTask {
    return this.of(task.service.name).includes(account ?? '') ? this.taskOf(task, account) : task;
  }

  /**
   * Returns the task as it is called in exactly this account of its provider. An account that is not listed here has no
   * settings, so no call can be made in it.
   */
  taskOf(task: HttpTask, account: string | undefined): HttpTask {
    if (account === undefined) return task;
    const service = this.#serviceOf(task.service, account);
    return cached(this.#tasks, task, account, () =>
      Object.freeze({
        ...task,
        service,
        ...(task.credentials && { credentials: task.credentials.map((rule) => ruleOfAccount(rule, account)) }),
      }),
    );
  }

  #serviceOf(service: ServiceDefinition, account: string): ServiceDefinition {
    return cached(this.#services, service, account, () => serviceOfAccount(service, account));
  }

  /** Returns the definitions of the accounts at these services. */
  servicesAt(services: readonly ServiceDefinition[]): ServiceDefinition[] {
    return services.flatMap((service) => this.of(service.name).map((account) => this.serviceAt(service, account)));
  }
}

function cached<Key extends object, Value>(
  known: Map<Key, Map<string, Value>>,
  key: Key,
  account: string,
  make: () => Value,
): Value {
  let byAccount = known.get(key);
  if (!byAccount) known.set(key, (byAccount = new Map<string, Value>()));
  let value = byAccount.get(account);
  if (value === undefined) byAccount.set(account, (value = make()));
  return value;
}

function serviceOfAccount(service: ServiceDefinition, account: string): ServiceDefinition {
  const { name, title, environmentSetting, baseUrlSetting, placementSetting, credentials } = service;
  const own = (setting: string | undefined): string | undefined =>
    setting === undefined ? undefined : `${setting}${accountSuffix(account)}`;
  const settings = Object.entries({
    environmentSetting: own(environmentSetting),
    baseUrlSetting: own(baseUrlSetting),
    placementSetting: own(placementSetting),
  }).filter(([, setting]) => setting !== undefined);
  return Object.freeze({
    ...service,
    name: `${name}/${account}`,
    title: `${title} (${account})`,
    account: { name: account, of: service },
    credentials: credentials.map((rule) => ruleOfAccount(rule, account)),
    ...Object.fromEntries(settings),
  });
}

function ruleOfAccount(rule: CredentialRule, account: string): CredentialRule {
  const own = (setting: string): string => `${setting}${accountSuffix(account)}`;
  const { setting, clientCredentials } = rule;
  if (!clientCredentials) return { ...rule, setting: own(setting) };
  const { clientIdSetting, settings = {} } = clientCredentials;
  return {
    ...rule,
    setting: own(setting),
    clientCredentials: {
      ...clientCredentials,
      clientIdSetting: own(clientIdSetting),
      settings: Object.fromEntries(Object.entries(settings).map(([part, name]) => [part, own(name)])),
    },
  };
}
