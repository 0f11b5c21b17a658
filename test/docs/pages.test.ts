import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const ROOT = join(__dirname, '..', '..');

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && !name.includes('node_modules'))
    .map((name) => join(folder, name));

const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md') || name === 'llms.txt'),
  ...filesIn('docs', '.md'),
];

interface Link {
  page: string;
  /** As written. */
  target: string;
  /** From the root of the repository; empty for a part of the page itself. */
  path: string;
  anchor?: string;
}

/** The relative links of a page, outside of code. */
function linksOf(page: string): Link[] {
  const prose = read(page)
    .replace(/^```.*?^```$/gms, '')
    .replace(/`[^`\n]*`/g, '`code`');
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    const path = file === '' ? page : normalize(join(dirname(page), file));
    return [{ page, target, path, ...(anchor !== undefined && { anchor }) }];
  });
}

/** The anchors of a page: those that it names, and of its headings, as GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const text = read(page).replace(/^```.*?^```$/gms, '');
  const anchors = new Set([...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id));
  const uses = new Map<string, number>();
  for (const [, heading = ''] of text.matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const before = uses.get(anchor) ?? 0;
    uses.set(anchor, before + 1);
    anchors.add(before === 0 ? anchor : `${anchor}-${before}`);
  }
  return anchors;
}

it('leads every relative link to a file, and every anchor to a heading', () => {
  const links = PAGES.flatMap(linksOf);
  expect(links.length).toBeGreaterThan(200);
  const dead = links.filter(
    ({ path, anchor }) =>
      !existsSync(join(ROOT, path)) || (anchor !== undefined && path.endsWith('.md') && !anchorsOf(path).has(anchor)),
  );
  expect(dead.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
});

it('leads the links of the published README and of llms.txt to published files', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] };
  const isPublished = (path: string): boolean =>
    files.some((pattern) =>
      pattern.endsWith('/*.md') ? dirname(path) === dirname(pattern) && path.endsWith('.md') : path === pattern,
    );
  const links = ['README.md', 'llms.txt'].flatMap(linksOf).filter(({ path }) => path !== 'README.md');
  expect(links.length).toBeGreaterThan(40);
  expect(links.filter(({ path }) => !isPublished(path)).map(({ target }) => target)).toEqual([]);
});

it('lists every page of the documentation in its index and in llms.txt', () => {
  const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md') && name !== 'README.md');
  for (const index of ['docs/README.md', 'llms.txt']) {
    const listed = new Set(linksOf(index).map(({ path }) => path));
    expect({ index, missing: pages.filter((name) => !listed.has(`docs/${name}`)) }).toEqual({ index, missing: [] });
  }
});

it('explains messages that the code prints', () => {
  const texts = ['src', 'packages/cli/src']
    .flatMap((folder) => filesIn(folder, '.ts'))
    .map(read)
    .join('\n')
    .replaceAll("\\'", "'")
    .replace(/['"`]\s*\+\s*['"`]/g, '');
  const messages = [...read('docs/troubleshooting.md').matchAll(/^\| `([^`]+)` \|/gm)].map(([, text = '']) => text);
  expect(messages.length).toBeGreaterThan(30);
  const parts = messages.flatMap((message) => message.split('…')).filter((part) => part.length > 3);
  expect(parts.filter((part) => !texts.includes(part.trim()))).toEqual([]);
});
