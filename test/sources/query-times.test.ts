import path from 'node:path';
import Database from 'libsql';
import { readSourceSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { QuerySource } from 'temporal-http-tasks/internal/sources/query-source';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { freshPostgresUrl } from '../support/postgres';
import { removeFolders, rowsOf, temporaryFolder } from './reading';

afterAll(removeFolders);

const FROM = '2026-03-28T01:30:00.000Z';
const TO = '2026-03-30T00:30:00.000Z';

function source(url: string, query: string, ...times: [string?, string?]): QuerySource {
  const named = readSourceSettings({ HTTP_TASKS_SOURCE_CLOSED_URL: url, HTTP_TASKS_SOURCE_CLOSED_QUERY: query }).query(
    'closed',
  );
  if (!named) throw new Error('The query is not there.');
  return new QuerySource(named, { scheduledTime: times[0], previousScheduledTime: times[1] });
}

async function freshLibsqlUrl(): Promise<string> {
  const file = path.join(temporaryFolder(), 'source.db');
  new Database(file).close();
  return `file:${file}`;
}

describe.each([
  ['Postgres', freshPostgresUrl],
  ['libSQL', freshLibsqlUrl],
])('the times of a query to %s', (kind, freshUrl) => {
  const text = (parameter: string) =>
    kind === 'Postgres' ? `to_char(${parameter} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')` : parameter;
  let url: string;
  beforeAll(async () => {
    url = await freshUrl();
  });

  it.each([
    ['both, in any order', ':previousScheduledTime', ':scheduledTime', `${FROM} ${TO}`],
    ['both, the other way round', ':scheduledTime', ':previousScheduledTime', `${TO} ${FROM}`],
    ['one of them twice', ':previousScheduledTime', ':previousScheduledTime', `${FROM} ${FROM}`],
    ['the other one twice', ':scheduledTime', ':scheduledTime', `${TO} ${TO}`],
  ])('are bound by name: %s', async (_, first, second, expected) => {
    const query = `select ${text(first)} || ' ' || ${text(second)} as batch_user_id, ':previousScheduledTime' as reference`;
    expect(await rowsOf(source(url, query, TO, FROM))).toEqual([
      { line: 1, user: { batchUserId: expected, reference: ':previousScheduledTime' } },
    ]);
  });

  it('have to be there when they are used', () => {
    const query = `select 'b' as batch_user_id where :previousScheduledTime < :scheduledTime`;
    expect(() => source(url, query, TO)).toThrow(SourceError);
    expect(() => source(url, query, TO)).toThrow('uses :previousScheduledTime');
    expect(() => source(url, `select 'b' as batch_user_id`)).not.toThrow();
  });
});
