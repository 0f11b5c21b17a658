import { batch } from '../tasks/catalogue';
import { PRODUCTS_STEP, USER_STEP } from './converge';
import { ITEMS_STEP } from './steps/items';

/** A step that an earlier end must have done before a user can be left out as done. */
export interface DoneStep {
  /** The provider; a user without an ID there does not need the step. */
  service: string;
  step: string;
  /** The task by which it must have been done; any when absent. */
  task?: string;
}

/** What decides which steps a user gets. */
export interface StepChoices {
  removeUser: boolean;
  batchMode: 'customData' | 'gdpr' | 'skip';
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
  const atPlaid = [ITEMS_STEP, PRODUCTS_STEP, ...(removeUser ? [USER_STEP] : [])].map((step) => ({
    service: 'plaid',
    step,
  }));
  const task = batchMode === 'gdpr' ? { task: batch.gdprRequestCreate.name } : {};
  const atBatch = (batchApps ?? ['']).map((app) => ({ service: 'batch', step: `batch.${app}`, ...task }));
  return [...atPlaid, ...(batchMode === 'skip' ? [] : atBatch)].filter(({ step }) => !exclude.includes(step));
}
