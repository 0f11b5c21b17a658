import { operation, service } from 'nexus-rpc';
import type { TaskEnvelope } from '../activities/contract';
import type { OffboardUserInput } from '../policy/offboard-input';
import type { OffboardResult } from '../policy/offboard-result';
import type { RunHttpTaskInput } from '../policy/run-http-task-input';
import type { OffboardUsersInput } from '../policy/sweep-input';
import type { SweepResult } from '../policy/sweep-result';

/**
 * The Nexus service that a worker with `HttpTasksPlugin` serves. Each operation starts the workflow of its name, ends
 * with the run and, when it is cancelled, cancels the run. Names are permanent.
 *
 * `offboardUser` and `offboardUsers` attach to a run in progress that was started for the same; `runHttpTask` starts a
 * run for each operation. An invalid input fails the operation before anything is started.
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
