import path from 'node:path';
import Database from 'libsql';
import { readSourceSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { offboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { QuerySource } from 'temporal-http-tasks/internal/sources/query-source';
import { freshPostgresUrl } from '../support/postgres';
import { fileWith, removeFolders, rowsIn, rowsOf, temporaryFolder } from './reading';

afterAll(removeFolders);

const RULE = expect.stringMatching(/^closed_at: must be a date and time with an offset/) as string;

function query(url: string, text: string): QuerySource {
  const named = readSourceSettings({ HTTP_TASKS_SOURCE_CLOSED_URL: url, HTTP_TASKS_SOURCE_CLOSED_QUERY: text }).query(
    'closed',
  );
  if (!named) throw new Error('The query is not there.');
  return new QuerySource(named);
}

describe('the time of a closure', () => {
  it('is read from CSV, and refused by line where it cannot be read or has no offset', async () => {
    const lines = [
      '1,2026-03-28T12:00:00Z',
      '2,',
      '3,2026-03-28 12:00:00+00',
      '4,2026-03-28 12:00:00',
      '5,2026-03-28',
      '6,yesterday',
    ];
    expect(await rowsIn(`batch_user_id,closed_at\n${lines.join('\n')}\n`)).toEqual([
      { line: 2, user: { batchUserId: '1', closedAt: '2026-03-28T12:00:00Z' } },
      { line: 3, user: { batchUserId: '2' } },
      { line: 4, user: { batchUserId: '3', closedAt: '2026-03-28 12:00:00+00' } },
      { line: 5, problem: RULE },
      { line: 6, problem: RULE },
      { line: 7, problem: RULE },
    ]);
  });

  it('may be in a column of another name, and does not make a user by itself', async () => {
    const file = fileWith('batch_user_id,ended\n1,2026-03-28T12:00:00Z\n,2026-03-28T12:00:00Z\n');
    expect(await rowsOf(await openLocalFile(file, { columns: { closed_at: 'ended' } }))).toEqual([
      { line: 2, user: { batchUserId: '1', closedAt: '2026-03-28T12:00:00Z' } },
      { line: 3, problem: expect.stringContaining('has no user ID') as string },
    ]);
  });

  it('is read from JSON lines as a text, and never as a number', async () => {
    const rows = ['2026-03-28T12:00:00+01:00', 1_774_699_200, null].map((closed_at) =>
      JSON.stringify({ batch_user_id: 'b', closed_at }),
    );
    expect(await rowsIn(`${rows.join('\n')}\n`, 'users.jsonl')).toEqual([
      { line: 1, user: { batchUserId: 'b', closedAt: '2026-03-28T12:00:00+01:00' } },
      { line: 2, problem: expect.stringMatching(/^closed_at: must be a/) as string },
      { line: 3, user: { batchUserId: 'b' } },
    ]);
  });

  it('may be a timestamptz in Postgres, and no type without an offset', async () => {
    const url = await freshPostgresUrl();
    const at = (expression: string) => rowsOf(query(url, `select 'b' as batch_user_id, ${expression} as closed_at`));
    expect(await at(`timestamptz '2026-03-28 12:00:00.5+01'`)).toEqual([
      {
        line: 1,
        user: { batchUserId: 'b', closedAt: expect.stringMatching(/^2026-03-28 \d\d:\d\d:00\.5[+-]\d\d/) as string },
      },
    ]);
    expect(await at(`timestamp '2026-03-28 12:00:00' at time zone 'Europe/Paris'`)).toEqual([
      { line: 1, user: expect.objectContaining({ batchUserId: 'b' }) as object },
    ]);
    expect(await at(`null::timestamptz`)).toEqual([{ line: 1, user: { batchUserId: 'b' } }]);
    expect(await at(`timestamptz 'infinity'`)).toEqual([{ line: 1, problem: RULE }]);
    for (const type of [`timestamp '2026-03-28 12:00:00'`, `date '2026-03-28'`, '1774699200']) {
      await expect(at(type)).rejects.toThrow('which is not supported; it must be a text or a timestamp with time zone');
    }
  });

  it('is a text in libSQL', async () => {
    const file = path.join(temporaryFolder(), 'source.db');
    new Database(file).close();
    const at = (value: string) => rowsOf(query(`file:${file}`, `select 'b' as batch_user_id, ${value} as closed_at`));
    expect(await at(`'2026-03-28 12:00:00Z'`)).toEqual([
      { line: 1, user: { batchUserId: 'b', closedAt: '2026-03-28 12:00:00Z' } },
    ]);
    expect(await at(`datetime('2026-03-28 12:00:00')`)).toEqual([{ line: 1, problem: RULE }]);
  });

  it('is checked in a list too', () => {
    const parsed = (closedAt: string) =>
      offboardUsersInput.safeParse({
        source: { inline: [{ batchUserId: 'b', closedAt }] },
        reason: { code: 'USER_OFFBOARDING' },
      });
    expect(parsed('2026-03-28T12:00:00Z').success).toBe(true);
    expect(parsed('2026-03-28').error?.issues[0]).toMatchObject({ path: ['source', 'inline', 0, 'closedAt'] });
  });
});
