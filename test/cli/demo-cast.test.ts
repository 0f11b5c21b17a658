import { demoUsersFrom, seedsFor } from '@temporal-http-tasks/cli/internal/demo/demo-users';
import { EXAMPLE_USERS } from '@temporal-http-tasks/cli/internal/demo/command';
import { planFaults } from '@temporal-http-tasks/cli/internal/demo/fault-plan';
import { readUserFile } from '@temporal-http-tasks/cli/internal/users/read-file';
import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { allOf } from '../sources/reading';
import { userFile } from './demo-stage';
import { runJson } from './run-cli';
import type { Refused } from './run-cli';

describe('the example users', () => {
  it('are 25, of every kind, and none of them is named twice', async () => {
    const demoUsers = demoUsersFrom(await readUserFile(EXAMPLE_USERS, '--users'));
    expect(demoUsers).toHaveLength(25);
    expect(demoUsers.filter(({ onHold }) => onHold)).toHaveLength(1);
    expect(demoUsers.filter(({ plaid }) => plaid?.userToken !== undefined)).toHaveLength(1);
    expect(demoUsers.filter(({ expected }) => expected.plaidUserRemoved)).toHaveLength(3);
    expect(demoUsers.filter(({ expected }) => expected.itemsLeft.length > 0).map(({ label }) => label)).toEqual([
      'case-18 two items',
      'case-19 foreign item',
      'case-21 legal-hold',
    ]);
    expect(demoUsers.find(({ batchUserId }) => batchUserId === '../77')).toBeDefined();
  });

  it('are a source of which a sweep refuses no row', async () => {
    const rows = await allOf(await openLocalFile(EXAMPLE_USERS));
    expect(rows.filter(({ problem }) => problem !== undefined)).toEqual([]);
    expect(rows).toHaveLength(25);
  });

  it('have more than a thousand bystanders, among them what a careless client would make of an id', async () => {
    const { batch, bystanders } = seedsFor(demoUsersFrom(await readUserFile(EXAMPLE_USERS, '--users')));
    expect(bystanders).toBeGreaterThan(1_000);
    expect(batch.users).toEqual(expect.arrayContaining(['team/7?x=100%#é😀', 'team', 'ana lúcia', '/1024, "quoted"']));
    expect(new Set(batch.users).size).toBe(batch.users?.length);
  });

  it('meet the same faults under the same seed, and others under another', async () => {
    const demoUsers = demoUsersFrom(await readUserFile(EXAMPLE_USERS, '--users'));
    expect(planFaults(demoUsers, 7)).toEqual(planFaults(demoUsers, 7));
    expect(planFaults(demoUsers, 7)).not.toEqual(planFaults(demoUsers, 8));
  });

  it('meet every kind of fault that loses or delays a response, and no user meets two at one call', async () => {
    const { plaid, batch } = planFaults(demoUsersFrom(await readUserFile(EXAMPLE_USERS, '--users')), 1);
    const rules = [...plaid, ...batch];
    const kinds = [
      'dropAfter',
      'dropBefore',
      'maintenance',
      'rateLimit',
      'resetMidBody',
      'serverError',
      'stall',
      'truncatedJson',
      'wrongContentType',
    ];
    expect([...new Set(rules.map(({ kind }) => kind))].sort()).toEqual(kinds);
    expect(new Set(rules.map(({ endpoint, user }) => `${endpoint} ${user}`)).size).toBe(rules.length);
  });
});

describe('a user file', () => {
  it('is read unchanged: cells are not trimmed, empty ones are not there, quoted ones keep their commas', async () => {
    const rows = await readUserFile(
      await userFile('usr_1,, 10 ,"a ""b"", c",x;y', ',,"1,\n2",,', 'usr_3,,,,'),
      '--users',
    );
    expect(rows).toEqual([
      { line: 2, plaidUserId: 'usr_1', batchUserId: ' 10 ', reference: 'a "b", c', itemIds: ['x', 'y'] },
      { line: 3, batchUserId: '1,\n2' },
      { line: 5, plaidUserId: 'usr_3' },
    ]);
  });

  it.each([
    ['that is not there', async () => '/nowhere/users.csv', 'ENOENT'],
    ['without a row', () => userFile(), 'has no user'],
    ['with a row that names nobody', () => userFile('usr_1,,,,', ',,,a case,'), 'line 3'],
    ['with a row that is too short', () => userFile('usr_1,,,,', 'usr_2'), 'line 3'],
    ['with both ids of Plaid in one row', () => userFile('usr_1,user-sandbox-x,,,'), 'line 2: user.plaidUserToken'],
    ['with an empty Item id', () => userFile('usr_1,,,,a;;b'), 'line 2: itemIds.1'],
    [
      'that names a user twice',
      () => userFile('usr_1,,1,,', 'usr_2,,1,,'),
      'line 3: batch_user_id names a user whom line 2 names already',
    ],
    ["with an id of the demo's own", () => userFile('bystander-4,,,,'), 'line 2: plaid_user_id'],
  ])('%s is refused by the demo with exit 2, before anything is started', async (_, file, why) => {
    const { code, document, stderr } = await runJson<Refused>(['demo', '--users', await file()]);
    expect({ code, type: document.error.type }).toEqual({ code: 2, type: 'Usage' });
    expect(document.error.message).toContain(why);
    expect(stderr).toBe('');
  });
});
