import { z } from 'zod';
import { defineHttpTask } from '../../tasks/define';
import type { SensitiveField } from '../../tasks/define';
import { REASON_CODES, reasonNote } from '../../policy/input-fields';
import { plaidService } from './service';

/** The id of a user made after 2025-12-10 (`usr_…`). Migrated CRA users carry the value of their user_token here. */
const userId = z.string().min(1, 'must not be empty').describe('The `user_id` that `/user/create` returned.');

/** The token of a user made by an older integration. It opens the user's data, so it is treated as a secret. */
const userToken = z.string().min(1, 'must not be empty').describe('The user token of an older integration.');

/** Plaid's user tokens, also in `user_id`. */
const USER_TOKEN_SHAPE = /^user-(sandbox|development|production)-/;

/** The fields of a Plaid call that can hold a user's token. */
const SENSITIVE_USER: readonly SensitiveField[] = [
  { field: 'user_token' },
  { field: 'user_id', when: USER_TOKEN_SHAPE },
];

/** What {@link refuseUnlessOneUser} requires, for people. */
const ONE_USER = 'Exactly one of user_id and user_token is required.';

/** Why one Item is removed (`/item/remove`). It has no `USER_OFFBOARDING`. */
const ITEM_REMOVE_REASON_CODES = [
  'FRAUD_FIRST_PARTY',
  'FRAUD_FALSE_IDENTITY',
  'FRAUD_ABUSE',
  'FRAUD_OTHER',
  'CONNECTION_IS_NON_FUNCTIONAL',
  'OTHER',
] as const;

/** A response with nothing but the ID of the request. */
const requestIdResponse = z.looseObject({ request_id: z.string() });

/** Refuses an input that names the user by both ids, or by none; Plaid's own schema leaves this to prose. */
function refuseUnlessOneUser(
  input: { user_id?: string | undefined; user_token?: string | undefined },
  context: z.RefinementCtx,
): void {
  const given = [input.user_id, input.user_token].filter((value) => value !== undefined).length;
  if (given === 1) return;
  context.addIssue({
    code: 'custom',
    path: ['user_id'],
    message: `exactly one of user_id and user_token must be given, not ${given === 0 ? 'none' : 'both'}`,
  });
}

/**
 * Lists the Items of a user. Changes nothing. A removed Item may still be listed for a while
 * (github.com/plaid/plaid-node/issues/687).
 */
export const userItemsGet = defineHttpTask({
  service: plaidService,
  operation: 'userItemsGet',
  summary: "List a user's Items",
  description:
    'Returns every Item that is associated with the user. A removed Item may still be listed for a short while.',
  docs: 'https://plaid.com/docs/api/users/#useritemsget',
  tags: ['plaid', 'users', 'items'],
  method: 'POST',
  path: '/user/items/get',
  get input() {
    return z
      .strictObject({ user_id: userId.optional(), user_token: userToken.optional() })
      .superRefine(refuseUnlessOneUser)
      .describe(ONE_USER);
  },
  get output() {
    return z.looseObject({
      items: z.array(z.looseObject({ item_id: z.string() })),
      request_id: z.string(),
    });
  },
  effect: 'read',
  sensitive: SENSITIVE_USER,
  subjectFields: ['user_id', 'user_token'],
  itemsInOutput: 'items.item_id',
  absentCodes: ['USER_NOT_FOUND'],
});

/**
 * Removes the named Items of a user; this cannot be undone. All or nothing: one Item that is not the user's refuses
 * the whole call. Billing for the Items ends; the user and its other data stay.
 */
