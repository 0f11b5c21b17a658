import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readJsonInput } from '@temporal-http-tasks/cli/internal/tasks/json-input';

describe('JSON in an option', () => {
  it.each<[text: string, field: string]>([
    ['{"body":{"id":7615917337495251231}}', 'body.id'],
    ['{"body":[{"id":1},{"id":9007199254740993}]}', 'body.1.id'],
    ['{"query":{"n":1e400}}', 'query.n'],
  ])('%s is refused by field, because the number would become another one', async (text, field) => {
    await expect(readJsonInput('--input', text)).rejects.toMatchObject({ type: 'Task.InvalidInput', field });
  });

  it('is refused in the same way in a file', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'http-tasks-json-'));
    const file = path.join(folder, 'input.json');
    await writeFile(file, '{"user_ids":[9007199254740993]}');
    await expect(readJsonInput('--input', `@${file}`)).rejects.toMatchObject({
      type: 'Task.InvalidInput',
      field: 'user_ids.0',
    });
    await rm(folder, { recursive: true });
  });

  it('is refused with a key twice, of which only the last would count', async () => {
    const text = '{"user":{"batchUserId":"a"},"itemIds":["i"],"item\\u0049ds":["j"]}';
    await expect(readJsonInput('--input', text)).rejects.toMatchObject({
      type: 'Usage',
      message: '--input: its argument has a key twice in one object (at position 44).',
    });
    await expect(readJsonInput('--input', '[{"a":{"a":1}},{"a":"a"}]')).resolves.toEqual([{ a: { a: 1 } }, { a: 'a' }]);
  });

  it('is read where every number survives', async () => {
    await expect(
      readJsonInput('--input', '{"id":"7615917337495251231","n":0.1,"m":9007199254740991}'),
    ).resolves.toEqual({ id: '7615917337495251231', n: 0.1, m: 9_007_199_254_740_991 });
  });
});
