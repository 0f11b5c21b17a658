import { Command, CommanderError } from 'commander';
import { registerBenchCommand } from './bench';
import { registerCallCommand } from './call';
import { registerCodecServerCommand } from './codec-server';
import type { RegisterCommand } from './command';
import { registerConsoleCommand } from './console';
import { registerDemoCommand } from './demo';
import { registerDevCommand } from './dev';
import { Refusal, reportOf } from './errors';
import { registerFaultsCommand } from './faults';
import { registerHoldCommand } from './hold';
import { registerImportCommand } from './import';
import type { ExitCode, Io } from './io';
import { registerLedgerCommand } from './ledger';
import { registerLinksCommand } from './links';
import { registerListCommand } from './list';
import { registerListRunsCommand } from './list-runs';
import { registerNexusCommand } from './nexus';
import { registerOffboardCommand } from './offboard';
import { printJson, sayLines } from './output';
import { printableLines } from '../policy/printable';
import { packageVersion } from './package-version';
import { registerRateCommand } from './rate';
import { registerReceiptsCommand } from './receipts';
import { registerScheduleCommand } from './schedule';
import { registerShowCommand } from './show';
import { registerSimulateCommand } from './simulate';
import { registerSnippetCommand } from './snippet';
import { registerStopCommands } from './stop';
import { registerSweepCommand } from './sweep';
import { registerVerifyCommand } from './verify';
import { wantsJson } from './wants-json';
import { registerWorkerCommand } from './worker';

/** In the order in which `--help` lists them. */
const COMMANDS: readonly RegisterCommand[] = [
  registerDemoCommand,
  registerDevCommand,
  registerBenchCommand,
  registerFaultsCommand,
  registerWorkerCommand,
  registerSimulateCommand,
  registerCodecServerCommand,
  registerListCommand,
  registerShowCommand,
  registerCallCommand,
  registerSnippetCommand,
  registerConsoleCommand,
  registerImportCommand,
  registerOffboardCommand,
  registerSweepCommand,
  registerScheduleCommand,
  registerListRunsCommand,
  registerLinksCommand,
  registerNexusCommand,
  registerReceiptsCommand,
  registerVerifyCommand,
  registerHoldCommand,
  registerLedgerCommand,
  registerRateCommand,
  registerStopCommands,
];

/** Runs one command line and answers its exit code; never rejects. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<ExitCode> {
  const program = buildProgram(io);
  try {
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
  for (const register of COMMANDS) register(program, io);
  return program;
}

function usageRefusal(error: CommanderError): Refusal {
  if (error.code === 'commander.help') return new Refusal('Usage', 'Name a command; see http-tasks --help.');
  // `--opton=value`: the value may be an id or a token.
  const message = error.message.replace(/^error: /, '').replace(/'(--[^'=]+)=.*'/s, "'$1'");
  return new Refusal('Usage', `${message.charAt(0).toUpperCase()}${message.slice(1)}`);
}
