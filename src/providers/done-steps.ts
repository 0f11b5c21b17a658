import type { DoneStep } from '../policy/done-steps';
import { batch } from '../tasks/catalogue';
import { PLAID_STEPS } from './plaid';

/** What decides which steps a user gets. */
export interface StepChoices {
  removeUser: boolean;
  batchMode: 'customData' | 'gdpr' | 'both' | 'skip';
  /** Steps that are left out. */
  exclude?: readonly string[] | undefined;
}

/**
 * Returns the steps that a sweep would make for a user with an ID at each provider.
 *
 * @param batchApps The names of the worker's Batch app keys; undefined when they are not known, and then no earlier end
 *   has done a user at Batch.
 */
export function stepsToHaveDone(
  { removeUser, batchMode, exclude = [] }: StepChoices,
  batchApps: readonly string[] | undefined,
): DoneStep[] {
  const atPlaid = [PLAID_STEPS.items, PLAID_STEPS.products, ...(removeUser ? [PLAID_STEPS.user] : [])].map((step) => ({
    service: 'plaid',
    step,
  }));
  const task = batchMode === 'gdpr' ? { task: batch.gdprRequestCreate.name } : {};
  const atBatch = (batchApps ?? ['']).flatMap((app) => [
    { service: 'batch', step: `batch.${app}`, ...task },
    ...(batchMode === 'both' ? [{ service: 'batch', step: `batch.${app}-gdpr` }] : []),
  ]);
  return [...atPlaid, ...(batchMode === 'skip' ? [] : atBatch)].filter(({ step }) => !exclude.includes(step));
}
