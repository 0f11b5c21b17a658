// `npm run measure:install`: what a production install of the plugin brings into an empty project, beside one of Temporal's own
// packages, and whether every entry can be imported there. It fails for a peer dependency that is missing or of another version.
// Writes docs/installed-size.json. Needs a package registry.
// With --pnpm also whether pnpm installs all packages so that every entry works; pnpm itself comes from the registry.
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from './build.mjs';
import { ROOT, npmCommand } from './commands.mjs';
import { PACKAGES, manifestOf } from './packages.mjs';

const PLUGIN = 'temporal-http-tasks';
const PLUGIN_ENTRIES = [PLUGIN, `${PLUGIN}/workflow`, `${PLUGIN}/nexus`];
/** What a Temporal worker and its client are made of. */
const BARE = ['activity', 'client', 'common', 'worker', 'workflow'].map((name) => `@temporalio/${name}`);

const withPnpm = process.argv.includes('--pnpm');
await build();
const scratch = mkdtempSync(join(tmpdir(), 'http-tasks-install-'));
try {
  const tarballs = Object.fromEntries(PACKAGES.map(({ name, folder }) => [name, pack(folder)]));
  const locked = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const atVersion = (name) => `${name}@${locked[`node_modules/${name}`].version}`;
  const peers = Object.keys(manifestOf('.').peerDependencies).filter((name) => !name.startsWith(`@${PLUGIN}/`));
  const others = PACKAGES.map(({ name }) => name).filter((name) => name !== PLUGIN);
  const bare = install('bare', BARE.map(atVersion), BARE.slice(0, 3));
  const plugin = install('plugin', [tarballs[PLUGIN], ...peers.map(atVersion)], PLUGIN_ENTRIES);
  const all = install(
    'all',
    [...Object.values(tarballs), ...peers.map(atVersion)],
    [...PLUGIN_ENTRIES, `${PLUGIN}/testing`, ...others],
  );
  const results = { bare, plugin, added: difference(plugin, bare), all };
  writeFileSync(join(ROOT, 'docs', 'installed-size.json'), `${JSON.stringify(results, undefined, 2)}\n`);
  process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
  if (withPnpm) {
    installByPnpm(tarballs, peers.map(atVersion), [...PLUGIN_ENTRIES, `${PLUGIN}/testing`, ...others]);
    process.stdout.write('pnpm installs all packages, and every entry can be imported.\n');
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** @returns {string} The path of a tarball of the package in this folder. */
function pack(folder) {
  const target = join(scratch, 'tarballs', basename(join(ROOT, folder)));
  mkdirSync(target, { recursive: true });
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', target];
  execute(npmCommand(args), join(ROOT, folder));
  return join(target, readdirSync(target)[0]);
}

/** Installs into an empty project, imports every entry in both ways, and counts. */
function install(name, what, entries) {
  const folder = emptyProject(name);
  const strictly = ['--omit=dev', '--strict-peer-deps', '--no-audit', '--no-fund', '--loglevel=error'];
  execute(npmCommand(['install', ...strictly, ...what]), folder);
  importAll(folder, entries);
  const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules', '.package-lock.json'), 'utf8'));
  return { packages: Object.keys(packages).length, megabytes: megabytesOf(join(folder, 'node_modules')) };
}

function installByPnpm(tarballs, peers, entries) {
  const tools = emptyProject('pnpm-itself');
  execute(npmCommand(['install', '--no-audit', '--no-fund', '--loglevel=error', 'pnpm']), tools);
  const folder = emptyProject('pnpm');
  // Packages that are not in a registry yet are found by pnpm only where a project overrides them.
  const overrides = Object.fromEntries(Object.entries(tarballs).map(([name, path]) => [name, `file:${path}`]));
  writeFileSync(
    join(folder, 'pnpm-workspace.yaml'),
    `packages: ["."]\noverrides:\n${Object.entries(overrides)
      .map(([name, path]) => `  "${name}": "${path}"\n`)
      .join('')}`,
  );
  const pnpm = join(tools, 'node_modules', '.bin', 'pnpm');
  const strictly = ['add', '--prod', '--ignore-scripts', '--strict-peer-dependencies', '-w'];
  execute([pnpm, ...strictly, ...Object.values(tarballs), ...peers], folder);
  importAll(folder, entries);
}

function importAll(folder, entries) {
  for (const [file, load] of [
    ['all.cjs', (entry) => `require(${JSON.stringify(entry)});`],
    ['all.mjs', (entry) => `await import(${JSON.stringify(entry)});`],
  ]) {
    // Workflow code is loaded by the bundler; outside of it, its imports only have to be there.
    writeFileSync(join(folder, file), `${entries.map(load).join('\n')}\nprocess.exit(0);\n`);
    execute([process.execPath, file], folder);
  }
}

function emptyProject(name) {
  const folder = join(scratch, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'empty', private: true }));
  return folder;
}

function execute([command, ...args], cwd) {
  // An npm that runs this script tells its children about this workspace.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key)));
  execFileSync(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
}

function difference(one, other) {
  return { packages: one.packages - other.packages, megabytes: one.megabytes - other.megabytes };
}

function megabytesOf(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += lstatSync(join(entry.parentPath ?? entry.path, entry.name)).size;
  return Math.round(bytes / 1e6);
}
