import { startBatchSimulator } from './batch/batch-simulator';
import type { BatchSimulator, BatchSimulatorOptions } from './batch/batch-simulator';
import { startPlaidSimulator } from './plaid/plaid-simulator';
import type { PlaidSimulator, PlaidSimulatorOptions } from './plaid/plaid-simulator';

/** Options of both simulators. A port given here overrides the one in `plaid` or `batch`. */
export interface SimulatorsOptions {
  plaidPort?: number;
  batchPort?: number;
  plaid?: PlaidSimulatorOptions;
  batch?: BatchSimulatorOptions;
}

/** Both simulators, started together. */
export interface Simulators {
  plaid: PlaidSimulator;
  batch: BatchSimulator;
  close(): Promise<void>;
}

/** Starts both simulators on the loopback interface. If one cannot start, the other is closed. */
export async function startSimulators(options: SimulatorsOptions = {}): Promise<Simulators> {
  const plaid = await startPlaidSimulator(withPort(options.plaid, options.plaidPort));
  try {
    const batch = await startBatchSimulator(withPort(options.batch, options.batchPort));
    return {
      plaid,
      batch,
      close: async () => {
        await Promise.all([plaid.close(), batch.close()]);
      },
    };
  } catch (error) {
    await plaid.close();
    throw error;
  }
}

function withPort<T extends { port?: number }>(options: T | undefined, port: number | undefined): T | undefined {
  return port === undefined ? options : ({ ...options, port } as T);
}
