import { z } from 'zod';

const text = (what: string): z.ZodString =>
  z.string().min(1, 'must not be empty').max(200, 'must have at most 200 characters').describe(what);

/** The argument of the update `completeStep` of a run that offboards one user. */
export const completeStepInput = z.strictObject({
  step: text('The full name of the waiting step, such as courier.archive.'),
  by: text('Who reports it. Not verified: the permissions of the namespace decide who may send it.'),
  evidence: text('For example a ticket number; no personal data.').optional(),
  outcome: z.enum(['removed', 'skipped', 'failed']),
});

/** What was done about a manual step, as reported. */
export type CompleteStep = z.output<typeof completeStepInput>;

/** The status of a run that waits for a manual step, in search attributes and queries. */
export const WAITING_FOR_PERSON = 'waitingForPerson';
