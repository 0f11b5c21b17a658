import { ApplicationFailure } from '@temporalio/workflow';
import { OFFBOARDING_FAILED } from '../policy/failure-types';
import type { OffboardResult } from '../policy/offboard-result';
import { withoutItemIds } from './saga';

/**
 * The failure of such a run. A failure, not a result, so that a Schedule's pause-on-failure sees it; the result stands
 * in its details, without any id.
 */
export function offboardingFailed(result: OffboardResult): ApplicationFailure {
  const failed = result.steps.filter(({ outcome }) => outcome === 'failed');
  const causes = failed.map(
    ({ step, failure, reason }) => `${step} (${failure?.code ?? failure?.type ?? reason ?? 'failed'})`,
  );
  return ApplicationFailure.create({
    type: OFFBOARDING_FAILED,
    message: `Nothing was off-boarded: ${causes.join(', ')}. The details hold each step and what to do about it.`,
    nonRetryable: true,
    details: [{ ...result, steps: result.steps.map(withoutItemIds) }],
  });
}
