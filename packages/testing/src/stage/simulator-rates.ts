import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { RateLedger } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import type { Simulators } from '../simulators/start-simulators';

/** More calls a minute than any sweep makes. */
const CALLS_A_MINUTE = 6_000_000;

/**
 * Sets standing limits that no sweep reaches, so that a demo, a trial or a benchmark does not begin with the search for a
 * limit that the simulators do not have.
 */
export async function setSimulatorRates(
  { rates }: { readonly rates: Pick<RateLedger, 'setLimit'> },
  { batch }: Pick<Simulators, 'batch'>,
): Promise<void> {
  await rates.setLimit({ service: 'plaid', keySlot: '', limitPerMinute: CALLS_A_MINUTE });
  for (const keySlot of Object.keys(batch.appKeys))
    await rates.setLimit({ service: 'batch', keySlot, limitPerMinute: CALLS_A_MINUTE });
}

/** The same for the ledger of workers with these settings. */
export async function setSimulatorRatesFor(
  settings: Readonly<Record<string, string>>,
  simulators: Pick<Simulators, 'batch'>,
): Promise<void> {
  const ledger = await openLedger({
    url: settings['HTTP_TASKS_LEDGER_URL'] ?? '',
    subjectKey: settings['HTTP_TASKS_SUBJECT_KEY'] ?? '',
  });
  try {
    await setSimulatorRates(ledger, simulators);
  } finally {
    await ledger.close();
  }
}
