import type { OffboardUserInput } from './offboard-input';
import type { OffboardUsersInput } from './sweep-input';

/** The workflows that users may start, by their types. The names are permanent. */
export const WORKFLOW_TYPES = Object.freeze(['offboardUser', 'offboardUsers', 'runHttpTask'] as const);

/** One of {@link WORKFLOW_TYPES}. */
export type WorkflowType = (typeof WORKFLOW_TYPES)[number];

/** The user of an example. */
export interface ExampleUser {
  plaidUserId: string;
  batchUserId?: string;
}

/** Invented IDs that no provider knows. */
export const UNKNOWN_USER: ExampleUser = Object.freeze({ plaidUserId: 'usr_example', batchUserId: 'example-customer' });

/** A valid input for each workflow that changes nothing: dry runs, and a task that only reads. */
export interface ExampleInputs {
  offboardUser: OffboardUserInput;
  offboardUsers: OffboardUsersInput;
  runHttpTask: { task: string; input: { user_id: string } };
}

/** Returns examples to edit. They change nothing as they are. */
export function exampleInputs({ plaidUserId, batchUserId }: ExampleUser = UNKNOWN_USER): ExampleInputs {
  const user = { plaidUserId, ...(batchUserId !== undefined && { batchUserId }) };
  const reason = { code: 'USER_OFFBOARDING' } as const;
  return {
    offboardUser: { user, reason, dryRun: true },
    offboardUsers: { source: { inline: [user] }, reason, dryRun: true },
    runHttpTask: { task: 'plaid.userItemsGet', input: { user_id: plaidUserId } },
  };
}
