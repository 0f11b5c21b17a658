import { offboardUser } from './offboard-user';
import { offboardUsers } from './offboard-users';
import { runHttpTask } from './run-http-task';

/**
 * The package's workflows by their names. It is exported together with them, so that a worker can see at its start
 * whether a workflows file that has `export * from 'temporal-http-tasks/workflow'` still exports these under their
 * names, or something of its own instead.
 */
export const httpTasksWorkflows = Object.freeze({ offboardUser, offboardUsers, runHttpTask });
