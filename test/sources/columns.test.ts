import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { allOf, failureOf, fileWith, removeFolders, rowsOf } from './reading';

afterAll(removeFolders);

describe('columns that are not used', () => {
  it.each([
    'plaid_id',
    'Plaid',
    'BATCH',
    'batch-custom-id',
    'user',
    'User Name',
    'username',
    'USER.ID',
    'items',
    'item',
    'my_plaid_token',
    'plaidUser',
  ])('refuse the source when one is called %s, in CSV and in JSON Lines', async (name) => {
    for (const [content, file] of [
      [`${name},batch_user_id\ncanary,b_1\n`, 'users.csv'],
      [`batch_user_id;${name}\nb_1;canary\n`, 'users.csv'],
      [`${JSON.stringify({ [name]: 'canary', batch_user_id: 'b_1' })}\n`, 'users.jsonl'],
    ] as const) {
      const error = await failureOf(allOf(await openLocalFile(fileWith(content, file))));
      expect(error).toBeInstanceOf(SourceError);
      expect(error.message).toContain(`the column ${name} would be ignored although its name resembles that of an ID`);
      expect(error.message).toContain('--ignore-column');
      expect(error.message).not.toContain('canary');
      const source = await openLocalFile(fileWith(content, file), { ignoreColumns: [name] });
      expect((await rowsOf(source)).map(({ user }) => user)).toEqual([{ batchUserId: 'b_1' }]);
      expect(source.columns).toEqual({ used: ['batch_user_id'], ignored: [name] });
    }
  });

  it.each(['custom_id', 'access_token', 'Token', 'ＰＬＡＩＤ_id'])(
    'refuse the source when one is called %s, as the providers call their IDs',
    async (name) => {
      const error = await failureOf(allOf(await openLocalFile(fileWith(`${name},batch_user_id\ncanary,b_1\n`))));
      expect(error.message).toContain('would be ignored although its name resembles that of an ID');
    },
  );

  it('refuse JSON Lines also inside others', async () => {
    for (const row of [
      { batch_user_id: 'b_1', ids: { plaid_user_id: 'canary' } },
      { batch_user_id: 'b_1', a: { b: { plaidId: 'canary' } } },
    ]) {
      const error = await failureOf(allOf(await openLocalFile(fileWith(JSON.stringify(row), 'users.jsonl'))));
      expect(error.message).toMatch(/the column (ids\.plaid_user_id|a\.b\.plaidId) would be ignored/);
    }
    const harmless = { batch_user_id: 'b_1', profile: { user_agent: 'x', items: 3, tags: ['plaid'] } };
    expect(
      (await rowsOf(await openLocalFile(fileWith(JSON.stringify(harmless), 'users.jsonl')))).map(({ user }) => user),
    ).toEqual([{ batchUserId: 'b_1' }]);
    const named = await openLocalFile(
      fileWith(JSON.stringify({ batch_user_id: 'b_1', ids: { plaid_user_id: 'x' } }), 'users.jsonl'),
      { ignoreColumns: ['ids.plaid_user_id'] },
    );
    expect(await rowsOf(named)).toHaveLength(1);
  });

  it('that were renamed and are in no row refuse JSON Lines, as they do CSV', async () => {
    for (const [content, name] of [
      ['{"batch_user_id":"b_1","uid":"p"}\n', 'users.jsonl'],
      ['batch_user_id,uid\nb_1,p\n', 'users.csv'],
    ] as const) {
      const error = await failureOf(
        allOf(await openLocalFile(fileWith(content, name), { columns: { plaid_user_id: 'uuid' } })),
      );
      expect(error.message).toMatch(
        /no row has the column name given for plaid_user_id|has no column with the name given in columns\.plaid_user_id/,
      );
    }
  });

  it('are reported without a name that may be a value', async () => {
    const source = await openLocalFile(
      fileWith(JSON.stringify({ batch_user_id: 'b_1', 'canary@example.org': 1, n4711471: 2 }), 'users.jsonl'),
    );
    await allOf(source);
    expect(source.columns?.ignored).toEqual(['(a name that may be a value)', '(a name that may be a value)']);
  });

  it('are reported together with those that are used', async () => {
    const source = await openLocalFile(fileWith('id,e-mail,plaid id,,items\n1,x,usr_1,,a\n'), {
      columns: { plaid_user_id: 'plaid id', item_ids: 'items' },
    });
    expect(source.columns).toBeUndefined();
    await allOf(source);
    expect(source.columns).toEqual({ used: ['plaid id', 'items'], ignored: ['id', 'e-mail', '(no name)'] });
  });

  it('may be one of ours or nearly one when they are named so, but not the last one', async () => {
    const file = fileWith('plaid_user_id,Batch_User_Id,batch_user_id\nusr_1,b_0,b_1\n');
    const source = await openLocalFile(file, { ignoreColumns: ['plaid_user_id', 'Batch_User_Id'] });
    expect((await rowsOf(source)).map(({ user }) => user)).toEqual([{ batchUserId: 'b_1' }]);
    expect(source.columns).toEqual({ used: ['batch_user_id'], ignored: ['plaid_user_id', 'Batch_User_Id'] });
    const none = await openLocalFile(fileWith('plaid_user_id\nusr_1\n'), { ignoreColumns: ['plaid_user_id'] });
    expect((await failureOf(allOf(none))).message).toContain('needs at least one of the columns');
  });

  it('are not reported for a file without a header row, which begins with IDs', async () => {
    const error = await failureOf(allOf(await openLocalFile(fileWith('user-canary,batch-canary\nuser-2,batch-2\n'))));
    expect(error.message).not.toContain('canary');
    expect(error.message).toContain('needs at least one of the columns');
  });

  it('of a renamed column are checked under the old name too', async () => {
    const error = await failureOf(
      allOf(await openLocalFile(fileWith('pid,plaid_user_id\nusr_1,canary\n'), { columns: { plaid_user_id: 'pid' } })),
    );
    expect(error.message).toBe(
      'file: the column plaid_user_id would be ignored although its name resembles that of an ID. ' +
        'Rename it to the right column (plaid_user_id, plaid_user_token, batch_user_id, reference, item_ids, closed_at, account, received_at, law), or ignore it with --ignore-column (ignoreColumns in an input).',
    );
  });

  it('are listed up to fifty, shortened, and in characters that a terminal can show', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `c${index}`);
    const source = await openLocalFile(
      fileWith(`batch_user_id,${'x'.repeat(100)},"a\u001b[31m",${names.join(',')}\nb_1${','.repeat(62)}\n`),
    );
    await allOf(source);
    expect(source.columns?.ignored).toHaveLength(51);
    expect(source.columns?.ignored.slice(0, 2)).toEqual([`${'x'.repeat(63)}…`, 'a?[31m']);
    expect(source.columns?.ignored.at(-1)).toBe('… and 12 more');
  });
});
