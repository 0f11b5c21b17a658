import { operation, service } from 'nexus-rpc';
import type { TaskEnvelope } from '../activities/contract';
import type { OffboardUserInput } from '../policy/offboard-input';
import type { OffboardResult } from '../policy/offboard-result';
import type { RunHttpTaskInput } from '../policy/run-http-task-input';
import type { OffboardUsersInput } from '../policy/sweep-input';
import type { SweepResult } from '../policy/sweep-result';

/**
 * The Nexus service that a worker with `HttpTasksPlugin` serves. Each operation is one run of the workflow of its name;
 * it ends with the run, and cancelling it cancels the run. Names are permanent.
 *
 * `offboardUser` and `offboardUsers` join a run under way that was asked for the same; `runHttpTask` is a run of its own
 * for each operation. A wrong input fails the operation at once, before anything is started.
 *
 * @example
 * const offboarding = createNexusServiceClient({ service: offboardingService, endpoint: 'offboarding' });
 * const { status } = await offboarding.executeOperation('offboardUser', { user: { plaidUserId }, reason: { code: 'USER_OFFBOARDING' } });
 */
export const offboardingService = service('offboarding', {
  offboardUser: operation<OffboardUserInput, OffboardResult>(),
  offboardUsers: operation<OffboardUsersInput, SweepResult>(),
  runHttpTask: operation<RunHttpTaskInput, TaskEnvelope>(),
});
