import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isAlive } from './lock';
import { PINNED_CLI_VERSION } from './version';

/** Name of the executable on this platform. */
export const BINARY_NAME = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/** State of the pinned release in the cache. */
export type CachedBinary =
  | { readonly state: 'good'; readonly path: string }
  | { readonly state: 'absent' }
  | { readonly state: 'damaged'; readonly why: string };

/**
 * Returns `$XDG_CACHE_HOME/temporal-http-tasks`, or `~/.cache/temporal-http-tasks` if that is unset or not absolute.
 */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_CACHE_HOME'];
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'temporal-http-tasks');
}

/** Whether an executable with this SHA-256 may be run. */
export type TrustsChecksum = (sha256: string) => boolean;

/**
 * Finds the pinned release in the cache. Compares its checksum with the recorded one and with those that are trusted.
 * Changes and runs nothing.
 */
export async function readCache(cacheDir: string, trusts: TrustsChecksum): Promise<CachedBinary> {
  const path = join(entryDir(cacheDir), BINARY_NAME);
  let recorded: string;
  let found: string;
  try {
    recorded = (await readFile(checksumFile(path), 'utf8')).trim();
    found = await sha256Of(path);
  } catch (error) {
    if (isMissing(error)) return { state: 'absent' };
    throw error;
  }
  if (recorded !== found) {
    return {
      state: 'damaged',
      why: `${path} has checksum ${found.slice(0, 12)}…, recorded was ${recorded.slice(0, 12)}…`,
    };
  }
  if (!trusts(found)) {
    return {
      state: 'damaged',
      why: `${path} has checksum ${found.slice(0, 12)}…, which is not that of the pinned release`,
    };
  }
  return { state: 'good', path };
}

/**
 * Creates an empty folder in the cache, and so on its file system: its content can be moved into place with one rename.
 */
export async function makeWorkDir(cacheDir: string): Promise<string> {
  const dir = join(cacheDir, `tmp-${process.pid}-${randomUUID()}`);
  await mkdir(dir, { recursive: true });
  return dir;
}

/** Removes incomplete files of processes that have ended. */
export async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const owner = Number(/^tmp-(\d+)-/.exec(name)?.[1]);
    if (owner > 0 && !isAlive(owner)) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

/**
 * Moves `binary` into the cache together with its SHA-256 and returns its new path. Both appear with one rename of
 * their folder, so readers find both or neither. A valid copy from another process stays; a corrupt one is replaced.
 */
export async function putIntoCache(cacheDir: string, binary: string, trusts: TrustsChecksum): Promise<string> {
  const staging = await makeWorkDir(cacheDir);
  try {
    const staged = join(staging, BINARY_NAME);
    await rename(binary, staged);
    await writeFile(checksumFile(staged), `${await sha256Of(staged)}\n`);
    await replaceEntry(cacheDir, staging, trusts);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return join(entryDir(cacheDir), BINARY_NAME);
}

async function replaceEntry(cacheDir: string, staging: string, trusts: TrustsChecksum): Promise<void> {
  const entry = entryDir(cacheDir);
  for (let attempt = 1; ; attempt++) {
    try {
      await rename(staging, entry);
      return;
    } catch (error) {
      if (!isOccupied(error) || attempt === 5) throw error;
    }
    if ((await readCache(cacheDir, trusts)).state === 'good') return;
    const discarded = join(cacheDir, `tmp-${process.pid}-${randomUUID()}`);
    await rename(entry, discarded).catch(ignoreMissing);
    await rm(discarded, { recursive: true, force: true });
  }
}

function entryDir(cacheDir: string): string {
  return join(cacheDir, `temporal-${PINNED_CLI_VERSION}-${process.platform}-${process.arch}`);
}

function checksumFile(path: string): string {
  return `${path}.sha256`;
}

/** Returns the SHA-256 of a file, in hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}

function isOccupied(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(String(errorCode(error)));
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
