// `node scripts/count-files.mjs [COMMIT]`: how the source is cut into files: how many there are, how long, and how many of them
// only one other file imports. Counts the working tree, or a commit.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { ROOT } from './commands.mjs';
import { PACKAGES } from './packages.mjs';

const [commit] = process.argv.slice(2);
const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 28 });
const listed = commit === undefined ? git('ls-files') : git('ls-tree', '-r', '--name-only', commit);
const files = listed.split('\n').filter((file) => /^(?:src|packages\/[^/]+\/src|lab\/src)\/.*(?<!\.d)\.ts$/.test(file));
const textOf = (file) =>
  commit === undefined ? readFileSync(join(ROOT, file), 'utf8') : git('show', `${commit}:${file}`);

const INTERNAL = PACKAGES.map(({ name, folder }) => ({ start: `${name}/internal/`, src: join(folder, 'src') }));
const lines = new Map();
const importers = new Map(files.map((file) => [file, new Set()]));
for (const file of files) {
  const text = textOf(file);
  lines.set(file, text.split('\n').length - 1);
  for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport\(|\bimport)\s*'([^']+)'/g)) {
    const target = targetOf(file, specifier);
    for (const one of [`${target}.ts`, `${target}/index.ts`]) if (one !== file) importers.get(one)?.add(file);
  }
}

/** @returns {string | undefined} The path of what is imported, without its ending. */
function targetOf(file, specifier) {
  const name = specifier.replace(/\.js$/, '');
  if (name.startsWith('.')) return normalize(join(dirname(file), name));
  const internal = INTERNAL.find(({ start }) => name.startsWith(start));
  return internal && join(internal.src, name.slice(internal.start.length));
}

/** @returns {[string, string[]][]} The files of each package. */
function byPackage() {
  const folders = [...new Set(files.map((file) => /^(?:packages\/[^/]+|[^/]+)/.exec(file)?.[0] ?? ''))];
  return folders.map((folder) => [folder, files.filter((file) => file.startsWith(`${folder}/`))]);
}

const rooms = [['all', files], ...byPackage()];
for (const folder of ['src/config', 'src/http', 'packages/cli/src'])
  rooms.push([folder, files.filter((file) => file.startsWith(`${folder}/`))]);
console.table(
  Object.fromEntries(
    rooms.map(([room, some]) => {
      const lengths = some.map((file) => lines.get(file)).sort((a, b) => a - b);
      return [
        room,
        {
          files: some.length,
          lines: lengths.reduce((sum, one) => sum + one, 0),
          median: lengths[Math.floor(lengths.length / 2)],
          'at most 60 lines': lengths.filter((one) => one <= 60).length,
          'one importer': some.filter((file) => importers.get(file)?.size === 1).length,
        },
      ];
    }),
  ),
);
