import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { CheckedRows } from 'temporal-http-tasks/internal/sources/check-rows';
import { InlineSource, openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { toUser } from 'temporal-http-tasks/internal/sources/to-user';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import { UserColumns } from 'temporal-http-tasks/internal/sources/user-columns';
import { courierWith } from '../unit/providers/courier';

const known = new UserColumns(new ProviderSet([courierWith()]));
const COURIER = { contactId: 'c_1', deviceIds: ['d_1', 'd_2'] };

let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), 'columns-'))));
afterAll(() => rm(folder, { recursive: true }));

async function rowsOf(name: string, text: string, options: object = {}): Promise<unknown[]> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  const source = await openLocalFile(file, { known, ...options });
  const rows: unknown[] = [];
  for await (const { user, problem } of source.rows()) rows.push(user ?? problem);
  return rows;
}

it('every ID of every provider has a column, after those that have always been there', () => {
  expect(known.names).toEqual([
    ...UserColumns.BASIC.names,
    'plaid_access_tokens',
    'plaid_asset_report_tokens',
    'courier_contact_id',
    'courier_person_id',
    'courier_device_ids',
    'courier_secret',
  ]);
});

it('files have them under their names or others, lists joined by semicolons or as lists', async () => {
  const expected = [{ ids: { courier: COURIER } }, { batchUserId: 'b_1', ids: { courier: { contactId: 'c_2' } } }];
  const csv = 'courier_contact_id,courier_device_ids,batch_user_id\nc_1,d_1;d_2,\nc_2,,b_1\n';
  expect(await rowsOf('users.csv', csv)).toEqual(expected);
  const renamed = csv.replace('courier_contact_id', 'kunde');
  expect(await rowsOf('renamed.csv', renamed, { columns: { courier_contact_id: 'kunde' } })).toEqual(expected);
  const lines = [
    { courier_contact_id: 'c_1', courier_device_ids: ['d_1', 'd_2'] },
    { courier_contact_id: 'c_2', batch_user_id: 'b_1' },
  ];
  expect(await rowsOf('users.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'))).toEqual(expected);
});

it('a column that resembles the ID of a provider is not ignored silently', async () => {
  const csv = (column: string): string => `courier_contact_id,${column}\nc_1,x\n`;
  for (const column of ['courier_contactid', 'old_contact_id', 'Courier', 'device-ids', 'personId'])
    await expect(rowsOf('near.csv', csv(column))).rejects.toThrow(/would be ignored/);
  expect(await rowsOf('near.csv', csv('old_contact_id'), { ignoreColumns: ['old_contact_id'] })).toHaveLength(1);
  expect(await rowsOf('far.csv', csv('city'))).toHaveLength(1);
});

it('nor is one with a provider or an ID of a short name, while parts of words are', async () => {
  const short = { all: [{ name: 'crm', ids: { uid: {}, id: {} } }], problemsOf: () => [] };
  const columns = new UserColumns(short);
  const csv = (column: string): string => `batch_user_id,${column}\nb_1,x\n`;
  for (const column of ['crm', 'crmKey', 'old-crm-key', 'uid', 'my_uid'])
    await expect(rowsOf('short.csv', csv(column), { known: columns })).rejects.toThrow(/would be ignored/);
  for (const column of ['scrmaster', 'druid', 'order_id', 'id'])
    expect(await rowsOf('short.csv', csv(column), { known: columns })).toHaveLength(1);
});

it('nor is one inside a list, or inside the lists of a document', async () => {
  const row = (more: object): string => JSON.stringify({ batch_user_id: 'b_1', ...more });
  for (const more of [
    { accounts: [{ plaid_user_id: 'u' }] },
    { accounts: ['x', { courierContactId: 'c' }] },
    { profile: { accounts: [{ courier_contact_id: 'c' }] } },
  ])
    await expect(rowsOf('lists.jsonl', row(more))).rejects.toThrow(/would be ignored/);
  for (const more of [{ tags: ['plaid_user_id'] }, { addresses: [{ city: 'x' }, { city: 'y' }] }])
    expect(await rowsOf('lists.jsonl', row(more))).toHaveLength(1);
  const inside = row({ accounts: [{ plaid_user_id: 'u' }] });
  for (const ignoreColumns of [['accounts'], ['accounts.plaid_user_id']])
    expect(await rowsOf('lists.jsonl', inside, { ignoreColumns })).toEqual([{ batchUserId: 'b_1' }]);
});

