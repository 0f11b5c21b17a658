import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LIBRARY, writeProvider } from '../openapi/provider-files';
import { runCli, runJson } from './run-cli';
import type { Refused } from './run-cli';

const file = writeProvider(LIBRARY);

const ENV = {
  HTTP_TASKS_LEDGER_URL: `file:${join(mkdtempSync(join(tmpdir(), 'http-tasks-accounts-')), 'ledger.db')}`,
  HTTP_TASKS_SUBJECT_KEY: 'a subject key of enough characters',
  HTTP_TASKS_PROVIDERS: dirname(file),
  HTTP_TASKS_ACCOUNTS: 'plaid/acme,cityLibrary/acme',
};

interface Check {
  held: boolean;
}

async function isHeld(...args: string[]): Promise<boolean> {
  const { code, document } = await runJson<Check>(['hold', 'check', ...args], ENV);
  expect(code).toBe(0);
  return document.held;
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
