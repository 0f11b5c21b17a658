import type { Command } from 'commander';
import { describeCommand, onRun } from './command';
import type { CommonOptions } from './command';
import type { ExitCode, Io } from './io';
import { addProvidersOption } from './providers-option';
import type { ProvidersOptions } from './providers-option';
import { addTemporalOptions } from './temporal-options';
import type { TemporalOptions } from './temporal-options';

/** `http-tasks doctor`: checks the environment of a worker. */
export function defineDoctorCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description: [
      "Run it with the worker's settings, before a first start or an upgrade. Checks Node.js and package versions, all",
      'settings, the ledger (migrations, subject key, holds of 0.1.0, standing rates), the Temporal server (connection, search',
      'attributes, workers) and the inputs and last runs of schedules. Changes nothing: the ledger is not migrated and no',
      'provider is called. Exits 0 when nothing would fail, 1 otherwise.',
    ].join(' '),
    examples: ['http-tasks doctor', 'http-tasks doctor --json'],
  });
  addProvidersOption(command);
  addTemporalOptions(command);
  const run = async (options: CommonOptions & ProvidersOptions & TemporalOptions): Promise<ExitCode> => {
    const { runDoctor } = await import('./doctor/run-doctor.js');
    return runDoctor(io, options);
  };
  // Unknown settings are listed with everything else that is wrong.
  onRun(command, io, run, { refusesUnknownSettings: false });
}
