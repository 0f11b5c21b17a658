import { ApplicationFailure } from '@temporalio/common';
import { OFFBOARDING_CONFLICT, OFFBOARDING_FAILED } from '../policy/failure-types';
import type { OffboardResult } from '../policy/offboard-result';
import type { SweepResult } from '../policy/sweep-result';
import { isTaskFailureType } from '../tasks/failure';
import type { TaskFailure, TaskFailureType } from '../tasks/failure';

/** What an operation or a child workflow of this package failed with. Branch on `type`. */
export type OffboardingFailure =
  | { type: typeof OFFBOARDING_FAILED; message: string; result: OffboardResult | SweepResult }
  | { type: typeof OFFBOARDING_CONFLICT; message: string }
  | { type: TaskFailureType; message: string; failure: TaskFailure };

/**
 * The failure behind an error that a Nexus operation or a child workflow brought, however deep it stands: the server and
 * the SDK put failures of their own in front of it. `undefined` for anything else, such as a cancellation or a time-out.
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