it('a column for a provider that only another worker knows is not ignored silently', async () => {
  const elsewhere = new UserColumns(new ProviderSet(), ['plaid', 'courier/acme', 'http', 'deskTop']);
  const csv = (column: string): string => `batch_user_id,${column}\nb_1,x\n`;
  const message = /would be ignored: another worker of this ledger has the service courier, and this process does not/;
  for (const column of ['courier_contact_id', 'courierContactId', 'Courier-Phone', 'courier'])
    await expect(rowsOf('elsewhere.csv', csv(column), { known: elsewhere })).rejects.toThrow(message);
  await expect(rowsOf('two.csv', csv('desk_top_id'), { known: elsewhere })).rejects.toThrow(/the service deskTop/);
  const nested = (row: object): string => JSON.stringify({ batch_user_id: 'b_1', ...row });
  for (const row of [{ courier: { contactId: 'c_1' } }, { more: { courier_contact_id: 'c_1' } }])
    await expect(rowsOf('nested.jsonl', nested(row), { known: elsewhere })).rejects.toThrow(message);
  for (const column of ['couriers', 'http_referrer', 'city'])
    expect(await rowsOf('other.csv', csv(column), { known: elsewhere })).toHaveLength(1);
  const ignoring = { known: elsewhere, ignoreColumns: ['courier_contact_id'] };
  expect(await rowsOf('ignored.csv', csv('courier_contact_id'), ignoring)).toHaveLength(1);
});

it('a name for a column that no provider has is refused', async () => {
  await expect(rowsOf('odd.csv', 'x\n1\n', { columns: { courier_contact: 'x' } })).rejects.toThrow(
    /columns\.courier_contact: unknown column; allowed: .*courier_contact_id/,
  );
});

it('the rules for IDs hold for all of them, and a row without any ID says which there are', () => {
  const rules = { items: 'joined', columns: known } as const;
  expect(toUser({ courier_contact_id: 'null' }, rules)).toEqual({
    problem: 'courier_contact_id: is a placeholder and not an ID',
  });
  expect(toUser({ courier_device_ids: 'd_1;;d_2' }, rules)).toEqual({
    problem: 'courier_device_ids: entry 2 must not be empty',
  });
  expect(toUser({ courier_contact_id: 'courier_contact_id' }, rules)).toEqual({
    problem: 'courier_contact_id: is the name of a column and not an ID',
  });
  expect(toUser({ reference: 'r' }, rules)).toEqual({
    problem: expect.stringMatching(/^has no user ID; give plaid_user_id, .*courier_contact_id, .* or courier_secret$/),
  });
  const many = Array.from({ length: 1_001 }, (_, index) => `d_${index}`).join(';');
  expect(toUser({ courier_device_ids: many }, rules)).toMatchObject({ problem: expect.stringContaining('1000') });
});

it('an ID that its provider does not take makes a bad row, whatever the source', async () => {
  const users: TargetUser[] = [
    { ids: { courier: { contactId: 'c_1' } } },
    { ids: { curier: { contactId: 'c_2' } } },
    { ids: { courier: { contactId: ['c_3'] } } },
    { ids: { courier: { deviceIds: 'd_4' } } },
  ];
  const rows = new CheckedRows(new InlineSource(users, new Set()), {
    tolerance: { count: 9 },
    problemOf: known.problemOf,
  });
  const good: unknown[] = [];
  for await (const { user } of rows.rows()) good.push(user);
  expect(good).toEqual([users[0]]);
  expect(rows.report.rejectedRows.map(({ problem }) => problem)).toEqual([
    expect.stringContaining('unknown provider curier'),
    'courier_contact_id: must be one ID and not a list',
    'courier_device_ids: must be a list of IDs',
  ]);
  expect(JSON.stringify(rows.report)).not.toContain('c_2');
});
