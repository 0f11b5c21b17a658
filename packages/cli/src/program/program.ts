import { Command, CommanderError } from 'commander';
import type { Option } from 'commander';
import { packageVersion } from 'temporal-http-tasks/internal/package-version';
import { printableLines } from 'temporal-http-tasks/internal/policy/printable';
import { didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import { addJsonOption } from './command';
import { COMMANDS } from './command-list';
import type { ListedCommand } from './command-list';
import { Refusal, reportOf } from './errors';
import type { ExitCode, Io } from './io';
import { asTyped, printJson, say, sayLines } from '../terminal/output';
import { readDevEnvironment } from '../dev/dev-environment';

/** A program of commands: its name in the help, and its commands. */
export interface ProgramDefinition {
  name: string;
  description: string;
  commands: readonly ListedCommand[];
}

const HTTP_TASKS: ProgramDefinition = {
  name: 'http-tasks',
  description:
    'HTTP APIs as durable Temporal tasks, and workflows that offboard users from Plaid, Batch and any other provider.',
  commands: COMMANDS,
};

/** Runs one command line and returns its exit code; never rejects. */
export async function runCommandLine(
  argv: readonly string[],
  given: Io,
  definition: ProgramDefinition = HTTP_TASKS,
): Promise<ExitCode> {
  const io: WritableIo = { ...given, run: (words, other) => runCommandLine(words, other, definition) };
  const program = buildProgram(io, definition);
  try {
    // A command that runs another one has read it.
    if (definition === HTTP_TASKS && !given.run) useDevEnvironment(io, argv);
    await addCommands(program, argv, io, definition);
    const missing = missingValue(program, argv, (word) => SAFEGUARDS.has(word));
    if (missing) throw missing;
    await program.parseAsync([...argv], { from: 'user' });
    return io.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const { exitCode, report } = reportOf(error instanceof CommanderError ? usageRefusal(error, program, argv) : error);
    if (wantsJson(program, argv)) printJson(io, { error: report });
    else sayLines(io, report.message);
    return exitCode;
  }
}

type WritableIo = { -readonly [Key in keyof Io]: Io[Key] };

/** Uses the settings of an `http-tasks dev` that runs in this folder, and reports it. */
function useDevEnvironment(io: WritableIo, argv: readonly string[]): void {
  const [command] = argv.filter((word) => !word.startsWith('-'));
  if (command === undefined || command === 'help' || argv.includes('--help')) return;
  const { env, note } = readDevEnvironment(command, process.cwd(), io.env);
  io.env = env;
  if (note !== undefined) say(io, note);
}

/**
 * A command whose arguments may begin with `-`, as the IDs of some providers do and one of 64 user references. No
 * option has one dash, except `-h`; a word that only lacks the second one (`-json`) stays an unknown option.
 */
class CommandWithIds extends Command {
  override createCommand(name?: string): CommandWithIds {
    return new CommandWithIds(name);
  }

  override parseOptions(argv: string[]): ReturnType<Command['parseOptions']> {
    const marked = this.registeredArguments.length > 0 ? this.#markIds(argv) : argv;
    const { operands, unknown } = super.parseOptions(marked);
    return { operands: operands.map(unmarked), unknown: unknown.map(unmarked) };
  }

  #markIds(argv: readonly string[]): string[] {
    const words = [...argv];
    for (let at = 0; at < words.length; at += 1) {
      const word = words[at] ?? '';
      if (word === '--') break;
      const option = optionNamed(this, word);
      if (option?.required) at += 1;
      else if (!option && isId(word) && !this.options.some(({ long }) => long === `-${word}`)) words[at] = ID + word;
    }
    return words;
  }
}

/** In front of an argument that begins with `-`. No word of a process contains it. */
const ID = '\0';

function isId(word: string): boolean {
  // The second form is a user reference, which is as long as this; options have small letters only.
  return /^-[^-]./s.test(word) || /^-(?=.*[A-Z0-9_])[\w-]{23}$/.test(word);
}

function optionNamed({ options }: Command, word: string): Option | undefined {
  return options.find(({ long, short }) => word === long || word === short);
}

function unmarked(word: string): string {
  return word.startsWith(ID) ? word.slice(ID.length) : word;
}

/** A command line in the examples of a command's help. */
const EXAMPLE = /^ {2}\$ .*$/gm;

function buildProgram(io: Io, { name, description }: ProgramDefinition): Command {
  const program = new CommandWithIds(name)
    .description(description)
    .version(packageVersion(), '--version', 'print the version')
    .addHelpText('after', `\n${name} COMMAND --help shows the options of a command, with examples.`)
    // A word behind a command belongs to the command: `offboard --note --version` is a note.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(printableLines(text.replace(EXAMPLE, (line) => asTyped(io, line)))),
      // Help that was not requested goes to stderr; errors are printed once, by us.
      writeErr: (text) => io.stderr.write(printableLines(text)),
      outputError: () => undefined,
    });
  return program;
}

