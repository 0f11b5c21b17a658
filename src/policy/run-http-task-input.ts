import { z } from 'zod';

/** The input of `runHttpTask`: one object, since the Temporal UI can send only one. */
export const runHttpTaskInput = z.strictObject({
  task: z.string().min(1).describe('The name of a task, for example plaid.userItemsGet.'),
  input: z.unknown().describe("The task's input."),
});

/** What a caller passes to `runHttpTask`. */
export type RunHttpTaskInput = z.input<typeof runHttpTaskInput>;
