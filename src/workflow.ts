/**
 * The sandbox-safe entry point of the package. Import it in workflow code, and re-export it from the file that your
 * worker bundles: `export * from 'temporal-http-tasks/workflow'`.
 */
export { offboardUser } from './workflows/offboard-user';
export { offboardUsers } from './workflows/offboard-users';
export { runHttpTask } from './workflows/run-http-task';
export { httpPages } from './workflows/http-task';
export { httpTask } from './workflows/http-task';
export { pollHttpTask } from './workflows/http-task';
export { httpTasksWorkflows } from './workflows/package-workflows';
export { completeStepUpdate } from './workflows/manual-steps';
export { compensationsQuery, progressQuery, receiptsQuery } from './workflows/progress';
export {
  approveUpdate,
  pauseUpdate,
  resumeUpdate,
  setRateUpdate,
  sweepProgressQuery,
} from './workflows/sweep/sweep-control';
export { taskFailureOf } from './workflows/failure-of';
export { offboardingFailureOf } from './workflows/offboarding-failure';
export { batch, http, plaid } from './providers/catalogue';
export { defineHttpTask } from './tasks/define';
export { exactNumber } from './tasks/exact-number';
export { defineService } from './tasks/service';
export type { OffboardingFailure } from './workflows/offboarding-failure';
export type { HttpPagesOptions } from './workflows/http-task';
export type { HttpTaskOptions } from './workflows/http-task';
export type { PollHttpTaskOptions } from './workflows/http-task';
export type { Paging } from './policy/next-page';
export type { RunHttpTaskInput, TaskEnvelope } from './workflows/run-http-task';
export type { OffboardProgress } from './workflows/progress';
export type { CarriedSweep } from './workflows/offboard-users';
export type { OffboardUserInput } from './policy/offboard-input';
export type { OffboardUsersInput } from './policy/sweep-input';
export type { OutcomeCounts, SweepProgress, SweepResult, SweepStatus } from './policy/sweep-result';
export type { CompensationLine, OffboardResult, StepResult } from './policy/offboard-result';
export type { Outcome, RunStatus } from './policy/outcome';
export type { Effect, HttpTask, TaskInput, TaskOutput } from './tasks/define';
export type { ServiceDefinition } from './tasks/service';
export type { TaskFailure, TaskFailureType } from './tasks/failure';
