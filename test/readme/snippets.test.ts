import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsInSource } from '../support/settings-in-source';
import { problemsIn } from '../support/typescript-program';

const ROOT = join(__dirname, '..', '..');

/** The fenced TypeScript blocks of a page, in their order, by a name to find them by. */
function typescriptBlocks(page: string): [name: string, code: string][] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```(?:ts|typescript)\n(.*?)^```$/gms)].map(([, code = ''], index) => [
    `${page.replaceAll('/', '-')}-${index + 1}`,
    code,
  ]);
}

/** All pages are one program, so that the types of all packages are read once. */
it('compiles every TypeScript block of the README and of the guides, and would notice one that does not', () => {
  const guides = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    // The API reference is written from docstrings, whose examples are parts of a program.
    .filter((name) => name.endsWith('.md') && !name.startsWith('api'))
    .map((name) => join('docs', name));
  const blocks = ['README.md', ...guides].flatMap(typescriptBlocks);
  expect(blocks.filter(([name]) => name.startsWith('README')).length).toBeGreaterThanOrEqual(4);
  expect(blocks.length).toBeGreaterThanOrEqual(9);
  const misspelt =
    "import { httpTask, plaid } from 'temporal-http-tasks/workflow';\nvoid httpTask(plaid.userItemsRemove)({ user_idd: 'u' });";
  expect(problemsIn([...blocks, ['misspelt', misspelt]])).toEqual([expect.stringMatching(/misspelt\.ts: .*user_idd/)]);
});

it('names every setting that the code reads, and none that it does not', () => {
  const documented = new Set(
    [
      ...readFileSync(join(ROOT, 'docs', 'settings.md'), 'utf8').matchAll(
        /`((?:PLAID|BATCH|HTTP_TASKS|OTEL)_[A-Z_<>]+)`/g,
      ),
    ].map(([, name = '']) => name),
  );
  const read = new Set(settingsInSource());
  for (const name of read) expect(documented).toContain(name);
  for (const name of documented) if (!name.includes('<')) expect([...read]).toContain(name);
});
