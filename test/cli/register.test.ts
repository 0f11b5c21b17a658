import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { RequestDocument } from '@temporal-http-tasks/cli/internal/register/list';
import { runCli, runJson } from './run-cli';

const folder = mkdtempSync(join(tmpdir(), 'register-'));
const SUBJECT_KEY = 'a test key of enough characters';
const env = {
  HTTP_TASKS_LEDGER_URL: `file:${join(folder, 'ledger.db')}`,
  HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
  HTTP_TASKS_PUBLIC_HOLIDAYS: '2015-04-06',
};

beforeAll(async () => {
  await (await openLedger({ url: env.HTTP_TASKS_LEDGER_URL, subjectKey: SUBJECT_KEY })).close();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const json = <T = RequestDocument>(...args: string[]) => runJson<T>(['register', ...args], env);

it('says whether the register is empty or no request matches, and what to do', async () => {
  const { stderr: empty, code } = await runCli(['register', '--open'], env);
  expect({ code, empty }).toEqual({
    code: 0,
    empty: expect.stringMatching(
      /^The register of this ledger has no requests: .*\n?.*http-tasks register add/s,
    ) as string,
  });
  const other = { ...env, HTTP_TASKS_LEDGER_URL: `file:${join(folder, 'one.db')}` };
  const due = new Date(Date.now() + 86_400_000).toISOString();
  await runJson(['register', 'add', '--batch-user-id', '1', '--due', due], other);
  const list = async (...args: string[]) => (await runCli(['register', ...args], other)).stderr.replace(/\s+/g, ' ');
  expect(await list('--overdue')).toContain('none matches --overdue. Without it, closed requests are listed, too.');
  expect(await list('--open', '--after', '1')).toContain('none matches --open --after 1. Without them,');
  expect(await list('--due-before', '2026-01-01')).toContain(
    'none matches --due-before 2026-01-01. Without it, others are listed, too.',
  );
  const file = join(folder, 'none.csv');
  expect(await list('--overdue', '--csv', '--out', file)).toMatch(/none matches --overdue\..*has column names only/);
  expect(await list('--csv', '--out', join(folder, 'one.csv'))).toContain('1 request is in ');
});

it('takes a day of --due-before in the time zone of due dates', async () => {
  const HTTP_TASKS_TIME_ZONE = 'America/Los_Angeles';
  const there = { ...env, HTTP_TASKS_LEDGER_URL: `file:${join(folder, 'zone.db')}`, HTTP_TASKS_TIME_ZONE };
  const dayIn = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  const [due, nextDay] = [dayIn(30), dayIn(31)];
  await runJson(['register', 'add', '--batch-user-id', '1', '--due', due], there);
  const before = async (when: string): Promise<number> =>
    (await runJson<RequestDocument[]>(['register', '--due-before', when], there)).document.length;
  // In UTC it is due on the day after.
  expect([await before(due), await before(nextDay)]).toEqual([0, 1]);
  const wrong = await runJson<{ error: { message: string } }>(['register', '--due-before', 'soon'], there);
  expect(wrong.document.error.message).toContain('must be a day such as 2026-03-28 (in America/Los_Angeles)');
});

it('says what to do where the ledger cannot be reached', async () => {
  const { code, document } = await runJson<{ error: { type: string; message: string } }>(['register'], {
    ...env,
    HTTP_TASKS_LEDGER_URL: 'postgres://u@127.0.0.1:1/x',
  });
  expect(code).toBe(1);
  expect(document.error).toEqual({
    type: 'Task.LedgerUnavailable',
    message: expect.stringMatching(
      /^HTTP_TASKS_LEDGER_URL \(postgres:\/\/127\.0\.0\.1:1\/x\): The ledger's database cannot be reached \(ECONNREFUSED\)\. Check/,
    ) as string,
  });
});

it('records a request, lists it with its state, refuses it with a hold, and writes all of it as CSV', async () => {
  const user = ['--plaid-user-id', 'usr_1', '--reference', '=case 1'];
  const added = await json('add', ...user, '--received-at', '2015-03-05', '--law', 'gdpr', '--requested-by', 'Alice');
  expect(added).toMatchObject({
    code: 0,
    document: { id: 1, kind: 'recorded', state: 'overdue', dueAt: '2015-04-07T23:59:59.000Z', reference: '=case 1' },
  });
  await json('add', '--batch-user-id', '1001', '--due', '2099-01-01').then(({ code }) => expect(code).toBe(2));
  const due = new Date(Date.now() + 30 * 86_400_000).toISOString();
  expect(await json('add', '--batch-user-id', '1001', '--due', due)).toMatchObject({
    document: { id: 2, state: 'open' },
  });
  expect((await json<RequestDocument[]>('--overdue')).document.map(({ id }) => id)).toEqual([1]);
  expect((await json<RequestDocument[]>('--open')).document.map(({ id }) => id)).toEqual([1, 2]);
  // Too late to extend, and nothing whose law would allow it.
  for (const id of ['1', '2']) expect((await json('extend', id, '--why', 'many providers')).code).toBe(1);
  const refused = await json<{ holdId: string }>('refuse', '1', '--why', 'not proven', '--by', 'Bob');
  expect(refused).toMatchObject({
    code: 0,
    document: { state: 'refused', holdId: 'refused-request-1', refused: { by: 'Bob', reason: 'not proven' } },
  });
  const held = await runJson(['hold', 'check', '--plaid-user-id', 'usr_1'], env);
  expect(held.document).toMatchObject({ held: true });
  const file = join(folder, 'register.csv');
  expect(await json('--csv', '--out', file)).toMatchObject({ document: { file, format: 'csv', requests: 2 } });
  const [head, first, second] = readFileSync(file, 'utf8').split('\n');
  expect(head).toMatch(/^request,state,law,received_at,due_at,extended_at,.*,outcome,ended_at,late$/);
  expect(first).toMatch(/^1,refused,gdpr,2015-03-05,2015-04-07T23:59:59\.000Z,.*Bob,not proven,Alice,.*'=case 1/);
  expect(second).toMatch(/^2,open,none,,/);
  expect(readFileSync(file, 'utf8')).not.toMatch(/usr_1|1001/);
  const table = await runCli(['register'], env);
  expect(table).toMatchObject({ code: 0, stdout: expect.stringContaining('refused') as string });
});

it.each([
  [['add', '--plaid-user-id', 'usr_1', '--law', 'gdpr'], 'receivedAt'],
  [['add', '--plaid-user-id', 'usr_1'], 'receivedAt'],
  [['add', '--received-at', '2015-03-05'], 'user'],
  [['--out', 'x.csv'], 'out'],
  [['--due-before', 'soon'], 'dueBefore'],
  [['refuse', '1'], 'why'],
])('refuses %j by the field %s', async (args, field) => {
  const { code, document } = await json<{ error: { field?: string } }>(...args);
  expect({ code, field: document.error.field }).toEqual({ code: 2, field });
});
