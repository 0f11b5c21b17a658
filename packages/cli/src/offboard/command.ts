import { defineCommand } from '../program/command';
import { OFFBOARD_OPTIONS, readOffboardInput } from './options';
import type { OffboardOptions } from './options';
import { TEMPORAL_OPTIONS } from '../temporal/options';

/** `http-tasks offboard`: starts (or joins) the run that offboards one user, and follows it to its end. */
export const offboardCommand = defineCommand<OffboardOptions>({
  description: [
    'Needs a Temporal server, a worker (http-tasks worker) and HTTP_TASKS_SUBJECT_KEY, from which the workflow ID is made;',
    'no keys of a provider. A run for the same user with the same input that is still in progress is joined, not repeated.',
    'In a terminal it shows what will be deleted and asks for the ID of the user. Without one it starts immediately, except',
    'in production, or where HTTP_TASKS_LEDGER_URL does not lead to the ledger in which the workers record their',
    'environment: there --yes is required.',
    'Ctrl-C does not stop the run. Exits 0 when it completed, 1 when it ended otherwise, 2 when the input is refused.',
  ].join(' '),
  examples: [
    'http-tasks offboard --plaid-user-id usr_1 --batch-user-id 1001 --reason USER_OFFBOARDING',
    'http-tasks offboard --batch-user-id 1001 --reason OTHER --dry-run --json',
    'http-tasks offboard --batch-user-id 1001 --reason OTHER --yes --json',
    'http-tasks offboard --id courier.contactId=c_1 --providers ./courier.provider.yaml --reason OTHER',
    'http-tasks offboard --input @user.json',
  ],
  options: [OFFBOARD_OPTIONS, TEMPORAL_OPTIONS],
  run: async (io, options) => {
    const { readIds } = await import('../users/provider-ids.js');
    const { providers, ids } = await readIds(io, options);
    const input = await readOffboardInput(options, options.id === undefined ? undefined : ids);
    const { runOffboarding } = await import('./run.js');
    return runOffboarding(io, input, { ...options, known: providers });
  },
});
