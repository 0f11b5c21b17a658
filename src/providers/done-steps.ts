import type { DoneStep, StepPlan } from '../policy/providers/step-plan';
import { batchProvider } from './batch/provider';
import { builtInStepPlan } from './built-in';
import type { BuiltInChoices } from './built-in';

/**
 * Returns the steps of a plan that an earlier end must have done before a user counts as done, for a user with an ID at
 * each provider. Steps that are always skipped are none of them.
 */
export function doneStepsOf({ steps }: StepPlan): DoneStep[] {
  return steps.flatMap(({ kind, provider, step, task, skips, ...rest }) => {
    const isSkipped = skips.some(({ without }) => without === undefined);
    const isPlaceholder = kind === 'manual' && 'title' in rest && rest.title === '';
    // Of a list of IDs every entry has to have a receipt of its own.
    const isEach = kind === 'once' && 'each' in rest && rest.each !== undefined;
    if (isSkipped || isPlaceholder || isEach) return [];
    // A request that a provider has accepted is another deletion than a call with the same step's name.
    return [{ service: provider, step, ...(kind === 'request' && { task }) }];
  });
}

/**
 * Returns {@link doneStepsOf} for the providers that come with the package.
 *
 * @param batchApps The names of the worker's Batch app keys; undefined when they are not known, and then no earlier end
 *   has done a user at Batch.
 */
export function stepsToHaveDone(
  choices: Omit<BuiltInChoices, 'batchApps'>,
  batchApps: readonly string[] | undefined,
): DoneStep[] {
  const steps = doneStepsOf(builtInStepPlan({ ...choices, batchApps: batchApps ?? ['default'] }));
  if (batchApps !== undefined) return steps;
  const { name } = batchProvider();
  return steps.map((step) => (step.service === name ? { ...step, step: `${name}.` } : step));
}
