import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { readSourceSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { openLocalFile, openSource } from 'temporal-http-tasks/internal/sources/open-source';
import type { SourceContext } from 'temporal-http-tasks/internal/sources/open-source';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import type { Source } from 'temporal-http-tasks/internal/sources/source';
import { Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { allOf, failureOf, removeFolders, rowsOf, temporaryFolder } from './reading';

let sender: TaskSender;

beforeAll(() => {
  sender = createTaskSender(readSenderSettings({}, []));
});

afterAll(async () => {
  await sender.close();
  removeFolders();
});

function context(folder?: string, more: Partial<SourceContext> = {}): SourceContext {
  const settings = readSourceSettings(folder === undefined ? {} : { HTTP_TASKS_SOURCE_DIR: folder });
  return { settings, catalogue: new Catalogue(), sender, ...more };
}

describe('a list of users', () => {
  it('is a source that can continue from its every position', async () => {
    const source = await openSource(
      { inline: [{ batchUserId: '1' }, { plaidUserId: 'usr', itemIds: ['a'] }] },
      context(),
    );
    const rows = await allOf(source);
    expect(rows.map(({ line, user }) => ({ line, user }))).toEqual([
      { line: 1, user: { batchUserId: '1' } },
      { line: 2, user: { plaidUserId: 'usr', itemIds: ['a'] } },
    ]);
    expect(await allOf(source, { after: rows[0]?.position })).toEqual(rows.slice(1));
    expect(source.describe()).toBe('a list of 2 users');
  });
});

describe('the description of a source', () => {
  it.each([
    [{}, '', 'exactly one of inline, file, query, pages, custom is needed; none is given'],
    [{ file: 'a.csv', query: 'q' }, '', 'file and query are given'],
    [{ sql: 'select canary' }, 'sql', 'unknown field'],
    [{ inline: [] }, 'inline', 'does not mean all users'],
    [{ inline: [{ batchUserId: '1' }, { batchUserId: '' }] }, 'inline.1.batchUserId', 'must not be empty'],
    [{ inline: [{ plaidUserId: 'canary', plaidUserToken: 'canary' }] }, 'inline.0.plaidUserToken', 'only one of'],
    [{ inline: [{ batchUserId: 'canary', itemIds: ['a'] }] }, 'inline.0.itemIds', 'needs plaidUserId'],
    [{ query: 'canary; drop table x' }, 'query', 'must be the name of a configured query'],
    [{ query: 'q', format: 'csv' }, 'format', 'belongs to file only'],
    [{ file: 'a.csv', columns: { email: 'x' } }, 'columns.email', 'unknown column'],
    [{ pages: { task: 'http.request', cursorField: 'uri' } }, 'pages.nextCursorPath', 'both'],
  ])('%j is refused by field', async (spec, field, message) => {
    const error = await failureOf(openSource(spec, context()));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as InvalidInputError).field).toBe(field);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('canary');
  });

  it.each([
    [{ file: 'a.csv' }, 'file', 'HTTP_TASKS_SOURCE_DIR'],
    [{ query: 'nightly' }, 'query', 'known: none'],
    [{ custom: { name: 'toString' } }, 'custom.name', 'known: none'],
    [{ pages: { task: 'plaid.userRemove' } }, 'pages.task', 'does not only read'],
    [
      { pages: { task: 'http.request', input: { uri: 'http://127.0.0.1/', method: 'POST' } } },
      'pages.task',
      'does not only read',
    ],
    [{ pages: { task: 'no.such' } }, 'pages.task', 'unknown task'],
  ])('%j is refused where it is not configured', async (spec, field, message) => {
    const error = await failureOf(openSource(spec, context()));
    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).field).toBe(field);
    expect(error.message).toContain(message);
  });
});

