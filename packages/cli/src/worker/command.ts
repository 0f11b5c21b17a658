import { defineCommand } from '../program/command';
import { TEMPORAL_OPTIONS, temporalEnv } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { printJson } from '../terminal/output';
import { PROVIDERS_OPTION } from '../users/options';
import type { ProvidersOptions } from '../users/options';

/** `http-tasks worker`: polls the task queue until it is asked to stop. */
export const workerCommand = defineCommand<ProvidersOptions & TemporalOptions>({
  description:
    'Reads its settings from the environment and reports everything that is missing before it polls. Logs to ' +
    'stderr. Ctrl-C ends it after the calls in flight. HTTP_TASKS_SERVICES chooses services; only those need ' +
    'keys.',
  examples: [
    'HTTP_TASKS_SERVICES=batch http-tasks worker',
    'http-tasks worker --providers ./courier.provider.yaml',
    'TEMPORAL_ADDRESS=localhost:7233 http-tasks worker',
  ],
  options: [PROVIDERS_OPTION, TEMPORAL_OPTIONS],
  run: async (io, { json, providers, address, namespace, profile }) => {
    const { readTemporalConfig } = await import('../temporal/config.js');
    const { where } = readTemporalConfig(io, { address, namespace, profile });
    const [{ exitSoon, runWorker }, { asCommandFailure }] = await Promise.all([
      import('../worker-process/run-worker.js'),
      import('../temporal/failure.js'),
    ]);
    const { findProviders } = await import('../providers/find-providers.js');
    const found = await findProviders(io, providers);
    const env = { ...io.env, ...temporalEnv({ address, namespace, profile }) };
    const own = found.map(({ provider }) => provider);
    await runWorker(env, own).catch((error: unknown) => {
      exitSoon();
      throw asCommandFailure(error, where);
    });
    if (json) printJson(io, { stopped: true });
    return 0;
  },
});
