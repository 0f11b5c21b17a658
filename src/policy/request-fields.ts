import { z } from 'zod';
import { DAY_RULE, LAWS, readDay, readDueDate } from './request-claims';
import type { RequestClaims } from './request-claims';

/** Milliseconds of a day. */
const DAY_MS = 86_400_000;

/** The earliest day that a request may have been received: laws and calendars before are not meant. */
const FIRST_DAY_MS = Date.UTC(2000, 0, 1);

/** How far in the future a date of receipt may be, in milliseconds: a day that has begun elsewhere. */
const AHEAD_MS = DAY_MS;

/** The latest date that may be due, in milliseconds from now: ten years. */
const MOST_DUE_MS = 3_653 * DAY_MS;

/** The moment at which a request was received. */
export const receivedAtText = z
  .string()
  .refine((text) => readDay(text) !== undefined, DAY_RULE)
  .refine((text) => (readDay(text)?.atMs ?? FIRST_DAY_MS) >= FIRST_DAY_MS, 'must not be before the year 2000')
  .refine((text) => (readDay(text)?.atMs ?? 0) <= Date.now() + AHEAD_MS, 'must not be in the future')
  .describe('When the request was received: a day (2026-03-28), or a date and time with its offset from UTC.');

/** The fields about the request behind an offboarding, of every input. */
export const requestFields = {
  requestedBy: z
    .string()
    .min(1, 'must not be empty')
    .max(200, 'must have at most 200 characters')
    .optional()
    .describe('Who asked for it; not verified. Where the policy asks for approvals, another person approves.'),
  receivedAt: receivedAtText.optional(),
  law: z
    .enum(LAWS)
    .optional()
    .describe(
      'By which law the due date is counted from receivedAt: gdpr (one month), ccpa (45 days) or none. Default: none.',
    ),
  dueAt: z
    .string()
    .refine((text) => readDueDate(text) !== undefined, DAY_RULE)
    .refine(
      (text) => (readDueDate(text)?.getTime() ?? FIRST_DAY_MS) >= FIRST_DAY_MS,
      'must not be before the year 2000',
    )
    .refine(
      (text) => (readDueDate(text)?.getTime() ?? 0) <= Date.now() + MOST_DUE_MS,
      'must be at most ten years from now',
    )
    .optional()
    .describe(
      "The due date, in place of the law's: a day (2026-04-28), which counts to its end in HTTP_TASKS_TIME_ZONE or else UTC, or a date and time.",
    ),
};

/** Adds what is wrong with the fields together. */
export function checkRequest(
  { receivedAt, law = 'none', dueAt }: RequestClaims,
  context: z.RefinementCtx,
  { rowsMayTell: rowsMayHave = false }: { rowsMayTell?: boolean } = {},
): void {
  if (law !== 'none' && receivedAt === undefined && dueAt === undefined && !rowsMayHave)
    context.addIssue({
      code: 'custom',
      path: ['receivedAt'],
      message: `is required with law ${law}: its time counts from the day of receipt; or give dueAt`,
    });
  const [received, due] = [readDay(receivedAt ?? ''), readDueDate(dueAt ?? '')];
  if (received && due && due.getTime() < received.atMs)
    context.addIssue({ code: 'custom', path: ['dueAt'], message: 'must not be before receivedAt' });
}
