import { createHash } from 'node:crypto';
import { access, chmod, copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, run } from './commands.mjs';
import { ensureInstalled } from './ensure-installed.mjs';

/** The console's page runs in a browser and is compiled for it; everything else runs in Node. */
const PROJECTS = ['tsconfig.page.json', 'tsconfig.json'];
const SRC = join(ROOT, 'src');
const DIST = join(ROOT, 'dist');
/** Outside dist/, which is published. */
const STAMP = join(ROOT, '.cache', 'build.json');

/** Compiles src/ into dist/, unless dist/ was made of exactly these sources. Installs packages first if need be. */
export async function build() {
  await ensureInstalled();
  const sources = await filesBelow(SRC);
  const fingerprint = await fingerprintOf(sources);
  if (await isFresh(fingerprint)) return;
  process.stderr.write('Compiling src/ to dist/\n');
  // The page first: the types that it shares with the gateway are compiled again, as the gateway needs them.
  for (const project of PROJECTS) {
    const code = await run([process.execPath, join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', project]);
    if (code !== 0) throw new Error('The sources do not compile, see above.');
  }
  await copyAssets(sources);
  const outputs = [...(await removeStaleOutputs(sources)), ...(await bundleWorkflows())];
  await chmod(join(DIST, 'cli', 'main.js'), 0o755);
  await mkdir(dirname(STAMP), { recursive: true });
  await writeFile(STAMP, JSON.stringify({ fingerprint, outputs }));
}

/** The bundles of workflows with which `http-tasks worker` starts; a worker that cannot use them makes its own. */
async function bundleWorkflows() {
  process.stderr.write('Bundling the workflows\n');
  const require = createRequire(import.meta.url);
  const { makePrebuiltWorkflows } = require(join(DIST, 'prebuilt-workflows.js'));
  const { DefaultLogger } = require('@temporalio/worker');
  const files = await makePrebuiltWorkflows(new DefaultLogger('WARN'));
  return files.map((file) => join('prebuilt', file));
}

async function isFresh(fingerprint) {
  try {
    const stamp = JSON.parse(await readFile(STAMP, 'utf8'));
    await Promise.all(stamp.outputs.map((file) => access(join(DIST, file))));
    return stamp.fingerprint === fingerprint;
  } catch {
    return false;
  }
}

async function fingerprintOf(sources) {
  const hash = createHash('sha256');
  const inputs = [...sources.map((file) => join('src', file)), ...PROJECTS, 'package-lock.json', 'scripts/build.mjs'];
  for (const file of inputs) {
    hash
      .update(`${file}\0`)
      .update(await readFile(join(ROOT, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

const COMPILED = /\.(ts|js)$/;

async function copyAssets(sources) {
  for (const file of sources.filter((name) => !COMPILED.test(name))) {
    await mkdir(dirname(join(DIST, file)), { recursive: true });
    await copyFile(join(SRC, file), join(DIST, file));
  }
}

/** A file that was renamed or removed in src/ must not live on in dist/ and so in the package. */
async function removeStaleOutputs(sources) {
  const stems = new Set(sources.map((file) => file.replace(COMPILED, '')));
  const kept = [];
  for (const file of await filesBelow(DIST)) {
    if (stems.has(file.replace(/\.(d\.ts|js\.map|js)$/, ''))) kept.push(file);
    else await rm(join(DIST, file));
  }
  return kept;
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
