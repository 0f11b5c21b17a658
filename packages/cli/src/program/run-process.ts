import { processIo } from './io';
import type { ExitCode, Io } from './io';

/** How long open resources of a command (a connection, a thread of the SDK) may keep the process after its end, in milliseconds. */
const LINGER_MS = 10_000;

/** Ends the process when something that the command left open keeps it, but not before all output was read. */
function endAfterLinger(): void {
  setTimeout(() => {
    if (process.stdout.writableLength + process.stderr.writableLength > 0) endAfterLinger();
    else process.exit();
  }, LINGER_MS).unref();
}

/** Runs a command line as the work of this process, and ends the process with its exit code. */
export function runProcess(run: (argv: readonly string[], io: Io) => Promise<ExitCode>): void {
  // A reader that has seen enough (`| head`) closes the pipe; that is not a failure of the command.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      process.stderr.write(`The output cannot be written (${error.code ?? 'unknown error'}).\n`);
      process.exit(1);
    }
    process.exit(process.exitCode ?? 0);
  });
  // Progress that cannot be written must not end a command whose result is read.
  process.stderr.on('error', () => undefined);
  // The exit code if the process should run out of work before the command has ended.
  process.exitCode = 1;
  void run(process.argv.slice(2), processIo()).then((exitCode) => {
    // Not process.exit(): what is still on its way into a pipe would be truncated.
    process.exitCode = exitCode;
    endAfterLinger();
  });
}
