import { ApplicationFailure } from '@temporalio/common';
import { OFFBOARDING_CONFLICT, OFFBOARDING_FAILED } from '../policy/offboard-result';
import type { OffboardResult } from '../policy/offboard-result';
import type { SweepResult } from '../policy/sweep-result';
import { isTaskFailureType } from '../tasks/failure';
import type { TaskFailure, TaskFailureType } from '../tasks/failure';

/** The failure of an operation or a child workflow of this package. Branch on `type`. */
export type OffboardingFailure =
  | { type: typeof OFFBOARDING_FAILED; message: string; result: OffboardResult | SweepResult }
  | { type: typeof OFFBOARDING_CONFLICT; message: string }
  | { type: TaskFailureType; message: string; failure: TaskFailure };

/**
 * Returns the failure behind an error of a Nexus operation or a child workflow, however deep it is: the server and the
 * SDK wrap failures in their own. `undefined` for anything else, such as a cancellation or a timeout.
 */
export function offboardingFailureOf(error: unknown): OffboardingFailure | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const failure = cause instanceof ApplicationFailure ? readFailure(cause) : undefined;
    if (failure) return failure;
  }
  return undefined;
}

function readFailure({ type, message, details }: ApplicationFailure): OffboardingFailure | undefined {
  if (type === OFFBOARDING_FAILED) return { type, message, result: details?.[0] as OffboardResult | SweepResult };
  if (type === OFFBOARDING_CONFLICT) return { type, message };
  if (!isTaskFailureType(type)) return undefined;
  const failure = { service: '', ...(details?.[0] as Partial<TaskFailure> | undefined), type };
  return { type, message, failure: { ...failure, message: failure.message ?? message } };
}
