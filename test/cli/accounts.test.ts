import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { LIBRARY, writeProvider } from '../openapi/provider-files';
import { runCli, runJson } from './run-cli';
import type { CliEnv, Refused } from './run-cli';

const file = writeProvider(LIBRARY);

const freshUrl = (): string => `file:${join(mkdtempSync(join(tmpdir(), 'http-tasks-accounts-')), 'ledger.db')}`;

const ENV = {
  HTTP_TASKS_LEDGER_URL: freshUrl(),
  HTTP_TASKS_SUBJECT_KEY: 'a subject key of enough characters',
  HTTP_TASKS_PROVIDERS: dirname(file),
  HTTP_TASKS_ACCOUNTS: 'plaid/acme,cityLibrary/acme',
};

interface Check {
  held: boolean;
  environments: Record<string, { held: boolean }>;
}

async function checked(args: readonly string[], env: CliEnv): Promise<Check> {
  const { code, document } = await runJson<Check>(['hold', 'check', ...args], env);
  expect(code).toBe(0);
  return document;
}

async function isHeld(...args: string[]): Promise<boolean> {
  return (await checked(args, ENV)).held;
}

function csvFile(...lines: string[]): string {
  const file = join(mkdtempSync(join(tmpdir(), 'http-tasks-holds-')), 'held.csv');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

describe('accounts of a provider on the command line', () => {
  it('are listed with the settings that they lack', async () => {
    const { document } = await runJson<{ provider: string; missing: string[] }[]>(['providers', 'list'], {
      ...ENV,
      PLAID_CLIENT_ID__ACME: 'client',
    });
    const acme = document.find(({ provider }) => provider === 'plaid/acme');
    expect(acme?.missing).toEqual(['PLAID_SECRET__ACME']);
    expect(document.map(({ provider }) => provider)).toContain('cityLibrary/acme');
  });

  it('are other people to a hold, which says which accounts it does not cover', async () => {
    const added = await runCli(['hold', 'add', '--id', 'plaid.userId=usr_1', '--hold', 'case-1', '--reason', 'x'], ENV);
    expect(added.code).toBe(0);
    expect(added.stdout + added.stderr).toMatch(/Not covered: .*acme/);
    expect(await isHeld('--id', 'plaid.userId=usr_1')).toBe(true);
    expect(await isHeld('--id', 'plaid.userId=usr_1', '--account', 'acme')).toBe(false);
    await runCli(['hold', 'add', '--id', 'plaid.userId=usr_2', '--account', 'acme', '--hold', 'case-2'], ENV);
    expect(await isHeld('--id', 'plaid.userId=usr_2', '--account', 'acme')).toBe(true);
    expect(await isHeld('--id', 'plaid.userId=usr_2')).toBe(false);
  });

  it.each([
    ['hold', 'add', '--id', 'plaid.userId=usr_1', '--account', 'acmee'],
    ['receipts', '--id', 'plaid.userId=usr_1', '--account', 'acmee'],
  ])('that are unknown are refused with the known ones: %s', async (...args) => {
    const { code, document } = await runJson<Refused>(args, ENV);
    expect(code).toBe(2);
    expect(document.error.message).toMatch(/acmee.*acme/s);
  });
});

describe('holds with the IDs of any provider', () => {
  const env = { ...ENV, HTTP_TASKS_LEDGER_URL: freshUrl() };
  const held = async (...args: string[]): Promise<boolean> => (await checked(args, env)).held;
  const file = csvFile(
    'city_library_member_id,city_library_cards,plaid_user_id,account,hold_id',
    '41,c1;c2,,,one',
    '42,,,acme,two',
    ',,usr_9,acme,three',
  );

  it('are set, checked, listed and lifted, each in the account of its row', async () => {
    const added = await runJson(['hold', 'add', '--file', file, '--reason', 'case 1'], env);
    expect(added).toMatchObject({ code: 0, document: { rows: 3, set: 3 } });
    expect(added.stderr).toMatch(/other accounts are not covered.*the default account of plaid/);
    expect(await held('--id', 'cityLibrary.memberId=41')).toBe(true);
    expect(await held('--id', 'cityLibrary.cards=c2')).toBe(true);
    expect(await held('--id', 'cityLibrary.memberId=42')).toBe(false);
    expect(await held('--id', 'cityLibrary.memberId=42', '--account', 'acme')).toBe(true);
    expect(await held('--plaid-user-id', 'usr_9')).toBe(false);
    expect(await held('--plaid-user-id', 'usr_9', '--account', 'acme')).toBe(true);
    expect((await runJson(['hold', 'check', '--file', file], env)).document).toMatchObject({ held: 3, notHeld: 0 });
    const listed = await runJson<{ holdId: string }[]>(['hold', 'list', '--id', 'cityLibrary.cards=c1'], env);
    expect(listed.document).toMatchObject([{ holdId: 'one', environments: { cityLibrary: ['test', 'live'] } }]);
    const lift = ['hold', 'remove', '--id', 'cityLibrary.memberId=42'];
    expect(await runJson(lift, env)).toMatchObject({ code: 1, document: { removed: 0 } });
    expect(await runJson([...lift, '--account', 'acme'], env)).toMatchObject({ code: 0, document: { removed: 1 } });
  });

  it('have --account for the rows that name none, and --environment', async () => {
    const rows = csvFile('city_library_member_id', '51');
    await runJson(['hold', 'add', '--file', rows, '--account', 'acme', '--environment', 'live'], env);
    const { environments } = await checked(['--id', 'cityLibrary.memberId=51', '--account', 'acme'], env);
    expect(environments).toMatchObject({ test: { held: false }, live: { held: true } });
    const wrong = await runJson<Refused>(['hold', 'add', '--file', rows, '--environment', 'prod'], env);
    expect(wrong.document.error.message).toMatch(/"prod" is not an environment of any provider; allowed: .*live/);
  });

  it('are checked for each combination of environments, by the names of the services', async () => {
    const { environments } = await checked(['--id', 'cityLibrary.memberId=9', '--plaid-user-id', 'usr_1'], env);
    expect(Object.keys(environments)).toHaveLength(9);
    expect(environments).toHaveProperty(['plaid production, cityLibrary live']);
    expect(environments).toHaveProperty(['plaid sandbox, without cityLibrary']);
  });

  it('report every bad row by line and column, without a value', async () => {
    const rows = csvFile(
      'city_library_member_id,city_library_cards,account',
      'x41,,',
      ',c1;;c2,',
      '43,,acmee',
      ',,',
      '44,"NULL",',
    );
    const { code, document, stderr } = await runJson<Refused>(['hold', 'add', '--file', rows], env);
    expect({ code, message: document.error.message }).toMatchObject({
      code: 2,
      message: expect.stringMatching(/5 rows are wrong/) as string,
    });
    expect(stderr.split('\n').slice(0, 5)).toEqual([
      'line 2: city_library_member_id must be a whole number, written as a text',
      'line 3: city_library_cards: entry 2 must not be empty',
      expect.stringMatching(/^line 4: account: unknown account acmee; .*acme.*--ignore-column account$/),
      expect.stringMatching(/^line 5: names no user; give plaid_user_id, .*city_library_member_id/),
      'line 6: city_library_cards: entry 1 is a placeholder and not an ID',
    ]);
  });

  it.each([
    ['things of a user, which say nothing about who the user is', 'city_library_loan_ids'],
    ['a provider that only the workers know', 'other_shop_key'],
  ])('refuse a column of %s', async (_, column) => {
    const ledger = await openLedger({ url: env.HTTP_TASKS_LEDGER_URL, subjectKey: env.HTTP_TASKS_SUBJECT_KEY });
    const shop = { service: 'otherShop', environment: 'default', production: true, keySlots: [] };
    const queue = { namespace: 'default', taskQueue: 'http-tasks' };
    await ledger.workers.beat({ ...queue, worker: 'w', identity: 'w', environments: [shop] });
    await ledger.close();
    const rows = csvFile(`city_library_member_id,${column}`, '61,1');
    const { code, document } = await runJson<Refused>(['hold', 'add', '--file', rows], env);
    expect({ code, message: document.error.message }).toMatchObject({
      code: 2,
      message: expect.stringMatching(/would be ignored although/) as string,
    });
    expect(await runJson(['hold', 'add', '--file', rows, '--ignore-column', column], env)).toMatchObject({ code: 0 });
  });

  it('say which IDs and accounts they do not cover, also in the form of --id', async () => {
    const library = await runCli(['hold', 'add', '--id', 'cityLibrary.memberId=71'], env);
    expect(library.stderr).toContain(
      'calls at City Library that name this user by cards or personId or passToken only',
    );
    expect(library.stderr).toContain('other accounts (cityLibrary/acme)');
    const plaid = await runCli(['hold', 'add', '--id', 'plaid.userId=usr_7', '--account', 'acme'], env);
    expect(plaid.stderr).toContain('calls that name this user by a user token');
    expect(plaid.stderr).toContain('other accounts (the default account of plaid)');
  });

  it('need an ID for --account, where it would change nothing', async () => {
    const { code, document } = await runJson<Refused>(['hold', 'list', '--account', 'acme'], env);
    expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'account' });
  });
});

