import { inspect } from 'node:util';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readSourceSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { fileWith, removeFolders } from './reading';

afterAll(removeFolders);

const URL = 'postgres://reader:canary@db.example.com/app?sslmode=verify-full';

function problemsOf(env: Record<string, string>): string[] {
  try {
    readSourceSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ setting, message }) => `${setting}: ${message}`);
    throw error;
  }
  return [];
}

describe('the settings of sources', () => {
  it('are a folder and queries by name, from the environment or from files', () => {
    const settings = readSourceSettings({
      HTTP_TASKS_SOURCE_DIR: '/srv/sources',
      HTTP_TASKS_SOURCE_CLOSED_ACCOUNTS_URL_FILE: fileWith(`${URL}\n`, 'url'),
      HTTP_TASKS_SOURCE_CLOSED_ACCOUNTS_QUERY_FILE: fileWith('select 1 as batch_user_id\n', 'query.sql'),
      HTTP_TASKS_SOURCE_B_URL: 'file:./b.db',
      HTTP_TASKS_SOURCE_B_QUERY: '(values (1))',
      HTTP_TASKS_SOURCE_B_QUERY_FILE: '',
    });
    expect(settings.folder).toBe('/srv/sources');
    expect(settings.queryNames).toEqual(['b', 'closed_accounts']);
    expect(settings.query('closed-Accounts')).toMatchObject({
      dialect: 'postgres',
      url: URL,
      setting: 'HTTP_TASKS_SOURCE_CLOSED_ACCOUNTS_QUERY',
    });
    expect(settings.query('b')?.dialect).toBe('libsql');
    expect(settings.query('none')).toBeUndefined();
    expect(settings.secretValues()).toEqual(['canary']);
    expect(inspect(settings, { depth: 9, showHidden: true }) + JSON.stringify(settings)).not.toContain('canary');
  });

  it.each([
    [{ A_URL: URL }, 'HTTP_TASKS_SOURCE_A_QUERY: is missing'],
    [{ A_QUERY: 'select 1' }, 'HTTP_TASKS_SOURCE_A_URL: is missing'],
    [
      { A_URL: 'mysql://u:canary@h/d', A_QUERY: 'select 1' },
      'HTTP_TASKS_SOURCE_A_URL: must begin with file: or postgres://',
    ],
    [{ A_URL: 'postgres://u:canary@[h/d', A_QUERY: 'select 1' }, 'HTTP_TASKS_SOURCE_A_URL: cannot be read'],
    [
      { A_URL: 'postgres://u:canary@db.example.com/d', A_QUERY: 'select 1' },
      'HTTP_TASKS_SOURCE_A_URL: connects to db.example.com, which is beyond this machine, without TLS',
    ],
    [{ A_URL: 'postgres://u:1#canary@h/d', A_QUERY: 'select 1' }, 'HTTP_TASKS_SOURCE_A_URL: contains a "#"'],
    [{ A_URL: 'file://host/a.db', A_QUERY: 'select 1' }, 'HTTP_TASKS_SOURCE_A_URL: must be file:PATH'],
    [{ A_URL: URL, A_QUERY: 'delete from users' }, 'HTTP_TASKS_SOURCE_A_QUERY: must be one query that only reads'],
    [
      { A_URL: URL, A_QUERY: 'select 1; delete from users' },
      'HTTP_TASKS_SOURCE_A_QUERY: contains text after a semicolon',
    ],
    [
      { A_URL: URL, A_QUERY: 'select :scheduled_time' },
      'HTTP_TASKS_SOURCE_A_QUERY: has the unknown parameter :scheduled_time; allowed are :scheduledTime and :previousScheduledTime',
    ],
    [{ A_URL: URL, A_QUERY: 'select $1' }, 'HTTP_TASKS_SOURCE_A_QUERY: has the unknown parameter $1'],
    [{ A_URL: 'file:a', A_QUERY: 'select ?' }, 'HTTP_TASKS_SOURCE_A_QUERY: has the unknown parameter ?'],
    [{ A_URL: 'file:a', A_QUERY: 'select @now' }, 'HTTP_TASKS_SOURCE_A_QUERY: has the unknown parameter @now'],
  ])('%j are refused by name', (short, problem) => {
    const env = Object.fromEntries(Object.entries(short).map(([name, value]) => [`HTTP_TASKS_SOURCE_${name}`, value]));
    expect(problemsOf(env)).toEqual([expect.stringContaining(problem)]);
    expect(problemsOf(env).join()).not.toContain('canary');
  });

  it.each([
    ['select a::text from t -- :x ;\n', 1],
    [`/* :x */ with t as (select ':y' as a) select "b:c;", a from t; -- the end`, 1],
    [`select e'\\':x;' || $$ :y ; $$ || $q$ $$ :z $q$`, 1],
    ['select * from t where a < :scheduledTime and b > (:scheduledTime::date)', 3],
    ["select data ? 'key', data @> '{}' from t", 1],
  ])('take no parameter for one where the database would not: %s', (query, parts) => {
    const settings = readSourceSettings({ HTTP_TASKS_SOURCE_A_URL: URL, HTTP_TASKS_SOURCE_A_QUERY: query });
    expect(settings.query('a')?.text.parts).toHaveLength(parts);
  });
});
