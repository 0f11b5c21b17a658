import { z } from 'zod';
import { MOST_ACCOUNT_CHARACTERS } from '../tasks/accounts';
import { deadlineText } from './deadline';
import { customUserId, REASON_CODES, reasonNote } from './input-fields';
import { checkRequest, requestFields } from './request-fields';
import {
  EXCLUSIVE_FIELDS,
  idAt,
  idsOf,
  MOST_LISTED_IDS,
  NAMED_FIELDS,
  namedField,
  namedTwice,
  ownsItems,
  placeOf,
} from './user-ids';
import type { NamedIds } from './user-ids';

/** The largest number of characters in one ID. */
const MOST_ID_CHARACTERS = 4_096;

const ID_FORM = `must be an ID of 1 to ${MOST_ID_CHARACTERS} characters, as a text, or a list of 1 to ${MOST_LISTED_IDS} of them`;

const oneId = z.string().min(1, ID_FORM).max(MOST_ID_CHARACTERS, ID_FORM);

const camelCase = z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'must be a name in camelCase');

/**
 * IDs by provider. Only a worker knows which providers and IDs exist and which of them are lists; it refuses others.
 */
const providerIds = z
  .record(
    camelCase,
    z
      .record(
        camelCase,
        z.union([oneId, z.array(oneId).min(1, ID_FORM).max(MOST_LISTED_IDS, ID_FORM)], { error: ID_FORM }),
      )
      .refine((given) => Object.keys(given).length > 0, 'must have at least one ID'),
  )
  .refine((given) => Object.keys(given).length > 0, 'must have at least one provider');

const namedId = z.string().min(1, 'must not be empty');

const ids = {
  plaidUserId: namedId.optional(),
  plaidUserToken: namedId
    .optional()
    .describe(
      'A bearer token, instead of plaidUserId: taken only where histories are encrypted, or HTTP_TASKS_ALLOW_SENSITIVE names user_token.',
    ),
  batchUserId: customUserId.optional(),
  ids: providerIds
    .optional()
    .describe('By provider, for example {"courier": {"contactId": "c_1", "deviceIds": ["d_1"]}}.'),
  account: z
    .string()
    .min(1, 'must not be empty')
    .max(MOST_ACCOUNT_CHARACTERS, `must have at most ${MOST_ACCOUNT_CHARACTERS} characters`)
    .optional()
    .describe('The account in which the IDs are valid, at each provider that has it. Default: the default account.'),
  reference: z
    .string()
    .min(1, 'must not be empty')
    .max(200, 'must have at most 200 characters')
    .optional()
    .describe('Your own reference for the case; no personal data.'),
};

/** What {@link checkIds} requires at least, for people. */
const SOME_ID = 'At least one of plaidUserId, plaidUserToken, batchUserId and ids is required.';

/** A user by its IDs: at least one ID, and none of them twice. */
export const userIds = z.strictObject(ids).superRefine(checkIds);

/** The user to offboard: by IDs, or as one of a sweep's users, whose IDs are in the ledger and never in a history. */
const user = z
  .strictObject({
    ...ids,
    sweepId: z
      .string()
      .min(1, 'must not be empty')
      .optional()
      .describe('With seq, instead of IDs: a user of a sweep. For use by the sweep itself.'),
    seq: z.number().int().min(0).optional(),
  })
  .superRefine((given, context) => {
    if (given.sweepId === undefined && given.seq === undefined) {
      checkIds(given, context);
      return;
    }
    for (const field of ['sweepId', 'seq'] as const) {
      if (given[field] === undefined)
        context.addIssue({ code: 'custom', path: [field], message: 'is required: sweepId and seq belong together' });
    }
    for (const field of Object.keys(ids)) {
      if (field in given)
        context.addIssue({
          code: 'custom',
          path: [field],
          message: 'must be left out: sweepId and seq already name the user',
        });
    }
  })
  .describe(SOME_ID);

