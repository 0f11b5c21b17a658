import type { Command } from 'commander';
import { literalOption } from './command';
import type { CommonOptions } from './command';

/** What every command takes that works with providers. */
export interface ProvidersOptions extends CommonOptions {
  /** Files and folders with provider files, separated by commas. */
  providers?: string;
}

/** Adds `--providers`. */
export function addProvidersOption(command: Command): Command {
  return command.addOption(
    literalOption(
      '--providers <paths>',
      'files and folders with provider files, separated by commas (default: HTTP_TASKS_PROVIDERS)',
    ),
  );
}
