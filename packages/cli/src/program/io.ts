import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ReadStream, WriteStream } from 'node:tty';

/**
 * 0: done. 1: failed, partial, held, paused or cancelled. 2: the command line or an input was refused. 3: not verifiable,
 * because nothing outside the evidence confirms what was sealed.
 */
export type ExitCode = 0 | 1 | 2 | 3;

/** The parts of its process that a command uses. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: ReadStream;
  /** For the result only; under `--json` exactly one document. */
  readonly stdout: WriteStream;
  /** For everything a user may need to know meanwhile. */
  readonly stderr: WriteStream;
  /** Set by the command that ran. */
  exitCode: ExitCode;
  /** What a person types before the name of a command, see {@link programInShell}. @default http-tasks */
  readonly program?: string;
  /** What a refusal says about confirming without a terminal, in sentences. @default the option `--yes` */
  readonly howToConfirm?: string;
  /** Runs another command line, for a command that offers others; present while one runs. Never rejects. */
  readonly run?: (argv: readonly string[], io: Io) => Promise<ExitCode>;
}

/** The io of this very process. */
export function processIo(): Io {
  const { env, stdin, stdout, stderr, argv } = process;
  return { env, stdin, stdout, stderr, exitCode: 0, program: programInShell(env, argv[1]) };
}

/** A folder that a package manager puts into the PATH of what it runs. */
const OF_PACKAGE = /[\\/]node_modules[\\/]\.bin[\\/]?$/;

/** A folder into which `npx` installs what a project does not have. */
const OF_NPX = /[\\/]_npx[\\/]/;

/**
 * Returns how this program is run from the user's shell: by its name if the PATH has it, or else by the package manager
 * that runs it.
 *
 * @param script The file that Node.js runs.
 */
export function programInShell(env: Io['env'], script = ''): string {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '' && !OF_PACKAGE.test(folder));
  if (folders.some((folder) => existsSync(join(folder, 'http-tasks')))) return 'http-tasks';
  // Without the package's name, npx would run whatever is called like the command.
  if (OF_NPX.test(script)) return 'npx --package=@temporal-http-tasks/cli http-tasks';
  const [manager] = (env['npm_config_user_agent'] ?? '').split('/');
  return manager === 'pnpm' ? 'pnpm exec http-tasks' : manager === 'yarn' ? 'yarn http-tasks' : 'npx http-tasks';
}
