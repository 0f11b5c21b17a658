import { Runtime } from '@temporalio/worker';
import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import type { Interruption } from '../interruption';
import { CommandFailure } from '../errors';
import type { Io } from '../io';
import { say } from '../output';
import { readPrebuiltWorkflows } from '../worker-process/prebuilt-workflows';
import { openWorld, QUIET } from '@temporal-http-tasks/testing/internal/faults/places';
import type { World } from '@temporal-http-tasks/testing/internal/faults/places';

/** Brings a Temporal server and a world up, uses it, and ends both, whatever happens. */
export async function withOwnWorld<T>(
  io: Io,
  { signal, wished }: Interruption,
  use: (world: World, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Attempts fail by the thousand here, on purpose.
  Runtime.install({ logger: QUIET, telemetryOptions: { logging: { filter: 'off', forward: {} } } });
  const binary = await findTemporalServer({ report: (line) => say(io, line) });
  const server = await startTemporalServer({ binary: binary.path });
  try {
    say(io, 'Bundling the workflows');
    const { bundle } = await readPrebuiltWorkflows({ encrypted: false, traced: false });
    const world = await openWorld({ address: server.address, ...(bundle && { bundle }) });
    try {
      const end = await Promise.race([use(world, signal), wished]);
      if (end === 'interrupted')
        throw new CommandFailure(
          'Interrupted',
          'Stopped before everything was tried. Workers, simulators and server are ended.',
        );
      return end;
    } finally {
      await world.close();
    }
  } finally {
    await server.stop();
  }
}
