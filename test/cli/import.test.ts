import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSourceFiles } from '@temporal-http-tasks/cli/internal/import/run';
import { documentWith, jsonBody, operation } from '../openapi/documents';
import { runCli, runJson } from './run-cli';
import type { Refused } from './run-cli';

const EXCERPT = join(__dirname, '..', 'openapi', 'fixtures', 'plaid-excerpt.yml');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'http-tasks-import-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Listed {
  name: string;
  operation: string;
  method: string;
  path: string;
}

/** Writes a document and returns its file. */
async function file(name: string, document: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof document === 'string' ? document : JSON.stringify(document));
  return path;
}

describe('http-tasks import', () => {
  it('lists the operations of a document, and those that words find although they are misspelt', async () => {
    const all = await runJson<Listed[]>(['import', EXCERPT]);
    expect(all.code).toBe(0);
    expect(all.document.map(({ operation: name }) => name)).toEqual([
      'userItemsGet',
      'userItemsRemove',
      'assetReportPdfGet',
      'categoriesGet',
    ]);
    expect(all.document[1]).toMatchObject({
      name: 'plaid.userItemsRemove',
      method: 'POST',
      path: '/user/items/remove',
    });
    const found = await runJson<Listed[]>(['import', EXCERPT, '--search', 'remvoe itms']);
    expect(found.document[0]!.operation).toBe('userItemsRemove');
    expect((await runCli(['import', EXCERPT, '--search', 'remove items'])).stdout).toContain('userItemsRemove');
  });

  it('prints the keys of a document line by line, before it is imported and before it is called', async () => {
    const keys = [
      'Keys, and the only origin that gets them:',
      expect.stringMatching(/^ {2}bank: HTTP_TASKS_OPENAPI_BANK_/),
    ];
    const all = await runCli(['import', EXCERPT, '--all', '--service', 'bank']);
    const lines = all.stdout.split('\n');
    const at = lines.indexOf('Keys, and the only origin that gets them:');
    expect(lines.slice(at, at + 2)).toEqual(keys);
    const listed = await runCli(['list', '--openapi', EXCERPT, '--service', 'bank']);
    expect(listed.stderr.split('\n')).toEqual(expect.arrayContaining(keys));
    expect(all.stdout + listed.stderr).not.toContain('\ufffd');
  });

  it('loads all of them and reports what is left to decide', async () => {
    const { code, document } = await runJson<Record<string, unknown[]>>([
      'import',
      EXCERPT,
      '--all',
      '--service',
      'bank',
    ]);
    expect(code).toBe(0);
    expect(Object.keys(document)).toEqual(['operations', 'imported', 'skipped', 'decide']);
    expect(document).toMatchObject({ operations: 4, imported: 4, skipped: [] });
    expect(document['decide']).toContainEqual({
      operation: 'userItemsRemove',
      what: expect.stringMatching(/^effect: irreversible/) as string,
    });
    expect((await runCli(['import', EXCERPT, '--all'])).stdout).toContain('4 of 4 operations are tasks of plaid.');
  });

  it('writes a definition of each chosen operation, keeps what is there, and overwrites only when asked to', async () => {
    const out = join(folder, 'written', 'plaid');
    const first = await runJson<{ files: string[]; kept: string[] }>([
      'import',
      EXCERPT,
      '--operation',
      'userItemsRemove',
      '--out',
      out,
    ]);
    expect(first).toMatchObject({
      code: 0,
      document: { files: ['plaid-service.ts', 'user-items-remove.ts'].map((name) => join(out, name)), kept: [] },
    });
    expect(await readFile(join(out, 'user-items-remove.ts'), 'utf8')).toContain(
      "import { plaidService } from './plaid-service';",
    );
    await writeFile(join(out, 'plaid-service.ts'), 'export const plaidService = mine;\n');

    const second = await runJson<{ files: string[]; kept: string[] }>([
      'import',
      EXCERPT,
      '--operation',
      'userItemsGet',
      'plaid.categoriesGet',
      '--out',
      out,
    ]);
    expect(second.document).toMatchObject({
      files: ['user-items-get.ts', 'categories-get.ts'].map((name) => join(out, name)),
      kept: [join(out, 'plaid-service.ts')],
    });

    const again = await runJson<Refused>([
      'import',
      EXCERPT,
      '--operation',
      'userItemsGet',
      'assetReportPdfGet',
      '--out',
      out,
    ]);
    expect(again).toMatchObject({ code: 2, document: { error: { type: 'Usage', field: 'out' } } });
    expect(await readdir(out)).not.toContain('asset-report-pdf-get.ts');

    const forced = await runJson(['import', EXCERPT, '--operation', 'userItemsGet', '--out', out, '--force']);
    expect(forced.code).toBe(0);
    expect(await readFile(join(out, 'plaid-service.ts'), 'utf8')).toContain('defineService');
    expect((await readdir(out)).filter((name) => !name.endsWith('.ts'))).toEqual([]);
  });

  it('imports with .js where the project has ES modules, and prints code where no folder is named', async () => {
    const project = join(folder, 'esm');
    await mkdir(project);
    await writeFile(join(project, 'package.json'), '{"type": "module"}');
    await runCli(['import', EXCERPT, '--operation', 'categoriesGet', '--out', join(project, 'tasks')]);
    expect(await readFile(join(project, 'tasks', 'categories-get.ts'), 'utf8')).toContain("from './plaid-service.js';");
    const printed = await runCli(['import', EXCERPT, '--operation', 'categoriesGet']);
    expect(printed.stdout).toContain('export const categoriesGet = defineHttpTask({');
  });

  it.each<[string, string[], string, string]>([
    [
      'an operation that is not there',
      ['--operation', 'userItemRemove', '--out', 'x'],
      'operation',
      'Did you mean userItemsRemove',
    ],
    ['both all and one', ['--all', '--operation', 'userItemsGet'], 'all', 'exclude'],
    ['a search and a choice', ['--search', 'x', '--all'], 'search', '--search'],
    ['a folder for nothing', ['--out', 'x'], 'out', '--operation'],
    ['an empty folder name', ['--all', '--out', ''], 'out', 'folder'],
    ['a service that is no name', ['--all', '--service', '../x'], 'service', 'letters'],
  ])('refuses %s', async (_what, args, field, said) => {
    const { code, document } = await runJson<Refused>(['import', EXCERPT, ...args]);
    expect([code, document.error.type, document.error.field]).toEqual([2, 'Usage', field]);
    expect(document.error.message).toContain(said);
    await expect(access('x')).rejects.toThrow();
  });

  const bad = (schema: unknown) =>
    documentWith({
      '/a': { post: operation({ operationId: 'a', requestBody: jsonBody(schema) }) },
      '/b': { get: operation({ operationId: 'b' }) },
    });

  it.each<[string, unknown, string]>([
    ['broken YAML', 'openapi: 3.0.0\n\tx: 1', 'line 2, column 1'],
    [
      'a name that reaches into objects',
      '{"openapi":"3.0.0","paths":{"/a":{"__proto__":{}}}}',
      '#/paths/~1a/__proto__',
    ],
    ['no operations', documentWith({}), '#/paths'],
  ])('refuses a document with %s, with its place, and writes nothing', async (_what, document, place) => {
    const spec = await file('bad.yml', document);
    const out = join(folder, 'never');
    for (const args of [['--all'], ['--all', '--out', out], ['--operation', 'a', '--out', out], []]) {
      const { code, document: refused } = await runJson<Refused>(['import', spec, ...args]);
      expect([code, refused.error.type, refused.error.field]).toEqual([2, 'Document', place]);
    }
    await expect(access(out)).rejects.toThrow();
  });

  it.each([
    ['that leads to nothing', '#/components/schemas/Gone'],
    ['to another machine', 'https://example.com/x.yml'],
    ['out of the folder', '../../etc/passwd'],
  ])(
    'refuses one operation with a reference %s, and writes none of those that were asked for with it',
    async (_what, $ref) => {
      const spec = await file('half.json', bad({ $ref }));
      const out = join(folder, 'half');
      const { code, document } = await runJson<Refused>(['import', spec, '--operation', 'b', 'a', '--out', out]);
      expect(code).toBe(2);
      expect(document.error).toMatchObject({
        type: 'Document',
        field: expect.stringContaining('#/paths/~1a/post') as string,
      });
      await expect(access(out)).rejects.toThrow();
      const all = await runJson<{ imported: number; skipped: unknown[] }>(['import', spec, '--all']);
      expect(all).toMatchObject({ code: 0, document: { imported: 1, skipped: [{ operation: 'a' }] } });
    },
  );

  it('says which file cannot be read', async () => {
    const { code, document } = await runJson<Refused>(['import', join(folder, 'none.yml')]);
    expect([code, document.error.type]).toEqual([2, 'Document']);
    expect(document.error.message).toContain('ENOENT');
  });
});

describe('Files of definitions', () => {
  const sources = (names: string[]) =>
    names.map((name) => ({ name, text: `// ${name}\n`, shared: false, exports: 'x' }));

  it('are taken back when one of them cannot be written', async () => {
    const out = join(folder, 'broken');
    await mkdir(join(out, 'b.ts.folder'), { recursive: true });
    await mkdir(join(out, 'b.ts'));
    await expect(writeSourceFiles(out, sources(['a.ts', 'b.ts', 'c.ts']), { force: true })).rejects.toThrow();
    expect((await readdir(out)).sort()).toEqual(['b.ts', 'b.ts.folder']);
  });

  it('are not written where a part of the path is a file, or where writing is not permitted', async () => {
    const spec = await file('plain.txt', 'x');
    await expect(writeSourceFiles(join(spec, 'sub'), sources(['a.ts']), { force: false })).rejects.toThrow(/is a file/);
    const locked = join(folder, 'locked');
    await mkdir(locked);
    await chmod(locked, 0o500);
    // Root may write anywhere.
    if (process.getuid?.() !== 0)
      await expect(writeSourceFiles(locked, sources(['a.ts']), { force: false })).rejects.toThrow(/cannot be written/);
    await chmod(locked, 0o700);
  });
});