describe('a file that is named in an input', () => {
  it('is found below the folder of sources, also in a folder there and by a link that stays inside', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'nightly'));
    writeFileSync(path.join(folder, 'nightly', 'users.csv'), 'batch_user_id\n1\n');
    symlinkSync(path.join(folder, 'nightly'), path.join(folder, 'current'));
    for (const file of ['nightly/users.csv', './nightly/users.csv', 'current/users.csv']) {
      const source = await openSource({ file }, context(folder));
      expect(await rowsOf(source)).toEqual([{ line: 2, user: { batchUserId: '1' } }]);
      expect(source.describe()).toBe(`the CSV file ${path.normalize(file)}`);
    }
  });

  it.each([
    ['../users.csv', 'contains ".."'],
    ['nightly/../../users.csv', 'contains ".."'],
    ['..\\users.csv', 'contains ".."'],
    ['/etc/users.csv', 'absolute path'],
    ['C:\\users.csv', 'absolute path'],
    ['a\0.csv', 'NUL character'],
    ['missing.csv', 'does not exist (ENOENT)'],
    ['out.csv', 'leads outside HTTP_TASKS_SOURCE_DIR by a symbolic link'],
    ['outside/users.csv', 'leads outside HTTP_TASKS_SOURCE_DIR by a symbolic link'],
    ['folder.csv', 'is not a regular file'],
    ['users.txt', 'does not end in'],
    ['users.xlsx', 'is a spreadsheet; save it as CSV'],
    ['users.csv.zip', 'is an archive; unpack it'],
    ['users.html', 'is neither CSV nor JSON Lines'],
  ])('is refused as %j', async (file, why) => {
    const outside = temporaryFolder();
    const folder = path.join(outside, 'sources');
    mkdirSync(path.join(folder, 'folder.csv'), { recursive: true });
    // Its name begins like that of the folder, which a comparison of texts alone would let pass.
    const sibling = path.join(outside, 'sources-of-others');
    mkdirSync(sibling);
    writeFileSync(path.join(sibling, 'users.csv'), 'batch_user_id\n1\n');
    symlinkSync(path.join(sibling, 'users.csv'), path.join(folder, 'out.csv'));
    symlinkSync(sibling, path.join(folder, 'outside'));
    const error = await failureOf(openSource({ file }, context(folder)));
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toContain(why);
    expect(error.message).not.toContain(outside);
  });

  it('is refused at the reading when it was replaced by a link out since', async () => {
    const folder = temporaryFolder();
    const other = temporaryFolder();
    writeFileSync(path.join(other, 'users.csv'), 'batch_user_id\n1\n');
    mkdirSync(path.join(folder, 'a'));
    writeFileSync(path.join(folder, 'a', 'users.csv'), 'batch_user_id\n1\n');
    symlinkSync(path.join(folder, 'a'), path.join(folder, 'current'));
    const source = await openSource({ file: 'current/users.csv' }, context(folder));
    symlinkSync(other, path.join(folder, 'next'));
    const { renameSync } = await import('node:fs');
    renameSync(path.join(folder, 'next'), path.join(folder, 'current'));
    expect((await failureOf(allOf(source))).message).toContain('leads out');
  });
});

describe('a file that is named on the command line', () => {
  it('may be anywhere and is shown as it was given', async () => {
    const file = path.join(temporaryFolder(), 'users.txt');
    writeFileSync(file, '{"batch_user_id":"1"}\n');
    const source = await openLocalFile(file, { format: 'jsonl' });
    expect(await rowsOf(source)).toEqual([{ line: 1, user: { batchUserId: '1' } }]);
    expect(source.describe()).toBe(`the JSONL file ${file}`);
    expect((await failureOf(openLocalFile(file))).message).toContain('give its format');
    expect((await failureOf(openLocalFile(path.dirname(file), { format: 'csv' }))).message).toContain('is a folder');
  });
});

describe('a source of your own', () => {
  it('is made from its options and the time of the schedule', async () => {
    const own = (options: unknown, { scheduledTime }: { scheduledTime?: string | undefined }): Source => ({
      kind: 'own',
      describe: () => 'my own',
      async *rows() {
        yield { position: '1', line: 1, user: { batchUserId: `${String(options)} ${scheduledTime}` } };
      },
    });
    const source = await openSource(
      { custom: { name: 'own', options: 'x' } },
      context(undefined, { custom: { own }, scheduledTime: 'now' }),
    );
    expect(await rowsOf(source)).toEqual([{ line: 1, user: { batchUserId: 'x now' } }]);
  });
});
