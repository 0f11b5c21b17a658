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
