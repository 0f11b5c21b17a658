import { z } from 'zod';
import { completeStepInput } from './complete-step';
import { durationText } from './deadline';
import { offboardUserInput } from './offboard-input';
import { checkRequest, requestFields } from './request-fields';
import { sourceSpec } from './source-spec';

const SHARE = /^(\d{1,3}(?:\.\d{1,6})?)\s?%$/;
const COUNT = /^\d{1,12}$/;

/** How many cases may fail: a number, or a share of all in percent. */
const toleranceValue = z
  .union([z.number().int().min(0), z.string()])
  .refine(
    (value) => typeof value === 'number' || COUNT.test(value) || Number(SHARE.exec(value)?.[1] ?? Number.NaN) <= 100,
    'must be a whole number from 0, or a share such as "5%", at most "100%"',
  );

/** A checked tolerance: a number of cases, or a share of all in percent. */
export type Tolerance = { count: number } | { percent: number };

/** Returns the meaning of a checked {@link toleranceValue}. */
export function toTolerance(value: z.output<typeof toleranceValue>): Tolerance {
  if (typeof value === 'number') return { count: value };
  const percent = SHARE.exec(value)?.[1];
  return percent === undefined ? { count: Number(value) } : { percent: Number(percent) };
}

/** Returns the number of cases of `total` that may fail. */
export function mostTolerated(tolerance: Tolerance, total: number): number {
  return 'count' in tolerance ? tolerance.count : Math.floor((total * tolerance.percent) / 100);
}

/** Default maximum number of users of a sweep. */
export const DEFAULT_MAX_USERS = 100_000;

/** Default number of chunks that are scheduled at a time: two for each of eight workers. */
export const DEFAULT_CHUNKS = 16;

/** The default number of chunks in runs that 0.1.0 began. */
export const FIRST_DEFAULT_CHUNKS = 4;

/** Default number of children that run at a time. */
export const DEFAULT_CHILDREN = 4;

/** Maximum number of users who each get a child workflow by default. */
export const MOST_USERS_WITH_CHILDREN = 100;

/** Default maximum number of rows that cannot be users: each is a user who is not deleted. */
export const DEFAULT_BAD_ROWS = 0;

/** Default time within which a sweep must be approved before it is cancelled. */
export const DEFAULT_APPROVE_WITHIN = '30 days';

const ORIGINS = ['source', 'snapshot', 'redriveOf'] as const;

const {
  reason,
  onFailure,
  deadline,
  dryRun,
  notFoundIsFine,
  verifyRemovals,
  providers,
  include,
  exclude,
  plaid,
  batch,
  compensation,
} = offboardUserInput.shape;

/** A limit in calls a minute. */
const callsAMinute = z
  .number()
  .min(1, 'must be at least 1 call a minute')
  .max(60_000_000, 'must be at most 60,000,000 calls a minute');

