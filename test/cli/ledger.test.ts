import { migrations } from 'temporal-http-tasks/internal/ledger/migrations/index';
import { applyRoles, leaveOlderLedger, urlOfRole } from '../deploy/ledger-roles';
import { SUBJECT_KEY, runRaw } from '../ledger/databases';
import { freshPostgresUrl } from '../support/postgres';
import { runCli, runJson } from './run-cli';
import type { Refused } from './run-cli';

const MIGRATE = ['ledger', 'migrate'];
const OLD = 3;
const missing = migrations.slice(OLD).map(({ name }) => name);

describe('http-tasks ledger migrate', () => {
  let url: string;
  beforeAll(async () => {
    url = await freshPostgresUrl();
    await applyRoles(url);
    await leaveOlderLedger(urlOfRole(url, 'http_tasks_migrate'), migrations.slice(0, OLD));
    await applyRoles(url);
  });

  const env = (role: 'http_tasks_migrate' | 'http_tasks_worker') => ({
    HTTP_TASKS_LEDGER_URL: urlOfRole(url, role),
    HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
  });

  it('is refused for a user that may not, as other commands are, with the command to run', async () => {
    for (const words of [MIGRATE, ['hold', 'list']]) {
      const { code, document } = await runJson<Refused>(words, env('http_tasks_worker'));
      expect({ code, type: document.error.type, field: document.error.field }).toEqual({
        code: 2,
        type: 'Settings',
        field: 'HTTP_TASKS_LEDGER_URL',
      });
      expect(document.error.message).toContain(missing.join(', '));
      expect(document.error.message).toContain('http-tasks ledger migrate');
      expect(document.error.message).not.toContain('password-of');
    }
  });

  it('runs what is missing as the owner, once, and then the worker’s user can use the ledger', async () => {
    expect(await runJson(MIGRATE, env('http_tasks_migrate'))).toMatchObject({
      code: 0,
      document: { migrations: missing },
    });
    expect(await runJson(MIGRATE, env('http_tasks_migrate'))).toMatchObject({ code: 0, document: { migrations: [] } });
    expect(await runCli(MIGRATE, env('http_tasks_migrate'))).toMatchObject({
      code: 0,
      stdout: 'The ledger is up to date.\n',
    });
    expect(await runCli(['hold', 'list'], env('http_tasks_worker'))).toMatchObject({ code: 0 });
  });

  it('is refused without a ledger that is named or there', async () => {
    const { code, document } = await runJson<Refused>(MIGRATE, { HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY });
    expect({ code, field: document.error.field }).toEqual({ code: 2, field: 'HTTP_TASKS_LEDGER_URL' });
  });
});

describe('http-tasks ledger purge', () => {
  let url: string;

  beforeAll(async () => {
    url = await freshPostgresUrl();
    await applyRoles(url);
    expect(await runCli(MIGRATE, env('http_tasks_migrate'))).toMatchObject({ code: 0 });
    await applyRoles(url);
    await runRaw(
      url,
      `insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service, environment, at)
        values ('old', 'r', '', 0, 's', 'settled', 1, '', 't.t', 't', 'e', '2020-01-31T10:00:00Z')`,
    );
    expect(await runCli(['seal', 'checkpoint'], env('http_tasks_worker'))).toMatchObject({ code: 0 });
  });

  const env = (role: 'http_tasks_migrate' | 'http_tasks_worker') => ({
    HTTP_TASKS_LEDGER_URL: urlOfRole(url, role),
    HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
  });

  it.each([
    ['no time', [], 'Say how long receipts are kept'],
    ['too short a time', ['--keep-days', '29'], '--keep-days must be a whole number from 30 to'],
  ])('is refused with %s', async (_what, args, message) => {
    const { code, document } = await runJson<Refused>(['ledger', 'purge', ...args], env('http_tasks_migrate'));
    expect({ code, message: document.error.message }).toMatchObject({
      code: 2,
      message: expect.stringContaining(message),
    });
  });

  it('is refused for a user that may not delete receipts, and done as the owner', async () => {
    const purge = ['ledger', 'purge'];
    const days = { HTTP_TASKS_RECEIPTS_DAYS: '730' };
    const refused = await runJson<Refused>(purge, { ...env('http_tasks_worker'), ...days });
    expect(refused.code).toBe(1);
    expect(refused.document.error.message).toContain('may not delete receipts (42501)');
    const purged = { code: 0, document: { sweeps: [], runs: 1, changed: [] } };
    expect(await runJson(purge, { ...env('http_tasks_migrate'), ...days })).toMatchObject(purged);
    expect(await runRaw(url, 'select id from receipts')).toEqual([]);
  });
});
