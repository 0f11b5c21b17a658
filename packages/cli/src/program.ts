import { Command, CommanderError } from 'commander';
import { printableLines } from 'temporal-http-tasks/internal/policy/printable';
import { addJsonOption } from './command';
import { COMMANDS } from './command-list';
import { Refusal, reportOf } from './errors';
import type { ExitCode, Io } from './io';
import { printJson, sayLines } from './output';
import { packageVersion } from 'temporal-http-tasks/internal/package-version';
import { wantsJson } from './wants-json';

/** Runs one command line and answers its exit code; never rejects. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<ExitCode> {
  const program = buildProgram(io);
  try {
    await addCommands(program, argv, io);
    await program.parseAsync([...argv], { from: 'user' });
    return io.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const { exitCode, report } = reportOf(error instanceof CommanderError ? usageRefusal(error) : error);
    if (wantsJson(program, argv)) printJson(io, { error: report });
    else sayLines(io, report.message);
    return exitCode;
  }
}

function buildProgram(io: Io): Command {
  const program = new Command('http-tasks')
    .description('HTTP APIs as durable Temporal tasks, and workflows that off-board users from Plaid and Batch.')
    .version(packageVersion(), '--version', 'print the version')
    // A word behind a command belongs to the command: `offboard --note --version` is a note.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(printableLines(text)),
      // Help that nobody asked for goes to stderr; errors are printed once, by us.
      writeErr: (text) => io.stderr.write(printableLines(text)),
      outputError: () => undefined,
    });
  return program;
}

/** Adds all commands. Only the one that a command line names is complete; the others are listed, which loads nothing. */
async function addCommands(program: Command, argv: readonly string[], io: Io): Promise<void> {
  const [first, second] = argv.filter((word) => !word.startsWith('-'));
  const named = first === 'help' ? second : first;
  for (const { usage, summary, isGroup, load } of COMMANDS) {
    const command = program.command(usage).summary(summary);
    if (command.name() === named) (await load())(command, io);
    else if (!isGroup) addJsonOption(command);
  }
}

function usageRefusal(error: CommanderError): Refusal {
  if (error.code === 'commander.help') return new Refusal('Usage', 'Name a command; see http-tasks --help.');
  // `--opton=value`: the value may be an id or a token.
  const message = error.message.replace(/^error: /, '').replace(/'(--[^'=]+)=.*'/s, "'$1'");
  return new Refusal('Usage', `${message.charAt(0).toUpperCase()}${message.slice(1)}`);
}
