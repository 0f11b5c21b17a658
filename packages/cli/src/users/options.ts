import type { Option } from 'commander';
import type { UserIds } from 'temporal-http-tasks/internal/ledger/user-subjects';
import { literalOption, repeatedOption } from '../program/command';
import type { CommonOptions } from '../program/command';

/** The ids of a user as options give them; a key is there only when its option is. */
export type UserOptions = UserIds;

/** IDs at any provider, as `--id` gives them. */
export interface IdOptions {
  /** `courier.contactId=c_1`; a list is given by repeating it. */
  id?: readonly string[];
  /** The account in which the IDs are valid. */
  account?: string;
  /** Files and folders with provider files, instead of HTTP_TASKS_PROVIDERS. */
  providers?: string;
}

/** What every command takes that works with providers. */
export interface ProvidersOptions extends CommonOptions {
  /** Files and folders with provider files, separated by commas. */
  providers?: string;
}

/** `--providers`. */
export const PROVIDERS_OPTION = literalOption(
  '--providers <paths>',
  'files and folders with provider files, separated by commas (default: HTTP_TASKS_PROVIDERS)',
);

/** `--id` for users, and `--providers`. */
export function idOptions(more = ''): readonly Option[] {
  return [
    repeatedOption(
      '--id <id>',
      `an ID of the user at any provider, such as courier.contactId=c_1; may be repeated${more}`,
    ),
    literalOption('--account <name>', 'the account in which the IDs are valid, at each provider that has it'),
    PROVIDERS_OPTION,
  ];
}

/** The options that name one user at the first providers. */
export const USER_OPTIONS: readonly Option[] = [
  literalOption('--plaid-user-id <id>', "the user's ID at Plaid (usr_…)"),
  literalOption('--plaid-user-token <token>', 'the user token of an older Plaid integration; a secret'),
  literalOption('--batch-user-id <id>', "the user's custom ID at Batch, exactly as your app gave it"),
];

/** The given ids, each unchanged. */
export function givenIds({ plaidUserId, plaidUserToken, batchUserId }: UserOptions): UserIds {
  return {
    ...(plaidUserId !== undefined && { plaidUserId }),
    ...(plaidUserToken !== undefined && { plaidUserToken }),
    ...(batchUserId !== undefined && { batchUserId }),
  };
}
