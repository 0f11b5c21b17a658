import type { Command } from 'commander';
import type { UserIds } from 'temporal-http-tasks/internal/ledger/user-subjects';
import { literalOption } from './command';

/** The ids of a user as options give them; a key is there only when its option is. */
export type UserOptions = UserIds;

/** Adds the options that name one user. */
export function addUserOptions(command: Command): Command {
  return command
    .addOption(literalOption('--plaid-user-id <id>', "the user's id at Plaid (usr_…)"))
    .addOption(literalOption('--plaid-user-token <token>', 'the user token of an older Plaid integration; a secret'))
    .addOption(literalOption('--batch-user-id <id>', "the user's custom id at Batch, exactly as your app gave it"));
}

/** The ids that were given, each as it stands. */
export function givenIds({ plaidUserId, plaidUserToken, batchUserId }: UserOptions): UserIds {
  return {
    ...(plaidUserId !== undefined && { plaidUserId }),
    ...(plaidUserToken !== undefined && { plaidUserToken }),
    ...(batchUserId !== undefined && { batchUserId }),
  };
}
