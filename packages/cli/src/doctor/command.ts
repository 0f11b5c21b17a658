import { defineCommand } from '../program/command';
import type { CommonOptions } from '../program/command';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { PROVIDERS_OPTION } from '../users/options';
import type { ProvidersOptions } from '../users/options';

/** `http-tasks doctor`: checks the environment of a worker. */
export const doctorCommand = defineCommand<CommonOptions & ProvidersOptions & TemporalOptions>({
  description: [
    "Run it with the worker's settings, before a first start or an upgrade. Checks Node.js and package versions, all",
    'settings, the ledger (migrations, subject key, holds of 0.1.0, standing rates), the Temporal server (connection, search',
    'attributes, workers) and the inputs and last runs of schedules. Changes nothing: the ledger is not migrated and no',
    'provider is called. Exits 0 when nothing would fail, 1 otherwise.',
  ].join(' '),
  examples: ['http-tasks doctor', 'http-tasks doctor --json'],
  options: [PROVIDERS_OPTION, TEMPORAL_OPTIONS],
  // Unknown settings are listed with everything else that is wrong.
  acceptsUnknownSettings: true,
  run: async (io, options) => (await import('./run.js')).runDoctor(io, options),
});
