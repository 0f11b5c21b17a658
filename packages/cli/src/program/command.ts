import { Option } from 'commander';
import type { Command } from 'commander';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { nearMisses, unknownSettings } from 'temporal-http-tasks/internal/config/known-settings';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import { Refusal } from './errors';
import type { ExitCode, Io } from './io';
import { printable, say } from '../terminal/output';

/** Gives a command of the program its help, options and action. Each command has a module of its own that exports one of these. */
export type DefineCommand = (command: Command, io: Io) => void;

/** What every command has. */
export interface CommonOptions {
  json?: boolean;
}

/** Options of a command. Those that several commands share are declared once, as lists. */
export type OptionList = readonly (Option | readonly Option[])[];

/** A command: how `--help` explains it, its options, and what it does. */
export interface CommandDefinition<Options extends CommonOptions> {
  /** Everything to know before running it, below its summary. */
  description?: string;
  /** Command lines that work as they are. */
  examples: readonly string[];
  /** All but `--json`, which every command has. */
  options?: OptionList;
  run: (io: Io, options: Options, args: readonly string[]) => Promise<ExitCode>;
  /** Whether it also runs with an unknown `HTTP_TASKS_*` setting. @default false */
  acceptsUnknownSettings?: boolean;
  /** Commands below it, for example `sweep status`. */
  commands?: readonly Subcommand[];
}

/** A command below another one. */
export interface Subcommand {
  /** With its arguments: `show <task>`. */
  usage: string;
  /** One line, for the list of commands. */
  summary: string;
  define: DefineCommand;
}

/** Defines a command. Its usage and summary are in the list of commands. */
export function defineCommand<Options extends CommonOptions>(definition: CommandDefinition<Options>): DefineCommand {
  const { description, examples, options = [], run, acceptsUnknownSettings = false, commands = [] } = definition;
  return (command, io) => {
    command
      .description([command.summary(), ...(description === undefined ? [] : [description])].join('\n\n'))
      .addHelpText('after', ['', 'Examples:', ...examples.map((line) => `  $ ${line}`)].join('\n'));
    for (const option of options.flat()) command.addOption(option);
    addJsonOption(command).action(async () => {
      // `sweep --json status ID`: what belongs to every command may be given before a command's own name.
      const { json } = command.optsWithGlobals<CommonOptions>();
      if (!acceptsUnknownSettings) checkNames(io);
      io.exitCode = await run(io, { ...command.opts<Options>(), ...(json && { json }) }, command.args);
    });
    if (commands.length > 0) command.hook('preSubcommand', refuseStrayOptions);
    addSubcommands(command, commands, io);
  };
}

/** Defines a command of which only its subcommands do something. */
export function defineGroup(description: string, commands: readonly Subcommand[]): DefineCommand {
  return (command, io) => addSubcommands(command.description(description), commands, io);
}

/** Defines a command below another one. */
export function subcommand<Options extends CommonOptions>(
  usage: string,
  definition: CommandDefinition<Options> & Pick<Subcommand, 'summary'>,
): Subcommand {
  return { usage, summary: definition.summary, define: defineCommand(definition) };
}

function addSubcommands(parent: Command, commands: readonly Subcommand[], io: Io): void {
  for (const { usage, summary, define } of commands) define(parent.command(usage).summary(summary), io);
}

/** Refuses `sweep --watch status ID`, which would drop the option. */
function refuseStrayOptions(command: Command, below: Command): void {
  const stray = Object.keys(command.opts()).find((option) => option !== 'json');
  if (stray === undefined) return;
  const name = command.name();
  throw new Refusal(
    'Usage',
    `${flagOf(stray)} belongs to ${name} itself, not to ${name} ${below.name()}; leave it out or write it after the subcommand.`,
  );
}

/** Returns the flag of an option: `maxUsers` is `--max-users`. */
export function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Adds the option that every command has. */
export function addJsonOption(command: Command): Command {
  return command.option('--json', 'print exactly one JSON document on stdout');
}

/**
 * Refuses misspelt settings, which would be ignored silently: no encryption, no limit.
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
 * An option whose argument is taken literally: empty, padded, a digit, or beginning with `-`. A repeated option is
 * refused, because the first one would be ignored silently.
 */
export function literalOption(flags: string, description: string): Option {
  const option = new Option(flags, description);
  return option.argParser((value: string, previous: string | undefined) => {
    if (previous === undefined) return value;
    throw new Refusal('Usage', `${option.long ?? flags} is given twice; give it once.`);
  });
}

/** Returns the word that an option was given. @throws Refusal for one that is not allowed. */
export function oneOf<Word extends string>(option: string, given: string, words: readonly Word[]): Word {
  const word = words.find((one) => one === given);
  if (word !== undefined) return word;
  throw new Refusal(
    'Usage',
    `${option} must be one of ${words.join(', ')}, not "${given}"${didYouMean(given, words) || '.'}`,
    option.slice(2),
  );
}

/** An option without an argument. */
export function flag(flags: string, description: string): Option {
  return new Option(flags, description);
}

/** `--yes`, of every command that asks before it deletes. */
export const YES_OPTION = flag('--yes', 'start without being asked; required in production without a terminal');

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