/** The input of `offboardUsers`: one object, since the Temporal UI can send only one. Unknown fields are refused. */
export const offboardUsersInput = z
  .strictObject({
    source: sourceSpec.optional().describe('Where the users come from.'),
    snapshot: z
      .string()
      .min(1, 'must not be empty')
      .optional()
      .describe('A sweep whose users are already in the ledger; the command line makes one from a local file.'),
    redriveOf: z
      .string()
      .min(1, 'must not be empty')
      .optional()
      .describe('A sweep that has ended: its failed and unknown users are tried again.'),
    reason,
    onFailure,
    deadline: deadline.describe(
      'When to give up: "7 days" after the start or the approval unless given, pauses not counted; or a moment such as 2030-01-31T12:00:00Z. At most ten years.',
    ),
    dryRun,
    notFoundIsFine,
    verifyRemovals,
    providers,
    include,
    exclude,
    plaid,
    batch,
    compensation,
    concurrency: z
      .number()
      .int('must be a whole number')
      .min(1)
      .max(64)
      .optional()
      .describe(
        `Chunks, or children, in progress at a time. Default: ${DEFAULT_CHUNKS} chunks, of which each worker runs two, or ${DEFAULT_CHILDREN} children.`,
      ),
    rate: callsAMinute
      .optional()
      .describe(
        "Limit on the calls of sweeps to Plaid while this one runs, in calls a minute; the lowest of all running sweeps' rates and the standing limit counts. Not stored for a dry run.",
      ),
    tolerance: toleranceValue
      .optional()
      .describe(
        'Pause when more users than this failed or are unknown: a number, or a share such as "1%". Default: never.',
      ),
    badRows: toleranceValue
      .optional()
      .describe(
        `Refuse a source with more rows than this that cannot be users. A sweep with any such row is partial at best. Default: ${DEFAULT_BAD_ROWS}.`,
      ),
    maxUsers: z
      .number()
      .int('must be a whole number')
      .min(1)
      .max(1_000_000_000)
      .optional()
      .describe('Refuse a source with more users. Default: 100,000.'),
    approval: z.boolean().optional().describe('Wait for the update "approve" before the first call.'),
    approveWithin: durationText
      .optional()
      .describe(
        `With approval: cancel the sweep when it is not approved within this time. Default: "${DEFAULT_APPROVE_WITHIN}".`,
      ),
    skipDone: z
      .boolean()
      .optional()
      .describe(
        'Leave out rows with closed_at whose user was offboarded after that time, according to the receipts. Others are offboarded again.',
      ),
    granularity: z
      .enum(['user', 'chunk'])
      .optional()
      .describe(
        'One child workflow for each user, or many users in one activity. Default: user up to 100 users, chunk above.',
      ),
    ...requestFields,
  })
  .superRefine((input, context) => {
    checkRequest(input, context, { rowsMayTell: true });
    const given = ORIGINS.filter((origin) => input[origin] !== undefined);
    if (given.length !== 1) {
      const what = given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`;
      context.addIssue({
        code: 'custom',
        path: given.length === 0 ? ['source'] : [given[1] ?? 'source'],
        message: `exactly one of ${ORIGINS.join(', ')} is needed; ${what}`,
      });
    }
    if (input.approveWithin !== undefined && !input.approval) {
      context.addIssue({
        code: 'custom',
        path: ['approveWithin'],
        message: 'is only for approval: true; without it the sweep waits for no approval',
      });
    }
    for (const field of ['badRows', 'skipDone'] as const) {
      if (input[field] === undefined || input.source !== undefined) continue;
      context.addIssue({
        code: 'custom',
        path: [field],
        message: 'is only for source; with a snapshot it was decided when the snapshot was taken',
      });
    }
  });

/** What a caller passes to `offboardUsers`. */
export type OffboardUsersInput = z.input<typeof offboardUsersInput>;

/** A checked input of `offboardUsers`. */
export type CheckedSweepInput = z.output<typeof offboardUsersInput>;

/** The argument of the update `approve`. */
export const approveInput = z.strictObject({
  total: z.number().int().min(0).describe('The number of users, as the query progress reports it.'),
  by: z
    .string()
    .min(1, 'must not be empty')
    .max(200, 'must have at most 200 characters')
    .describe('Who approves. Not verified, unless the policy of the workers requires a signature.'),
  signature: z
    .string()
    .regex(/^[A-Za-z0-9_-]{86}$/, 'must be the signature that http-tasks sweep approve --key --print writes')
    .optional()
    .describe(
      'Where the policy names approvers: from http-tasks sweep approve ID --total N --by NAME --key FILE --print.',
    ),
});

/** The argument of the update `resume`; without one it cannot be encrypted, which a worker may demand. */
export const resumeInput = z
  .strictObject({
    by: z
      .string()
      .min(1, 'must not be empty')
      .max(200, 'must have at most 200 characters')
      .optional()
      .describe('Who resumes. Not verified.'),
    because: z.string().optional().describe('Resume only if it is paused for this reason.'),
  })
  .optional();

/** The argument of the update `completeStep`. */
export const completeUsersStepInput = completeStepInput.extend({
  seqs: z
    .array(z.number().int('must be a whole number').min(0))
    .min(1, 'must have at least one user; leave it out for all who wait')
    .max(10_000, 'must have at most 10,000 users')
    .optional()
    .describe('Only these users, by their numbers in the receipts. Default: all who wait for the step.'),
});

/** The argument of the update `setRate`. */
export const setRateInput = z.strictObject({
  callsPerMinute: callsAMinute
    .nullable()
    .describe('Limit on the calls of sweeps while this one runs; null removes it.'),
  service: z.string().min(1).optional().describe('Default: plaid.'),
  keySlot: z.string().optional().describe('For a service with several keys, for example ios.'),
});
