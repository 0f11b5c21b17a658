#!/usr/bin/env node
import { processIo } from './io';
import { runCommandLine } from './program';

// A reader that has seen enough (`| head`) closes the pipe; that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  throw error;
});

// Stands if the process should run out of work before the command has said how it ended.
process.exitCode = 1;
void runCommandLine(process.argv.slice(2), processIo()).then((exitCode) => {
  // Not process.exit(): what is still on its way into a pipe would be cut off.
  process.exitCode = exitCode;
});
