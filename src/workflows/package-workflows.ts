import { offboardUser } from './offboard-user';
import { offboardUsers } from './offboard-users';
import { runHttpTask } from './run-http-task';

/**
 * The package's workflows by their names. Exported with them, so that a worker can check at startup whether a workflows
 * file that has `export * from 'temporal-http-tasks/workflow'` still exports these workflows under their names.
 */
export const httpTasksWorkflows = Object.freeze({ offboardUser, offboardUsers, runHttpTask });
