import type { Command } from 'commander';
import { describeCommand, onRun } from './command';
import type { Io } from './io';
import { printJson } from './output';
import { addProvidersOption } from './providers-option';
import type { ProvidersOptions } from './providers-option';
import { addTemporalOptions, temporalEnv } from './temporal-options';
import type { TemporalOptions } from './temporal-options';

/** `http-tasks worker`: polls the task queue until it is asked to stop. */
export function defineWorkerCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description:
      'Reads its settings from the environment and reports everything that is missing before it polls. Logs to stderr. Ctrl-C ends it after the calls in flight. HTTP_TASKS_SERVICES chooses services; only those need keys.',
    examples: [
      'HTTP_TASKS_SERVICES=batch http-tasks worker',
      'http-tasks worker --providers ./courier.provider.yaml',
      'TEMPORAL_ADDRESS=localhost:7233 http-tasks worker',
    ],
  });
  addProvidersOption(command);
  addTemporalOptions(command);
  onRun<ProvidersOptions & TemporalOptions>(command, io, async ({ json, providers, address, namespace, profile }) => {
    const { readTemporalConfig } = await import('./temporal-config.js');
    const { where } = readTemporalConfig(io, { address, namespace, profile });
    const [{ exitSoon, runWorker }, { asCommandFailure }] = await Promise.all([
      import('./worker-process/run-worker.js'),
      import('./temporal-failure.js'),
    ]);
    const { findProviders } = await import('./providers/find-providers.js');
    const found = await findProviders(io, providers);
    const env = { ...io.env, ...temporalEnv({ address, namespace, profile }) };
    const own = found.map(({ provider }) => provider);
    await runWorker(env, own).catch((error: unknown) => {
      exitSoon();
      throw asCommandFailure(error, where);
    });
    if (json) printJson(io, { stopped: true });
    return 0;
  });
}