export const userItemsRemove = defineHttpTask({
  service: plaidService,
  operation: 'userItemsRemove',
  summary: 'Remove Items of a user',
  description:
    'Removes the named Items, ends their billing and their access, and cannot be undone. One Item that is not associated with the user refuses the whole call. The user and its other data stay.',
  docs: 'https://plaid.com/docs/api/users/#useritemsremove',
  tags: ['plaid', 'users', 'items', 'removal'],
  method: 'POST',
  path: '/user/items/remove',
  get input() {
    return z
      .strictObject({
        user_id: userId.optional(),
        user_token: userToken.optional(),
        item_ids: z
          .array(z.string().min(1, 'must not be empty'))
          .min(1, 'must not be empty')
          .describe('Items that are all associated with the user.'),
      })
      .superRefine(refuseUnlessOneUser)
      .describe(ONE_USER);
  },
  output: requestIdResponse,
  effect: 'irreversible',
  deletes: true,
  answerMeans: 'removed',
  settle: { by: 'list', with: 'plaid.userItemsGet', basis: 'assumed' },
  remedy:
    'Removed Items cannot be restored; the user has to connect them again through Link. Access shown in the portal of an OAuth bank may have to be withdrawn there.',
  sensitive: SENSITIVE_USER,
  subjectFields: ['user_id', 'user_token'],
  itemsField: 'item_ids',
  absentCodes: ['USER_NOT_FOUND'],
});

/**
 * Ends the user's subscription products and their billing. It erases nothing. Takes a `user_id` only; a repeated call
 * changes nothing more (assumed: Plaid does not say).
 */
export const userProductsTerminate = defineHttpTask({
  service: plaidService,
  operation: 'userProductsTerminate',
  summary: "Terminate a user's products",
  description:
    "Ends the user's subscription products (Financial Management, Protect, CRA) and their billing. It stops billing and erases nothing: monitoring and servicing history stays.",
  docs: 'https://plaid.com/docs/api/users/#userproductsterminate',
  tags: ['plaid', 'users', 'products', 'billing'],
  method: 'POST',
  path: '/user/products/terminate',
  get input() {
    return z.strictObject({
      user_id: userId,
      reason_code: z.enum(REASON_CODES),
      reason_note: reasonNote.optional(),
    });
  },
  output: requestIdResponse,
  effect: 'repeatSafe',
  answerMeans: 'removed',
  settle: { by: 'repeat', basis: 'assumed' },
  remedy: 'Subscribe the user to the products again if the termination was a mistake; billing starts again.',
  sensitive: SENSITIVE_USER,
  subjectFields: ['user_id'],
  absentCodes: ['USER_NOT_FOUND'],
});

const accessToken = z.string().min(1, 'must not be empty').describe("The Item's access token; a secret.");

/** Reads one Item. Changes nothing; shows whether a removal with a lost response was carried out. */
export const itemGet = defineHttpTask({
  service: plaidService,
  operation: 'itemGet',
  summary: 'Look up one Item by its access token',
  description: 'Returns the status of the Item. An Item that was removed is not found.',
  docs: 'https://plaid.com/docs/api/items/#itemget',
  tags: ['plaid', 'items'],
  method: 'POST',
  path: '/item/get',
  get input() {
    return z.strictObject({ access_token: accessToken });
  },
  get output() {
    return z.looseObject({ item: z.looseObject({ item_id: z.string() }), request_id: z.string() });
  },
  effect: 'read',
  sensitive: [{ field: 'access_token' }],
  subjectFields: ['access_token'],
  absentCodes: ['ITEM_NOT_FOUND'],
});

/**
 * Terminates one Item by its access token, which is not valid afterwards; this cannot be undone. Plaid's document calls it
 * the recommended way to offboard a user's Item.
 */
export const itemProductsTerminate = defineHttpTask({
  service: plaidService,
  operation: 'itemProductsTerminate',
  summary: "Terminate one Item's products by its access token",
  description:
    'Terminates the Item, ends the billing of its products and invalidates its access token. This cannot be undone.',
  docs: 'https://plaid.com/docs/api/items/#itemproductsterminate',
  tags: ['plaid', 'items', 'products', 'billing', 'removal'],
  method: 'POST',
  path: '/item/products/terminate',
  get input() {
    return z.strictObject({
      access_token: accessToken,
      reason_code: z.enum(REASON_CODES),
      reason_note: reasonNote.optional(),
    });
  },
  output: requestIdResponse,
  effect: 'irreversible',
  answerMeans: 'removed',
  settle: { by: 'list', with: 'plaid.itemGet', basis: 'assumed' },
  remedy: 'The Item cannot be restored; the user has to connect it again through Link.',
  sensitive: [{ field: 'access_token' }],
  subjectFields: ['access_token'],
  absentCodes: ['ITEM_NOT_FOUND'],
});

