import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsInSource } from '../support/settings-in-source';
import { problemsIn } from '../support/typescript-program';

const ROOT = join(__dirname, '..', '..');

/** The fenced TypeScript blocks of a page, in their order. */
function typescriptBlocks(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
}

it('compiles every TypeScript block of the README', () => {
  const blocks = typescriptBlocks('README.md');
  expect(blocks.length).toBeGreaterThanOrEqual(4);
  expect(problemsIn(blocks)).toEqual([]);
});

it.each(['docs/nexus.md', 'docs/signing-in.md'])('compiles every TypeScript block of %s', (page) => {
  const blocks = typescriptBlocks(page);
  expect(blocks.length).toBeGreaterThanOrEqual(1);
  expect(problemsIn(blocks)).toEqual([]);
});

it('would notice a block that does not compile', () => {
  const misspelt = "import { httpTask, plaid } from 'temporal-http-tasks/workflow';\nvoid httpTask(plaid.userItemsRemove)({ user_idd: 'u' });";
  expect(problemsIn([misspelt]).join('\n')).toContain('user_idd');
});

it('names every setting that the code reads, and none that it does not', () => {
  const documented = new Set(
    [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/`((?:PLAID|BATCH|HTTP_TASKS|OTEL)_[A-Z_<>]+)`/g)].map(([, name = '']) => name),
  );
  const read = new Set(settingsInSource());
  for (const name of read) expect(documented).toContain(name);
  for (const name of documented) if (!name.includes('<')) expect([...read]).toContain(name);
});
