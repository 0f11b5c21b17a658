import type { Command } from 'commander';
import { describeCommand, literalOption, onRun } from './command';
import type { CommonOptions } from './command';
import { EXAMPLE_USERS } from './demo';
import type { Io } from './io';

interface DevCommandOptions extends CommonOptions {
  users?: string;
}

/** `http-tasks dev`: everything up on this machine, to try things out, until it is stopped. */
export function defineDevCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description: [
      'For trying things out: prints the address of the Temporal UI, the settings to paste into another terminal and a run to',
      'start. Settings for Temporal, Plaid and Batch in the environment are ignored, the ledger is a temporary one, and',
      'nothing outside this machine is called. Ctrl-C ends all of it, and what was in it is gone.',
    ].join(' '),
    examples: ['http-tasks dev', 'http-tasks dev --users users.csv --json'],
  });
  command.addOption(
    literalOption(
      '--users <file>',
      'a CSV file of users whom both simulators know (else examples/users.csv of the package)',
    ),
  );
  onRun<DevCommandOptions>(command, io, async ({ users = EXAMPLE_USERS, json = false }) => {
    const { runDev } = await import('./dev/run-dev.js');
    return runDev(io, { users, json });
  });
}
