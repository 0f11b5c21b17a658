#!/usr/bin/env node
import { processIo } from './io';
import { runCommandLine } from './program';

// A reader that has seen enough (`| head`) closes the pipe; that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  throw error;
});

/** How long what a command left open (a connection, a thread of the SDK) may keep the process after the command has ended. */
const LINGER_MS = 10_000;

/** Ends the process when something that the command left open keeps it, but not before all output was read. */
function endAfterLinger(): void {
  setTimeout(() => {
    if (process.stdout.writableLength + process.stderr.writableLength > 0) endAfterLinger();
    else process.exit();
  }, LINGER_MS).unref();
}

// Stands if the process should run out of work before the command has said how it ended.
process.exitCode = 1;
void runCommandLine(process.argv.slice(2), processIo()).then((exitCode) => {
  // Not process.exit(): what is still on its way into a pipe would be cut off.
  process.exitCode = exitCode;
  endAfterLinger();
});
