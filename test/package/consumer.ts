import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const ROOT = join(__dirname, '..', '..');

/** The folders of all published packages, by their names. */
const PACKAGES: Readonly<Record<string, string>> = {
  'temporal-http-tasks': ROOT,
  ...Object.fromEntries(
    ['openapi', 'testing', 'evidence', 'console', 'cli'].map((name) => [
      `@temporal-http-tasks/${name}`,
      join(ROOT, 'packages', name),
    ]),
  ),
};

/** The package with the command. */
const CLI = '@temporal-http-tasks/cli';

/** A project that installed our tarballs; its other packages are links to those of this checkout, so no network. */
export interface Consumer {
  /**
   * Writes a source file, type-checks it as strictly as we do, and returns what the compiler has to say.
   *
   * @param modules How the compiler finds packages. @default as Node does
   */
  typeCheck(name: string, source: string, modules?: readonly string[]): Promise<string>;
  /** Compiles a source file and runs it with Node; resolves to what it prints on stdout. */
  compileAndRun(name: string, source: string): Promise<string>;
  /** Runs a file of JavaScript with Node; resolves to what it prints on stdout. */
  run(name: string, source: string): Promise<string>;
  /** Runs one of the package's commands. */
  runBin(name: string, args: readonly string[]): Promise<{ stdout: string; code: number }>;
  /** Runs Temporal's own command line, which finds the package's commands on PATH. */
  runTemporal(program: string, args: readonly string[]): Promise<{ stdout: string; code: number }>;
  remove(): Promise<void>;
}

/** A package as it would be published. */
export interface Tarball {
  readonly name: string;
  readonly path: string;
  /** Paths inside. */
  readonly files: readonly string[];
  remove(): Promise<void>;
}

/** Packs all packages of this checkout, which builds them first. */
export async function packTarballs(): Promise<Tarball[]> {
  const tarballs: Tarball[] = [];
  for (const [name, folder] of Object.entries(PACKAGES)) {
    const dir = await mkdtemp(join(tmpdir(), 'http-tasks-tarball-'));
    const args = ['pack', '--json', '--pack-destination', dir];
    const packed = await execute('npm', args, { cwd: folder, maxBuffer: 1 << 24 });
    const { filename, files } = parsePackReport(packed.stdout);
    const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });
    tarballs.push({ name, path: join(dir, filename), files, remove });
  }
  return tarballs;
}

/** Installs the tarballs into a new project of the given module type. */
export async function installInto(type: 'module' | 'commonjs', tarballs: readonly Tarball[]): Promise<Consumer> {
  const dir = await mkdtemp(join(tmpdir(), 'http-tasks-consumer-'));
  await linkPackages(join(dir, 'node_modules'));
  for (const { name, path } of tarballs) {
    const target = join(dir, 'node_modules', name);
    await mkdir(target, { recursive: true });
    await execute('tar', ['-xzf', path, '--strip-components=1', '-C', target]);
  }
  const cli = join(dir, 'node_modules', CLI);
  await writeFile(join(dir, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type }));
  return {
    typeCheck: (name, source, modules) => compile(dir, name, source, modules),
    async compileAndRun(name, source) {
      const complaints = await compile(dir, name, source);
      if (complaints !== '') throw new Error(complaints);
      const { stdout } = await execute(process.execPath, [join(dir, 'out', name.replace(/\.ts$/, '.js'))], {
        cwd: dir,
      });
      return stdout;
    },
    async run(name, source) {
      await writeFile(join(dir, name), source);
      return (await execute(process.execPath, [join(dir, name)], { cwd: dir })).stdout;
    },
    runBin: async (name, args) => run(await commandOf(cli, name), args),
    async runTemporal(program, args) {
      const folder = join(dir, 'bin');
      await mkdir(folder, { recursive: true });
      const name = 'temporal-http_tasks';
      await linkCommand(await commandOf(cli, name), join(folder, name));
      return run(program, args, { PATH: `${folder}${delimiter}${dirname(process.execPath)}`, HOME: dir });
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

/** Runs the check that `npm run check:package` makes on tarballs. */
export async function checkPackages(
  tarballs: readonly Tarball[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  return runScript('check-package.mjs', ...tarballs.map(({ path }) => path));
}

/** Runs the check that `npm run api -- --check` makes on dist/. */
export async function checkApiReports(): Promise<{ code: number; stdout: string; stderr: string }> {
  return runScript('api-report.mjs', '--check');
}

async function runScript(
  name: string,
  ...args: readonly string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  return execute(process.execPath, [join(ROOT, 'scripts', name), ...args]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      stdout: error.stdout,
      stderr: error.stderr,
    }),
  );
}

/** A copy of the tarball that lacks one file. */
export async function withoutFile(tarball: Tarball, file: string): Promise<Tarball> {
  const dir = await mkdtemp(join(tmpdir(), 'http-tasks-broken-'));
  const path = join(dir, 'broken.tgz');
  await execute('tar', ['-xzf', tarball.path, '-C', dir]);
  await rm(join(dir, 'package', file));
  await execute('tar', ['-czf', path, '-C', dir, 'package']);
  return {
    name: tarball.name,
    path,
    files: tarball.files.filter((one) => one !== file),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

interface PackReport {
  readonly filename: string;
  readonly files: readonly string[];
}

function parsePackReport(stdout: string): PackReport {
  const parsed = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as unknown;
  // npm 12 gives an object by package name where earlier ones give a list.
  const [report] = Object.values(parsed as Record<string, { filename: string; files: { path: string }[] }>);
  if (report === undefined) throw new Error('npm pack reported no package');
  return { filename: report.filename, files: report.files.map((file) => file.path) };
}

async function linkPackages(nodeModules: string): Promise<void> {
  await mkdir(nodeModules);
  const installed = join(ROOT, 'node_modules');
  for (const name of await readdir(installed)) {
    const isOurs = name === 'temporal-http-tasks' || name === '@temporal-http-tasks';
    if (!name.startsWith('.') && !isOurs) await symlink(join(installed, name), join(nodeModules, name));
  }
}

async function compile(
  dir: string,
  name: string,
  source: string,
  modules: readonly string[] = ['--module', 'node20'],
): Promise<string> {
  await writeFile(join(dir, name), source);
  const settings = [
    ...modules,
    ...['--target', 'es2023', '--types', 'node', '--strict', '--skipLibCheck'],
    ...['--rootDir', '.', '--outDir', 'out', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'],
  ];
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  return execute(process.execPath, [compiler, ...settings, name], { cwd: dir }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
}

/** The file of one of the package's commands. */
async function commandOf(packageDir: string, name: string): Promise<string> {
  const { bin } = (await import(join(packageDir, 'package.json'))) as { bin: Record<string, string> };
  const path = bin[name];
  if (path === undefined) throw new Error(`The package has no command ${name}`);
  return join(packageDir, path);
}

/** As npm links a command into a folder on PATH. */
async function linkCommand(file: string, link: string): Promise<void> {
  await rm(link, { force: true });
  await symlink(file, link);
}

async function run(
  program: string,
  args: readonly string[],
  env?: Record<string, string>,
): Promise<{ stdout: string; code: number }> {
  return execute(program, [...args], { encoding: 'utf8', ...(env && { env }) }).then(
    ({ stdout }) => ({ stdout, code: 0 }),
    (error: { stdout: string; code: number }) => ({ stdout: error.stdout, code: error.code }),
  );
}
