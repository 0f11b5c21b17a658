import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES } from '../../ledger/databases';
import { openChunkPlace } from './chunk-place';
import type { ChunkPlace } from './chunk-place';

/** A ledger in one of the databases, with providers of its own. */
export interface DatabasePlace {
  url: string;
  simulators: Simulators;
  place: ChunkPlace;
}

/** Does the same over a ledger in each database, in both concurrently: it is waiting that takes the time here. */
export async function overEachDatabase(work: (given: DatabasePlace) => Promise<void>): Promise<void> {
  const ends = await Promise.allSettled(
    DATABASES.map(async ({ name, freshUrl }) => {
      const url = await freshUrl();
      const simulators = await startSimulators({ plaid: { repeatedRemovals: 'process' } });
      const place = await openChunkPlace(simulators, url);
      try {
        await work({ url, simulators, place });
      } catch (error) {
        if (error instanceof Error) error.message = `In ${name}: ${error.message}`;
        throw error;
      } finally {
        await place.close();
        await simulators.close();
      }
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
