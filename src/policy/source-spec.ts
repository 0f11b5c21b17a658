import { z } from 'zod';
import { INSTANT_RULE, instantMs } from './instant';
import { receivedAtText, requestFields } from './request-fields';
import { offboardUserInput, userIds } from './offboard-input';
import { isPlaceholder } from './placeholders';

/**
 * The columns of a source of users; an empty cell means that the ID is not given. Others are ignored unless their names
 * resemble an ID's.
 */
export const USER_COLUMNS = [
  'plaid_user_id',
  'plaid_user_token',
  'batch_user_id',
  'reference',
  'item_ids',
  'closed_at',
  'account',
  'received_at',
  'law',
] as const;

const closedAt = z
  .string()
  .refine((text) => instantMs(text) !== undefined, INSTANT_RULE)
  .optional()
  .describe(
    'When the account was closed, with the offset from UTC. With skipDone, a user is left out only if every ID was processed after this time.',
  );

/**
 * One user of a source: the user of `offboardUser`, together with the Items to remove, the time of the closure, and when
 * the user's own request was received.
 */
export const targetUser = userIds
  .safeExtend({
    itemIds: offboardUserInput.shape.itemIds,
    closedAt,
    receivedAt: receivedAtText
      .optional()
      .describe("When this user's request was received, with its offset from UTC; the register has a row for it."),
    law: requestFields.law.describe("The law of this user's request. Default: that of the sweep."),
  })
  .superRefine((user, context) => {
    if (user.itemIds && user.plaidUserId === undefined && user.plaidUserToken === undefined) {
      context.addIssue({ code: 'custom', path: ['itemIds'], message: 'needs plaidUserId or plaidUserToken' });
    }
    if (user.law !== undefined && user.law !== 'none' && user.receivedAt === undefined)
      context.addIssue({ code: 'custom', path: ['receivedAt'], message: `is required with law ${user.law}` });
  });

const otherName = z.string().min(1, 'must not be empty').optional();

/**
 * The source's names of columns, by our names; a column that is left out keeps our name. Only a worker knows the
 * columns of other providers' IDs; it refuses unknown ones.
 */
const columnNames = z
  .object({
    plaid_user_id: otherName,
    plaid_user_token: otherName,
    batch_user_id: otherName,
    reference: otherName,
    item_ids: otherName,
    closed_at: otherName,
    account: otherName,
    received_at: otherName,
    law: otherName,
  })
  .catchall(otherName)
  .superRefine((names, context) => {
    for (const column of Object.keys(names))
      if (!/^[a-z][a-z\d]*(?:_[a-z\d]+)+$/.test(column) && !USER_COLUMNS.some((own) => own === column))
        context.addIssue({ code: 'custom', path: [column], message: 'unknown column' });
  });

/** Our column names with the names that a source uses instead. */
export type ColumnNames = z.output<typeof columnNames>;

/** Default limit on the pages of a source. */
export const DEFAULT_MAX_PAGES = 100_000;

const path = z.string().min(1, 'must not be empty').optional();

const pages = z
  .strictObject({
    task: z.string().min(1, 'must not be empty').describe('A task of the catalogue that only reads.'),
    input: z.record(z.string(), z.json()).optional().describe('The input of that task for the first page.'),
    itemsPath: path.describe(
      'Path to the list in the response, for example data.users. Default: the response is the list.',
    ),
    nextCursorPath: path.describe('Path to the cursor of the next page. Null or an empty text marks the last page.'),
    cursorField: path.describe(
      'The input field that takes the cursor; for http.request also "uri" (a next link) or "uri?NAME" (a query parameter).',
    ),
    endsWithoutCursor: z
      .boolean()
      .optional()
      .describe('Whether a response without any cursor is the last page. Default: no, such a response is refused.'),
    fields: columnNames.optional().describe('Dotted path to each column in an entry of the list.'),
    maxPages: z
      .number()
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe(`More pages are refused. Default: ${DEFAULT_MAX_PAGES}.`),
  })
  .superRefine((given, context) => {
    if ((given.nextCursorPath === undefined) === (given.cursorField === undefined)) return;
    const missing = given.cursorField === undefined ? 'cursorField' : 'nextCursorPath';
    context.addIssue({
      code: 'custom',
      path: [missing],
      message: 'give both nextCursorPath and cursorField, or neither for a response of one page',
    });
  });

/** The kinds of sources, by the fields that describe them. */
export const SOURCE_KINDS = ['inline', 'file', 'query', 'pages', 'custom'] as const;

/**
 * Where the users of a sweep come from: exactly one of a list, a file, a configured query, the pages of an HTTP API, or
 * a source of your own. It contains no SQL and no absolute path, since any client that may start a sweep could write
 * it.
 */
export const sourceSpec = z
  .strictObject({
    inline: z.array(targetUser).min(1, 'must not be empty (an empty list does not mean all users)').optional(),
    file: z
      .string()
      .min(1, 'must not be empty')
      .optional()
      .describe('Relative to HTTP_TASKS_SOURCE_DIR; .csv or .jsonl, also with .gz.'),
    format: z.enum(['csv', 'jsonl']).optional().describe("Default: by the file name's ending."),
    columns: columnNames.optional().describe('For a file whose columns have other names.'),
    query: z
      .string()
      .regex(
        /^[A-Za-z][A-Za-z0-9_-]*$/,
        'must be the name of a configured query: a letter, then letters, digits, "-" or "_"',
      )
      .optional()
      .describe('NAME in HTTP_TASKS_SOURCE_<NAME>_QUERY, in any case.'),
    pages: pages.optional(),
    ignoreColumns: z
      .array(z.string())
      .optional()
      .describe(
        'Columns that are left out on purpose. Without it a column that is not used is refused when its name resembles that of an ID.',
      ),
    allowPlaceholders: z
      .array(z.string().refine(isPlaceholder, 'is not a placeholder, so it needs no permission'))
      .optional()
      .describe(
        'Texts such as "null" or "0" that are IDs in this source. Without it rows with a placeholder in place of an ID are rejected.',
      ),
    account: userIds.shape.account.describe('The account of the users for whom the source names none.'),
    custom: z.strictObject({ name: z.string().min(1, 'must not be empty'), options: z.json().optional() }).optional(),
  })
  .superRefine((given, context) => {
    const chosen = SOURCE_KINDS.filter((kind) => given[kind] !== undefined);
    if (chosen.length !== 1) {
      const what = chosen.length === 0 ? 'none is given' : `${chosen.join(' and ')} are given`;
      context.addIssue({
        code: 'custom',
        path: [],
        message: `exactly one of ${SOURCE_KINDS.join(', ')} is needed; ${what}`,
      });
    }
    for (const option of ['format', 'columns'] as const) {
      if (given[option] === undefined || given.file !== undefined) continue;
      context.addIssue({ code: 'custom', path: [option], message: 'belongs to file only; leave it out' });
    }
    if (
      given.ignoreColumns !== undefined &&
      given.file === undefined &&
      given.query === undefined &&
      given.pages === undefined
    ) {
      context.addIssue({
        code: 'custom',
        path: ['ignoreColumns'],
        message: 'belongs to file, query and pages only; leave it out',
      });
    }
  });

/** A checked description of a source. */
export type SourceSpec = z.output<typeof sourceSpec>;

/** What {@link sourceSpec} says about the pages of an HTTP API. */
export type PagesSpec = NonNullable<SourceSpec['pages']>;
