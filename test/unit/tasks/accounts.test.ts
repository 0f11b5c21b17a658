import { nearMisses } from 'temporal-http-tasks/internal/config/known-settings';
import { environmentSecrets } from 'temporal-http-tasks/internal/config/process-settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { Accounts } from 'temporal-http-tasks/internal/tasks/worker-accounts';
import { batch, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { batchService } from 'temporal-http-tasks/internal/providers/batch/service';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';

const ENV = {
  HTTP_TASKS_LEDGER_URL: 'file:ledger.db',
  HTTP_TASKS_SUBJECT_KEY: 'a subject key for tests only',
  HTTP_TASKS_SERVICES: 'plaid',
  HTTP_TASKS_ACCOUNTS: 'plaid/acme, batch/acme-eu',
  PLAID_CLIENT_ID: 'id-of-main',
  PLAID_SECRET: 'secret-of-main',
  PLAID_CLIENT_ID__ACME: 'id-of-acme',
  PLAID_SECRET__ACME: 'secret-of-acme',
  BATCH_REST_API_KEY__ACME_EU: 'rest-key-of-acme',
  BATCH_API_KEYS__ACME_EU: 'ios=key-of-ios,android=key-of-android',
};

function problemsOf(changes: Record<string, string | undefined>): string {
  try {
    readSettings({ ...ENV, ...changes }, CATALOGUE_SERVICES);
    return '';
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ setting, message }) => `${setting}: ${message}`).join('\n');
  }
}

describe('settings of accounts', () => {
  it('each account has its own keys, and the environment and address of the default account unless it has its own', () => {
    const read = (changes: Record<string, string>) =>
      readSettings({ ...ENV, ...changes }, CATALOGUE_SERVICES).sender.services.get('plaid/acme');
    const service = read({ PLAID_BASE_URL: 'http://127.0.0.1:1' });
    expect(service).toMatchObject({ service: 'plaid/acme', environment: 'sandbox' });
    expect(service?.baseUrl.origin).toBe('http://127.0.0.1:1');
    expect(service?.secretValues()).toEqual(['id-of-acme', 'secret-of-acme']);
    const own = { PLAID_BASE_URL: 'http://127.0.0.1:1', PLAID_ENV__ACME: 'production' };
    expect(read(own)).toMatchObject({ environment: 'production', production: true });
    expect(read(own)?.baseUrl.origin).toBe('https://production.plaid.com');
    expect(read({ ...own, PLAID_BASE_URL__ACME: 'http://127.0.0.1:2' })?.baseUrl.origin).toBe('http://127.0.0.1:2');
    const settings = readSettings(ENV, CATALOGUE_SERVICES);
    expect(settings.accounts).toEqual(['plaid/acme', 'batch/acme-eu']);
    expect([...settings.sender.services.keys()]).toEqual(['plaid', 'http', 'plaid/acme', 'batch/acme-eu']);
    expect(settings.sender.services.get('batch/acme-eu')?.keySlots).toEqual(['ios', 'android']);
  });

  it('a provider with accounts needs no default account, but whole accounts', () => {
    const none = { PLAID_CLIENT_ID: undefined, PLAID_SECRET: undefined };
    const { sender } = readSettings({ ...ENV, ...none }, CATALOGUE_SERVICES);
    expect([...sender.services.keys()]).toEqual(['http', 'plaid/acme', 'batch/acme-eu']);
    expect(problemsOf({ PLAID_SECRET: undefined })).toMatch(/^PLAID_SECRET: /);
    expect(problemsOf({ PLAID_SECRET__ACME: undefined })).toMatch(/^PLAID_SECRET__ACME: /);
  });

  it.each([
    ['acme', /"acme" is not an account; write PROVIDER\/ACCOUNT/],
    ['plaid/ACME', /"plaid\/ACME" is not an account/],
    ['plaid/default', /is not an account/],
    ['http/acme', /there is no provider http with keys; allowed: plaid, batch/],
    ['plaod/acme', /there is no provider plaod.*did you mean plaid\?/],
    ['plaid/acme,plaid/acme', /lists plaid\/acme twice/],
    ['plaid/a-b,plaid/a_b', /plaid\/a_b and plaid\/a-b would read the same settings/],
  ])('refuses %s', (accounts, message) => {
    expect(problemsOf({ HTTP_TASKS_ACCOUNTS: accounts })).toMatch(message);
  });

  it('says which settings of an account are not read, and keeps their values out of logs', () => {
    const env = { PLAID_SECRET__OTHER: 'a secret that is long', COURIER_TOKEN__ACME_FILE: '/run/secrets/courier' };
    expect(nearMisses(env, [plaidService])).toEqual([
      {
        setting: 'PLAID_SECRET__OTHER',
        message: 'is not read; to use it, list plaid/other in HTTP_TASKS_ACCOUNTS',
      },
    ]);
    expect(environmentSecrets({ ...env, COURIER_TOKEN__ACME: 'another long secret' })).toEqual([
      'a secret that is long',
      'another long secret',
    ]);
  });
});

