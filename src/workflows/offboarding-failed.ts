import { ApplicationFailure } from '@temporalio/workflow';
import { OFFBOARDING_FAILED } from '../policy/failure-types';
import type { OffboardResult } from '../policy/offboard-result';
import { withoutItemIds } from './saga';

/**
 * Returns the failure of a run in which a step failed and none succeeded. It is a failure and not a result, so that a
 * Schedule's pause-on-failure applies; its details contain the result, without any ID.
 */
export function offboardingFailed(result: OffboardResult): ApplicationFailure {
  const failed = result.steps.filter(({ outcome }) => outcome === 'failed');
  const causes = failed.map(
    ({ step, failure, reason }) => `${step} (${failure?.code ?? failure?.type ?? reason ?? 'failed'})`,
  );
  return ApplicationFailure.create({
    type: OFFBOARDING_FAILED,
    message: `Nothing was offboarded: ${causes.join(', ')}. The details list each step and what to do about it.`,
    nonRetryable: true,
    details: [{ ...result, steps: result.steps.map(withoutItemIds) }],
  });
}
