import type { Command } from 'commander';

/**
 * Whether `--json` was asked for, also on a command line that could not be read to its end. A `--json` that is the
 * argument of an option is not asked for.
 */
export function wantsJson(program: Command, argv: readonly string[]): boolean {
  let command = program;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--') return false;
    if (word === '--json') return true;
    const option = command.options.find((known) => known.long === word || known.short === word);
    if (option?.required) at += 1;
    else if (!option) command = command.commands.find((known) => known.name() === word) ?? command;
  }
  return false;
}
