import { Runtime } from '@temporalio/worker';
import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import type { Interruption } from '../terminal/interruption';
import { CommandFailure } from '../program/errors';
import type { Io } from '../program/io';
import { say } from '../terminal/output';
import { readPrebuiltWorkflows } from '../worker-process/prebuilt-workflows';
import { QUIET } from '@temporal-http-tasks/testing/internal/faults/places';
import type { Stage, StageOptions } from '@temporal-http-tasks/testing/internal/faults/places';

/** Starts a Temporal server and a stage, uses the stage, and always ends both. */
export async function withOwnStage<S extends Stage, T>(
  io: Io,
  { signal, wished }: Interruption,
  open: (at: Pick<StageOptions, 'address' | 'bundle'>) => Promise<S>,
  use: (stage: S, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Attempts fail by the thousand here, on purpose.
  Runtime.install({ logger: QUIET, telemetryOptions: { logging: { filter: 'off', forward: {} } } });
  const binary = await findTemporalServer({ report: (line) => say(io, line) });
  const server = await startTemporalServer({ binary: binary.path });
  try {
    say(io, 'Bundling the workflows');
    const { bundle } = await readPrebuiltWorkflows({ encrypted: false, traced: false });
    const stage = await open({ address: server.address, bundle });
    try {
      const end = await Promise.race([use(stage, signal), wished]);
      if (end === 'interrupted')
        throw new CommandFailure(
          'Interrupted',
          'Stopped before everything was tried. Workers, simulators and server have ended.',
        );
      return end;
    } finally {
      await stage.close();
    }
  } finally {
    await server.stop();
  }
}