describe('the standing limit', () => {
  const env = { ...ENV, HTTP_TASKS_LEDGER_URL: freshUrl() };

  it('of an account is its own, and can be set before its first worker is started', async () => {
    for (const service of ['plaid/acme', 'cityLibrary', 'cityLibrary/acme']) {
      expect(await runJson(['rate', 'set', service, '600'], env)).toMatchObject({
        code: 0,
        document: [{ service, callsPerMinute: 600, by: 'standing' }],
      });
    }
    const { stdout } = await runCli(['rate', 'clear', 'plaid/acme'], env);
    expect(stdout).not.toContain('standing');
    const { code } = await runJson<Refused>(['rate', 'set', 'plaid/acmee', '600'], env);
    expect(code).toBe(2);
  });
});

it('offboard refuses a user whose first ID is at a provider that the command does not know, and says what to set', async () => {
  const input = { user: { ids: { shop: { id: '1' } } }, reason: { code: 'OTHER' } };
  const { code, document } = await runJson<Refused>(['offboard', '--input', JSON.stringify(input)], ENV);
  expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'user.ids.shop' });
  expect(document.error.message).toMatch(
    /unknown provider shop; allowed: plaid, batch, cityLibrary.*HTTP_TASKS_PROVIDERS/,
  );
});

it('providers show names the accounts of a provider', async () => {
  const { document } = await runJson<{ accounts: unknown }>(['providers', 'show', 'cityLibrary'], ENV);
  expect(JSON.stringify(document.accounts)).toContain('acme');
});
