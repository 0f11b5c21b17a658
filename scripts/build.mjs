import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, run } from './commands.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { SOURCE_FOLDERS } from './packages.mjs';

/** The console's page runs in a browser and is compiled for it; everything else runs in Node. */
const PROJECTS = ['tsconfig.page.json', 'tsconfig.json'];
/** Where the compiler puts everything, before each package gets its own. */
const COMPILED = join(ROOT, '.cache', 'compiled');
/** Outside dist/, which is published. */
const STAMP = join(ROOT, '.cache', 'build.json');

/**
 * Compiles the sources of every package into its dist/, unless they were made of exactly these sources. One program of the
 * compiler reads all of them, so that what they share is read and checked once. Installs packages first if need be.
 */
export async function build() {
  await ensureInstalled();
  const sources = await sourceFiles();
  const fingerprint = await fingerprintOf(sources);
  if (await isFresh(fingerprint)) return;
  process.stderr.write('Compiling src/ to dist/, of every package\n');
  await rm(STAMP, { force: true });
  await rm(COMPILED, { recursive: true, force: true });
  // The page first: the types that it shares with the gateway are compiled again, as the gateway needs them.
  for (const project of PROJECTS) {
    const code = await run([process.execPath, join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', project]);
    if (code !== 0) throw new Error('The sources do not compile, see above.');
  }
  await copyAssets(sources);
  // Replaced whole, so that a file that was renamed or removed in src/ does not live on in the package.
  for (const folder of SOURCE_FOLDERS) {
    const dist = join(ROOT, folder, 'dist');
    await rm(dist, { recursive: true, force: true });
    await rename(join(COMPILED, folder, 'src'), dist);
  }
  await copyProviders();
  await moveMaps();
  await bundleWorkflows();
  await removeMaps();
  await mkdir(dirname(STAMP), { recursive: true });
  await writeFile(STAMP, JSON.stringify({ fingerprint, outputs: await outputFiles() }));
}

/** The bundles of workflows with which `http-tasks worker` starts; a worker that cannot use them makes its own. */
async function bundleWorkflows() {
  process.stderr.write('Bundling the workflows\n');
  const require = createRequire(import.meta.url);
  const { makePrebuiltWorkflows } = require('@temporal-http-tasks/cli/internal/worker-process/prebuilt-workflows');
  const { DefaultLogger } = require('@temporalio/worker');
  await makePrebuiltWorkflows(new DefaultLogger('WARN'));
}

/** The provider files that `http-tasks providers add` copies; they are at the root, where people look for them. */
async function copyProviders() {
  const target = join(ROOT, 'packages', 'cli', 'dist', 'ready-providers');
  await mkdir(target);
  for (const file of await filesBelow(['providers'])) await copyFile(join(ROOT, file), join(target, basename(file)));
}

/** Source maps name the sources by their paths from where the compiler wrote them, two folders further down. */
async function moveMaps() {
  for (const file of await mapFiles()) {
    const map = JSON.parse(await readFile(file, 'utf8'));
    const sources = map.sources.map((source) => source.replace(/^(\.\.\/){2}/, ''));
    await writeFile(file, JSON.stringify({ ...map, sources }));
  }
}

/** The bundles of workflows have the maps in them, so that a failure names the sources. Nothing else needs them. */
async function removeMaps() {
  for (const file of await mapFiles()) {
    const compiled = file.replace(/\.map$/, '');
    const text = await readFile(compiled, 'utf8');
    await writeFile(compiled, text.replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'));
    await rm(file);
  }
}

async function mapFiles() {
  return (await outputFiles()).filter((file) => file.endsWith('.js.map')).map((file) => join(ROOT, file));
}

async function isFresh(fingerprint) {
  try {
    const stamp = JSON.parse(await readFile(STAMP, 'utf8'));
    if (stamp.fingerprint !== fingerprint) return false;
    await Promise.all(stamp.outputs.map((file) => access(join(ROOT, file))));
    return true;
  } catch {
    return false;
  }
}

async function fingerprintOf(sources) {
  const hash = createHash('sha256');
  const others = [...PROJECTS, 'package-lock.json', 'scripts/build.mjs', 'scripts/packages.mjs'];
  for (const file of [...sources, ...(await filesBelow(['providers'])), ...others]) {
    hash
      .update(`${file}\0`)
      .update(await readFile(join(ROOT, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

async function copyAssets(sources) {
  for (const file of sources.filter((name) => !/\.(ts|js)$/.test(name))) {
    await mkdir(dirname(join(COMPILED, file)), { recursive: true });
    await copyFile(join(ROOT, file), join(COMPILED, file));
  }
}

function sourceFiles() {
  return filesBelow(SOURCE_FOLDERS.map((folder) => join(folder, 'src')));
}

function outputFiles() {
  return filesBelow(SOURCE_FOLDERS.map((folder) => join(folder, 'dist')));
}

/** The files in these folders below the root, with their paths from there. */
async function filesBelow(folders) {
  const files = [];
  for (const folder of folders) {
    for (const entry of await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true }))
      if (entry.isFile()) files.push(join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length + 1));
  }
  return files.sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