/** Adds all commands. Only the one that a command line names is complete; the others are listed, which loads nothing. */
async function addCommands(
  program: Command,
  argv: readonly string[],
  io: Io,
  { commands }: ProgramDefinition,
): Promise<void> {
  const [first, second] = argv.filter((word) => !word.startsWith('-'));
  const named = first === 'help' ? second : first;
  for (const { usage, summary, group, isGroup, load } of commands) {
    const command = program.command(usage).summary(summary);
    if (group !== undefined) command.helpGroup(`${group}:`);
    if (command.name() === named) (await load())(command, io);
    else if (!isGroup) addJsonOption(command);
  }
}

function usageRefusal(error: CommanderError, program: Command, argv: readonly string[]): Refusal {
  if (error.code === 'commander.help') return new Refusal('Usage', `Name a command; see ${program.name()} --help.`);
  const reason = missingValue(program, argv) ?? unknownSubcommand(program, argv) ?? valueOfFlag(program, argv);
  if (reason) return reason;
  const message = error.message.replace(/^error: /, '');
  // `--opton=value`: the value may be an ID or a token.
  const shown = error.code === 'commander.unknownOption' ? message.replace(/'(--[^'=]+)=.*'/s, "'$1'") : message;
  return new Refusal('Usage', `${shown.charAt(0).toUpperCase()}${shown.slice(1)}`);
}

/** Returns what is wrong with `--dry-run=false`. */
function valueOfFlag(program: Command, argv: readonly string[]): Refusal | undefined {
  for (const { word, command } of wordsIn(program, argv)) {
    const name = /^(--[^=]+)=/.exec(word)?.[1];
    if (command.options.some(({ long, required, optional }) => long === name && !required && !optional))
      return new Refusal('Usage', `${name} takes no value: write ${name}, or leave it out.`, name?.slice(2));
  }
  return undefined;
}

/** Options without which more is deleted, or sooner. */
const SAFEGUARDS: ReadonlySet<string> = new Set([
  '--dry-run',
  '--approval',
  '--paused',
  '--only',
  '--exclude',
  '--max-users',
]);

/**
 * Returns what is wrong with `--note --dry-run`, in which a value is missing, for example because a shell variable is
 * empty: users would be deleted, with `--dry-run` as the note. Any other argument is taken literally.
 */
function missingValue(
  program: Command,
  argv: readonly string[],
  isOption = (_word: string): boolean => true,
): Refusal | undefined {
  for (const { word, value, command } of wordsIn(program, argv))
    if (value !== undefined && isOption(value) && command.options.some(({ long }) => long === value))
      return new Refusal(
        'Usage',
        `${word} has no value: ${value} is an option too. If it is the value, write ${word}=${value}.`,
        word.replace(/^--/, ''),
      );
  return undefined;
}

/** Returns what is wrong with `sweep stauts ID`, which is not `sweep` with an argument: it takes none. */
function unknownSubcommand(program: Command, argv: readonly string[]): Refusal | undefined {
  for (const { word, command } of wordsIn(program, argv)) {
    const { commands, registeredArguments } = command;
    if (command === program || commands.length === 0 || registeredArguments.length > 0 || word.startsWith('-'))
      continue;
    const names = commands.map((known) => known.name());
    if (names.includes(word)) continue;
    const meant = didYouMean(word, names);
    return new Refusal(
      'Usage',
      `${command.name()} has no command "${word}"; allowed: ${names.join(', ')}${meant || '.'}`,
    );
  }
  return undefined;
}

interface CommandWord {
  word: string;
  /** The argument behind an option that takes one. */
  value?: string | undefined;
  /** The command that the word belongs to. */
  command: Command;
}

/** Returns the words of a command line up to `--`, arguments of options with their option, also where it cannot be parsed. */
function* wordsIn(program: Command, argv: readonly string[]): Generator<CommandWord> {
  let command = program;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--') return;
    const option = optionNamed(command, word);
    if (option?.required) at += 1;
    yield { word, command, ...(option?.required && { value: argv[at] }) };
    if (!option) command = command.commands.find((known) => known.name() === word) ?? command;
  }
}

/**
 * Returns whether `--json` was given, also on a command line that could not be parsed to its end. A `--json` that is
 * the argument of an option does not count.
 */
export function wantsJson(program: Command, argv: readonly string[]): boolean {
  for (const { word } of wordsIn(program, argv)) if (word === '--json') return true;
  return false;
}
