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
  /** What a refusal says about confirming without a terminal, in sentences. @default the option `--yes` */
  readonly howToConfirm?: string;
  /** Runs another command line, for a command that offers others; present while one runs. Never rejects. */
  readonly run?: (argv: readonly string[], io: Io) => Promise<ExitCode>;
}

/** The io of this very process. */
export function processIo(): Io {
  const { env, stdin, stdout, stderr } = process;
  return { env, stdin, stdout, stderr, exitCode: 0 };
}
