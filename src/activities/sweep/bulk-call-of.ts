import type { RecordBulk } from '../../ledger/sweeps/sweep-types';
import { batch } from '../../tasks/catalogue';
import type { SweepDependencies } from './sweep-dependencies';

/** What all receipts of bulk calls for one app share. */
export function bulkCallOf(
  app: string,
  services: SweepDependencies['services'],
): Pick<RecordBulk, 'app' | 'step' | 'task' | 'service' | 'environment' | 'keySlot'> {
  const { name, service } = batch.customDataBulkDelete;
  const environment = services.get(service.name)?.environment ?? service.defaultEnvironment ?? 'default';
  return { app, step: `batch.${app}`, task: name, service: service.name, environment, keySlot: app };
}
