import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Size {
  packages: number;
  megabytes: number;
}

const DOCS = join(__dirname, '../../docs');
const recorded = JSON.parse(readFileSync(join(DOCS, 'installed-size.json'), 'utf8')) as Record<string, Size>;

it('the page shows the recorded sizes, and the plugin adds at most 45 packages and 45 MB', () => {
  const page = readFileSync(join(DOCS, 'installed-size.md'), 'utf8');
  for (const { packages, megabytes } of Object.values(recorded))
    expect(page).toContain(`| ${packages} | ${megabytes} |`);
  expect(recorded['added']?.packages).toBeLessThanOrEqual(45);
  expect(recorded['added']?.megabytes).toBeLessThanOrEqual(45);
});
