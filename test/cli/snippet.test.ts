import { join } from 'node:path';
import { runCli, runJson } from './run-cli';
import type { Refused } from './run-cli';

interface SnippetDocument {
  task: string;
  language: string;
  code: string;
  placeholders: string[];
}

const SHOP = ['--openapi', join(__dirname, '..', 'openapi', 'fixtures', 'shop.yml'), '--service', 'shop'];

describe('list, show and snippet with --openapi', () => {
  it("know the document's tasks next to those of the catalogue", async () => {
    const { document: listed } = await runJson<{ name: string }[]>(['list', '--json', ...SHOP]);
    expect(listed.map(({ name }) => name)).toEqual(expect.arrayContaining(['plaid.userItemsGet', 'shop.linesList']));
    expect(
      (await runJson<{ name: string }[]>(['list', 'lines', '--json', ...SHOP])).document.every(({ name }) =>
        name.startsWith('shop.lines'),
      ),
    ).toBe(true);
    const { document: shown } = await runJson<{ name: string; method: string }>([
      'show',
      'shop.linesRemove',
      '--json',
      ...SHOP,
    ]);
    expect(shown).toMatchObject({ name: 'shop.linesRemove', method: 'DELETE' });
    const { document } = await runJson<SnippetDocument>([
      'snippet',
      'shop.linesRemove',
      '--lang',
      'call',
      '--input',
      '{"order-id":7,"body":["AB-1"]}',
      '--json',
      ...SHOP,
    ]);
    expect(document.code).toBe(
      `http-tasks call shop.linesRemove \\\n  ${SHOP.join(' ')} \\\n  --input '{"order-id":7,"body":["AB-1"]}'\n`,
    );
  });

  it.each([
    ['show', 'shop.lineList', /Did you mean shop\.linesList/],
    ['snippet', 'shop.remove', /Did you mean .*shop\.linesRemove/],
    ['call', 'shop.nothingAlike', /Tasks: shop\./],
  ])('%s of an unknown task names those of the document', async (command, name, message) => {
    const { code, document } = await runJson<Refused>(
      [command, name, '--json', '--input', '{}', ...SHOP].filter(
        (word, index, all) => command !== 'show' || (word !== '--input' && all[index - 1] !== '--input'),
      ),
    );
    expect({ code, message: document.error.message }).toEqual({ code: 2, message: expect.stringMatching(message) });
  });
});

describe('snippet', () => {
  it('prints code alone on stdout, and on stderr what must be filled in', async () => {
    const { code, stdout, stderr } = await runCli(['snippet', 'plaid.userItemsRemove']);
    expect(code).toBe(0);
    expect(stdout).toContain(
      "httpTask(plaid.userItemsRemove)({\n    item_ids: ['ITEM_ID'],\n    user_id: 'USER_ID',\n  })",
    );
    expect(stderr).toBe('Placeholders to replace: item_ids, user_id.\n');
  });

  it('writes the given input down, and names keys without needing them', async () => {
    const { document } = await runJson<SnippetDocument>(
      ['snippet', 'plaid.userItemsGet', '--lang', 'curl', '--input', '{"user_id":"usr_1"}'],
      { PLAID_SECRET: 'canary' },
    );
    expect(document).toMatchObject({ task: 'plaid.userItemsGet', language: 'curl', placeholders: [] });
    expect(document.code).toContain('"plaid-secret: $PLAID_SECRET"');
    expect(document.code).toContain('https://sandbox.plaid.com/user/items/get');
    expect(document.code).not.toContain('canary');
  });

  it('names the server and namespace that the command line would use', async () => {
    const { stdout } = await runCli(
      [
        'snippet',
        'plaid.userItemsGet',
        '--lang',
        'temporal',
        '--address',
        'temporal.example:7233',
        '--namespace',
        'people',
      ],
      { HTTP_TASKS_TASK_QUEUE: 'mine' },
    );
    expect(stdout).toContain('--address temporal.example:7233');
    expect(stdout).toContain('--namespace people');
    expect(stdout).toContain('--task-queue mine');
  });

  it('refuses another language, and a cURL command for an address that is not allowed', async () => {
    expect((await runJson<Refused>(['snippet', 'plaid.userItemsGet', '--lang', 'cobol'])).document.error.type).toBe(
      'Usage',
    );
    const { code, document } = await runJson<Refused>([
      'snippet',
      'http.request',
      '--lang',
      'curl',
      '--input',
      '{"uri":"https://a.example/"}',
    ]);
    expect({ code, message: document.error.message }).toEqual({
      code: 2,
      message: expect.stringContaining('HTTP_TASKS_HTTP_ALLOW'),
    });
  });
});
