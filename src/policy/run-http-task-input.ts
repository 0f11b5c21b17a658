import { z } from 'zod';
import { ACCOUNT_NAME, MOST_ACCOUNT_CHARACTERS } from '../tasks/accounts';

/** The input of `runHttpTask`: one object, since the Temporal UI can send only one. */
export const runHttpTaskInput = z.strictObject({
  task: z.string().min(1).describe('The name of a task, for example plaid.userItemsGet.'),
  input: z.unknown().describe("The task's input."),
  account: z
    .string()
    .regex(ACCOUNT_NAME, 'must be the name of an account')
    .max(MOST_ACCOUNT_CHARACTERS)
    .optional()
    .describe("The account of the task's provider. Default: the default account."),
});

/** What a caller passes to `runHttpTask`. */
export type RunHttpTaskInput = z.input<typeof runHttpTaskInput>;
