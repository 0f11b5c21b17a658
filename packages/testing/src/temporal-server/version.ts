import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { childEnvironment } from './child-environment';

/** The versions that `temporal --version` prints for a binary, as `major.minor.patch`. */
export interface TemporalVersion {
  readonly cli: string;
  readonly server: string;
}

/** The release that is downloaded if none is installed; tests use it. */
export const PINNED_CLI_VERSION = '1.9.1';

/**
 * The oldest installed server that the demo and the tests accept. Older ones lack standalone activities or have them
 * turned off, and are untested.
 */
export const MINIMUM_SERVER_VERSION = '1.32.0';

const VERSION_LINE = /temporal version (\d+\.\d+\.\d+)(?:[^\s\d]\S*)? \(Server (\d+\.\d+\.\d+)/;

/** Parses the line that `temporal --version` prints; returns `undefined` for any other text. */
export function parseTemporalVersion(output: string): TemporalVersion | undefined {
  const match = VERSION_LINE.exec(output);
  const [, cli, server] = match ?? [];
  return cli !== undefined && server !== undefined ? { cli, server } : undefined;
}

/** Whether `version` is `minimum` or later, compared numerically (1.9 before 1.10). */
export function isAtLeast(version: string, minimum: string): boolean {
  const given = version.split('.').map(Number);
  const wanted = minimum.split('.').map(Number);
  for (const [index, least] of wanted.entries()) {
    const part = given[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}

/**
 * Runs `<binary> --version`. Rejects, with a message that says why, if the file does not run within 10 s or does not
 * print a Temporal version.
 */
export async function readTemporalVersion(binary: string): Promise<TemporalVersion> {
  const output = await runForVersion(binary);
  const version = parseTemporalVersion(output);
  if (version === undefined) {
    throw new Error(`it does not report a server version (it printed ${JSON.stringify(output.slice(0, 120))})`);
  }
  return version;
}

async function runForVersion(binary: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(binary, ['--version'], {
      timeout: 10_000,
      encoding: 'utf8',
      env: childEnvironment(process.env),
    });
    return stdout;
  } catch (error) {
    const detail = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new Error(`it does not run (${detail})`, { cause: error });
  }
}
