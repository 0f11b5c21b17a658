import type { WorkerOptions } from '@temporalio/worker';

const OWN = new WeakSet<object>();

/** Records that this bundle contains the package's workflows and no others, so that it needs no check. */
export function markOwnBundle(bundle: object): void {
  OWN.add(bundle);
}

/** Whether {@link markOwnBundle} was called with this bundle. */
export function isOwnBundle(bundle: WorkerOptions['workflowBundle']): boolean {
  return bundle !== undefined && OWN.has(bundle);
}