function checkIds(given: NamedIds, context: z.RefinementCtx): void {
  for (const { field, place } of namedTwice(given))
    context.addIssue({ code: 'custom', path: [field], message: `must be left out: ${place} names the same ID` });
  const all = idsOf(given);
  const [one, other] = EXCLUSIVE_FIELDS.map(namedField);
  if (one && other && [one, other].every(({ provider, id }) => idAt(all, provider, id) !== undefined)) {
    context.addIssue({
      code: 'custom',
      path: placeOf(given, other.provider, other.id).split('.'),
      message: 'only one of plaidUserId and plaidUserToken may be given: Plaid rejects both together',
    });
  }
  // In whichever form it is given, an ID has the form of its field.
  for (const { field, provider, id } of NAMED_FIELDS) {
    const value = idAt(given.ids ?? {}, provider, id);
    if (field === 'itemIds' || typeof value !== 'string') continue;
    for (const issue of ids[field].safeParse(value).error?.issues ?? [])
      context.addIssue({ code: 'custom', path: ['ids', provider, id], message: issue.message });
  }
  if (Object.keys(all).length === 0 && given.ids === undefined) {
    context.addIssue({
      code: 'custom',
      path: [],
      message: 'at least one of plaidUserId, plaidUserToken, batchUserId and ids is required',
    });
  }
}

const providerName = z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'must be the name of a provider, such as plaid');

const stepName = z
  .string()
  .regex(/^[a-z][A-Za-z0-9]*\.[A-Za-z0-9][\w-]*$/, 'must be the full name of a step, such as plaid.products');

/** The largest number of names in one list of providers or steps. */
const MOST_NAMES = 200;

/** The input of `offboardUser`: one object, since the Temporal UI can send only one. Unknown fields are refused. */
export const offboardUserInput = z
  .strictObject({
    user,
    reason: z.strictObject({
      code: z.enum(REASON_CODES),
      note: reasonNote.optional(),
    }),
    itemIds: z
      .array(z.string().min(1, 'must not be empty'))
      .min(1, 'must have at least one ID; leave it out to remove all Items')
      .max(10_000, 'must have at most 10,000 IDs')
      .optional()
      .describe("Only these of the user's Items; default: all."),
    onFailure: z.enum(['continue', 'stop']).optional().describe('Default: continue.'),
    deadline: deadlineText.optional(),
    dryRun: z.boolean().optional().describe('Read only; change nothing.'),
    verifyRemovals: z
      .enum(['all', 'unsure'])
      .optional()
      .describe(
        'unsure: lists are not read again when every removal had a good response, which saves calls. Default: all.',
      ),
    notFoundIsFine: z.boolean().optional().describe('Do not count notFound against the run.'),
    providers: z
      .array(providerName)
      .min(1, 'must name at least one provider; leave it out for all of them')
      .max(MOST_NAMES)
      .optional()
      .describe('Only these providers; default: every provider that the worker has and for which the user has an ID.'),
    include: z.array(stepName).max(MOST_NAMES).optional().describe('Optional steps to run.'),
    exclude: z
      .array(stepName)
      .max(MOST_NAMES)
      .optional()
      .describe('Steps to leave out, such as "plaid.products" for an account without /user/products/terminate.'),
    plaid: z.strictObject({ removeUser: z.boolean().optional() }).optional(),
    batch: z.strictObject({ mode: z.enum(['customData', 'gdpr', 'both', 'skip']).optional() }).optional(),
    compensation: z
      .strictObject({ task: z.string().min(1), input: z.unknown().optional() })
      .optional()
      .describe('A task to run when the run does not complete; "{{offboarding}}" in its input is replaced by the log.'),
    ...requestFields,
  })
  .superRefine((input, context) => {
    checkRequest(input, context);
    if (!input.itemIds) return;
    if (!ownsItems(input.user))
      context.addIssue({ code: 'custom', path: ['itemIds'], message: 'needs user.plaidUserId or user.plaidUserToken' });
    for (const { place } of namedTwice({ ids: input.user.ids, itemIds: input.itemIds }))
      context.addIssue({
        code: 'custom',
        path: ['itemIds'],
        message: `must be left out: user.${place} names the same IDs`,
      });
  });

/** What a caller passes to `offboardUser`. */
export type OffboardUserInput = z.input<typeof offboardUserInput>;
