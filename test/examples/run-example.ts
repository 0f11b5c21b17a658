import { setTimeout as delay } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { Worker } from '@temporalio/worker';
import { temporalAddress } from '../support/temporal';

/** Runs an example's worker until `stop`. */
export async function runExample(
  create: (connection: NativeConnection) => Promise<Worker>,
): Promise<{ stop(): Promise<void> }> {
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  const worker = await create(connection);
  const run = worker.run();
  while (worker.getState() === 'INITIALIZED') await Promise.race([run, delay(5)]);
  return {
    stop: async () => {
      worker.shutdown();
      await run;
      await connection.close();
    },
  };
}
