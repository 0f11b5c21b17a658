/**
 * `temporal-http-tasks/nexus`: the contract of the Nexus service, for workflows that call it from another namespace. It
 * is small and safe in Temporal's sandbox; a caller needs nothing else from this package.
 */
export { offboardingService } from './workflows/nexus-service';
export { offboardingFailureOf } from './workflows/offboarding-failure';
export { OFFBOARDING_CONFLICT, OFFBOARDING_FAILED } from './policy/offboard-result';
export type { OffboardingFailure } from './workflows/offboarding-failure';
export type { TaskEnvelope } from './activities/contract';
export type { OffboardUserInput } from './policy/offboard-input';
export type { CompensationLine, OffboardResult, StepResult } from './policy/offboard-result';
export type { Outcome, RunStatus } from './policy/outcome';
export type { RunHttpTaskInput } from './policy/run-http-task-input';
export type { OffboardUsersInput } from './policy/sweep-input';
export type { OutcomeCounts, SweepResult, SweepStatus } from './policy/sweep-result';
export type { TaskFailure, TaskFailureType } from './tasks/failure';
