import { z } from 'zod';

const text = (what: string): z.ZodString =>
  z.string().min(1, 'must not be empty').max(200, 'must have at most 200 characters').describe(what);

/** The argument of the update `completeStep` of a run that offboards one user. */
export const completeStepInput = z.strictObject({
  step: text('The full name of the step that waits, such as courier.archive.'),
  by: text('Who reports it. A claim: the permissions of the namespace decide who may send it.'),
  evidence: text('For example the number of a ticket; no personal data.').optional(),
  outcome: z.enum(['removed', 'skipped', 'failed']),
});

/** What a person reports about a step that they were to do. */
export type CompleteStep = z.output<typeof completeStepInput>;

/** The status of a run that waits for a person, as search attributes and queries have it. */
export const WAITING_FOR_PERSON = 'waitingForPerson';