/** Removes one Asset Report, which outlives its Items, with its audit copies; this cannot be undone. */
export const assetReportRemove = defineHttpTask({
  service: plaidService,
  operation: 'assetReportRemove',
  summary: 'Remove one Asset Report by its token',
  description:
    'Removes access to an Asset Report and invalidates its audit copies. Asset Reports are not removed together with Items or users. This cannot be undone.',
  docs: 'https://plaid.com/docs/api/products/assets/#asset_reportremove',
  tags: ['plaid', 'assets', 'removal'],
  method: 'POST',
  path: '/asset_report/remove',
  get input() {
    return z.strictObject({
      asset_report_token: z.string().min(1, 'must not be empty').describe("The Asset Report's token; a secret."),
    });
  },
  get output() {
    return z.looseObject({ removed: z.boolean(), request_id: z.string() });
  },
  effect: 'irreversible',
  deletes: true,
  answerMeans: 'removed',
  settle: { by: 'resend', basis: 'assumed' },
  remedy: 'A removed Asset Report cannot be restored; create a new one from Items that are still there.',
  sensitive: [{ field: 'asset_report_token' }],
  subjectFields: ['asset_report_token'],
});

/** Removes one Item by its access token; this cannot be undone. */
export const itemRemove = defineHttpTask({
  service: plaidService,
  operation: 'itemRemove',
  summary: 'Remove one Item by its access token',
  description: 'Removes the Item, ends its billing and invalidates its access token. This cannot be undone.',
  docs: 'https://plaid.com/docs/api/items/#itemremove',
  tags: ['plaid', 'items', 'removal'],
  method: 'POST',
  path: '/item/remove',
  get input() {
    return z.strictObject({
      access_token: accessToken,
      reason_code: z.enum(ITEM_REMOVE_REASON_CODES).optional(),
      reason_note: reasonNote.optional(),
    });
  },
  output: requestIdResponse,
  effect: 'irreversible',
  deletes: true,
  answerMeans: 'removed',
  settle: { by: 'resend', basis: 'assumed' },
  remedy: 'The Item cannot be restored; the user has to connect it again through Link.',
  sensitive: [{ field: 'access_token' }],
  subjectFields: ['access_token'],
  absentCodes: ['ITEM_NOT_FOUND'],
});

/** Deletes a user together with its Items; this cannot be undone. Terminate its products first: later it is unknown. */
export const userRemove = defineHttpTask({
  service: plaidService,
  operation: 'userRemove',
  summary: 'Remove a user',
  description:
    'Deletes the user together with its Items. This cannot be undone. Terminate the products first: afterwards the user ID is unknown. Asset Reports stay.',
  docs: 'https://plaid.com/docs/api/users/#userremove',
  tags: ['plaid', 'users', 'removal'],
  method: 'POST',
  path: '/user/remove',
  get input() {
    return z
      .strictObject({ user_id: userId.optional(), user_token: userToken.optional() })
      .superRefine(refuseUnlessOneUser)
      .describe(ONE_USER);
  },
  output: requestIdResponse,
  effect: 'irreversible',
  deletes: true,
  answerMeans: 'removed',
  settle: { by: 'list', with: 'plaid.userItemsGet', basis: 'assumed' },
  remedy:
    'The user cannot be restored; make a new one with /user/create. Asset Reports have to be removed on their own.',
  sensitive: SENSITIVE_USER,
  subjectFields: ['user_id', 'user_token'],
  absentCodes: ['USER_NOT_FOUND'],
});