describe('accounts of providers', () => {
  const accounts = new Accounts(['plaid/acme', 'batch/acme', 'batch/beta']);

  it('an account is a service of its own where the provider has it, and the default one elsewhere', () => {
    expect(accounts.names).toEqual(['acme', 'beta']);
    expect(['acme', 'beta', undefined].map((account) => accounts.serviceNameAt('plaid', account))).toEqual([
      'plaid/acme',
      'plaid',
      'plaid',
    ]);
    const task = accounts.taskAt(batch.customDataDelete, 'beta');
    expect(task).toMatchObject({
      name: 'batch.customDataDelete',
      service: { name: 'batch/beta', title: 'Batch (beta)' },
    });
    expect(task.service.credentials.map(({ setting }) => setting)).toEqual([
      'BATCH_REST_API_KEY__BETA',
      'BATCH_API_KEYS__BETA',
    ]);
    expect(accounts.taskAt(batch.customDataDelete, 'beta')).toBe(task);
    expect(accounts.taskAt(plaid.itemRemove, 'beta')).toBe(plaid.itemRemove);
    // A call for an account that this worker does not have must never go to the default one.
    expect(accounts.taskOf(plaid.itemRemove, 'beta').service.name).toBe('plaid/beta');
  });

  it('a key that only some accounts have is in the plan of a sweep for their users alone', () => {
    const set = new ProviderSet([], new Accounts(['batch/acme', 'batch/beta']));
    const services = new Map(
      Object.entries({ batch: ['ios'], 'batch/acme': ['ios', 'android'], 'batch/beta': ['android'] }).map(
        ([name, keySlots]) => [name, { environment: 'default', keySlots }],
      ),
    );
    const steps = set.planFor({ providers: ['batch'] }, services).steps.map(({ step, when }) => [step, when.services]);
    expect(steps).toEqual([
      ['batch', undefined],
      ['batch.ios', ['batch', 'batch/acme']],
      ['batch.android', ['batch/acme', 'batch/beta']],
    ]);
    const own = set.planFor({}, services, { ids: { batch: { userId: 'u' } }, account: 'beta' });
    expect(own.steps.flatMap(({ keySlot = [] }) => keySlot)).toEqual(['android']);
    expect(batchService.credentials.some(({ slotField }) => slotField !== undefined)).toBe(true);
  });

  it('refuses an unknown account with the known ones, and repeats nothing that may be an ID', () => {
    const set = new ProviderSet([], accounts);
    expect(set.problemOfAccount('acme')).toBeUndefined();
    expect(set.problemOfAccount('acmee')).toBe('unknown account acmee; allowed: acme, beta; did you mean acme?');
    expect(set.problemOfAccount('usr_17')).toBe('unknown account; allowed: acme, beta');
    expect(new ProviderSet().problemOfAccount('acme')).toBe(
      'unknown account acme; HTTP_TASKS_ACCOUNTS lists none here',
    );
  });
});
