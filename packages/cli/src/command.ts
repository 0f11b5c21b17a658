import { Option } from 'commander';
import type { Command } from 'commander';
import { nearMisses, unknownSettings } from 'temporal-http-tasks/internal/config/known-settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/tasks/catalogue-services';
import { Refusal } from './errors';
import type { ExitCode, Io } from './io';
import { printable, say } from './output';

/** Gives a command of the program its help, options and action. Each command has a module of its own that exports one of these. */
export type DefineCommand = (command: Command, io: Io) => void;

/** What every command has. */
export interface CommonOptions {
  json?: boolean;
}

/** How a command is explained by its `--help`, below its summary. */
export interface CommandHelp {
  /** Everything else a person should know before running it. */
  description?: string;
  /** Command lines that work as they stand. */
  examples: readonly string[];
}

/** How a sub-command is named and explained. */
export interface CommandSpec extends CommandHelp {
  /** With its arguments: `show <task>`. */
  usage: string;
  /** One line, for the list of commands. */
  summary: string;
}

/** Adds a sub-command with its help. */
export function addCommand(parent: Command, { usage, summary, ...help }: CommandSpec): Command {
  return describeCommand(parent.command(usage).summary(summary), help);
}

/** Adds the description and the examples to the `--help` of a command that has its summary. */
export function describeCommand(command: Command, { description, examples }: CommandHelp): Command {
  return command
    .description([command.summary(), ...(description === undefined ? [] : [description])].join('\n\n'))
    .addHelpText('after', ['', 'Examples:', ...examples.map((line) => `  $ ${line}`)].join('\n'));
}

/**
 * Defines what a command does; called last, since it also adds the options that all commands share.
 *
 * @param more.refusesUnknownSettings Refuses to run with an unknown `HTTP_TASKS_*` setting. @default true
 */
export function onRun<Options extends CommonOptions>(
  command: Command,
  io: Io,
  run: (options: Options, args: readonly string[]) => Promise<ExitCode>,
  { refusesUnknownSettings = true }: { refusesUnknownSettings?: boolean } = {},
): void {
  addJsonOption(command).action(async () => {
    // `sweep --json status ID`: what belongs to every command may stand before a command's own name.
    const { json } = command.optsWithGlobals<CommonOptions>();
    if (refusesUnknownSettings) checkNames(io);
    io.exitCode = await run({ ...command.opts<Options>(), ...(json && { json }) }, command.args);
  });
}

/** Adds the option that every command has. */
export function addJsonOption(command: Command): Command {
  return command.option('--json', 'print exactly one JSON document on stdout');
}

/**
 * A misspelt setting is off without a word: no encryption, no limit.
 *
 * @throws SettingsError for every variable HTTP_TASKS_… that is not a setting.
 */
function checkNames(io: Io): void {
  const unknown = unknownSettings(io.env);
  if (unknown.length > 0) throw new SettingsError(unknown);
  for (const { setting, message } of nearMisses(io.env, CATALOGUE_SERVICES))
    say(io, printable(`Warning: ${setting} ${message}`));
}

/**
 * An option whose argument is taken as it stands: empty, padded, a digit, or beginning with `-`.
 * Given twice it is refused, because the first one would be dropped without a word.
 */
export function literalOption(flags: string, description: string): Option {
  const option = new Option(flags, description);
  return option.argParser((value: string, previous: string | undefined) => {
    if (previous === undefined) return value;
    throw new Refusal('Usage', `${option.long ?? flags} is given twice; give it once.`);
  });
}

/** Of `--yes`, for every command that asks before it deletes. */
export const YES_HELP = 'start without being asked; required in production without a terminal';

/** What `--verify-removals` means, in every command. */
export const VERIFY_HELP =
  'all, or unsure: do not look again at lists whose removals all had a good response (else all)';

/** Which providers and steps take part, wherever users are offboarded; lists with commas. */
export interface StepOptions {
  only?: string;
  include?: string;
  exclude?: string;
}

/** Adds `--only`, `--include` and `--exclude`. */
export function addStepOptions(command: Command): Command {
  return command
    .addOption(
      literalOption('--only <providers>', 'only these providers, separated by commas (else all of the worker)'),
    )
    .addOption(literalOption('--include <steps>', 'optional steps to run, separated by commas'))
    .addOption(
      literalOption(
        '--exclude <steps>',
        'steps to leave out, separated by commas, such as plaid.products for a Plaid account without that route',
      ),
    );
}

/** Returns the fields of an input that these options give. */
export function stepFieldsOf({ only, include, exclude }: StepOptions): Record<string, string[] | undefined> {
  return { providers: only?.split(','), include: include?.split(','), exclude: exclude?.split(',') };
}

/** An option that may be given several times; each argument is taken literally. */
export function repeatedOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, previous: readonly string[] | undefined) => [
    ...(previous ?? []),
    value,
  ]);
}

/** A whole number from an option, within bounds. */
export function wholeNumber(option: string, text: string, bounds: { min: number; max: number }): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= bounds.min && number <= bounds.max) return number;
  throw new Refusal('Usage', `${option} must be a whole number from ${bounds.min} to ${bounds.max}, not "${text}".`);
}
