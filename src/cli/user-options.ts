import type { Command } from 'commander';
import { ProblemList } from '../config/problems';
import { readText } from '../config/env';
import type { UserIds } from '../ledger/user-subjects';
import { plaidService } from '../tasks/plaid/service';
import { literalOption } from './command';
import type { Io } from './io';

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

/**
 * The environment in which a Plaid id means this user: `PLAID_ENV`, else sandbox. No keys are needed.
 *
 * @throws SettingsError when it is no environment of Plaid.
 */
export function plaidEnvironment(env: Io['env']): string {
  const environment = readText(env, 'PLAID_ENV') ?? plaidService.defaultEnvironment;
  const problems = new ProblemList();
  const known = Object.hasOwn(plaidService.environments, environment);
  if (!known) {
    const allowed = Object.keys(plaidService.environments).join(', ');
    problems.add('PLAID_ENV', `"${environment}" is no environment of Plaid; allowed: ${allowed}.`);
  }
  return problems.finish(environment);
}
