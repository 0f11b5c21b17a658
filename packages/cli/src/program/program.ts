import { Command, CommanderError } from 'commander';
import { packageVersion } from 'temporal-http-tasks/internal/package-version';
import { printableLines } from 'temporal-http-tasks/internal/policy/printable';
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
    await program.parseAsync([...argv], { from: 'user' });
    return io.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const { exitCode, report } = reportOf(error instanceof CommanderError ? usageRefusal(error, definition) : error);
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

/** A command line in the examples of a command's help. */
const EXAMPLE = /^ {2}\$ .*$/gm;

function buildProgram(io: Io, { name, description }: ProgramDefinition): Command {
  const program = new Command(name)
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

function usageRefusal(error: CommanderError, { name }: ProgramDefinition): Refusal {
  if (error.code === 'commander.help') return new Refusal('Usage', `Name a command; see ${name} --help.`);
  // `--opton=value`: the value may be an ID or a token.
  const message = error.message.replace(/^error: /, '').replace(/'(--[^'=]+)=.*'/s, "'$1'");
  return new Refusal('Usage', `${message.charAt(0).toUpperCase()}${message.slice(1)}`);
}

/**
 * Returns whether `--json` was given, also on a command line that could not be parsed to its end. A `--json` that is
 * the argument of an option does not count.
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
