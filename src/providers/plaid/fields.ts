import { z } from 'zod';
import type { SensitiveField } from '../../tasks/define';

/** The id of a user made after 2025-12-10 (`usr_…`). Migrated CRA users carry the value of their user_token here. */
export const userId = z.string().min(1, 'must not be empty').describe('The `user_id` that `/user/create` returned.');

/** The token of a user made by an older integration. It opens the user's data, so it is treated as a secret. */
export const userToken = z.string().min(1, 'must not be empty').describe('The user token of an older integration.');

/** Plaid's user tokens, also in `user_id`. */
export const USER_TOKEN_SHAPE = /^user-(sandbox|development|production)-/;

/** The fields of a Plaid call that can hold a user's token. */
export const SENSITIVE_USER: readonly SensitiveField[] = [
  { field: 'user_token' },
  { field: 'user_id', when: USER_TOKEN_SHAPE },
];

/** What {@link refuseUnlessOneUser} requires, for people. */
export const ONE_USER = 'Exactly one of user_id and user_token is required.';

/** Refuses an input that names the user by both ids, or by none; Plaid's own schema leaves this to prose. */
export function refuseUnlessOneUser(
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

/** A response with nothing but the ID of the request. */
export const requestIdAnswer = z.looseObject({ request_id: z.string() });
