import { prepareStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import type { PreparedStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import type { LocalStack } from '../local-stack';
import type { CastMember } from './cast';

/** Links to the UI's forms, with one of the cast whom the simulators know in their examples. */
export async function startsIn(
  { client, uiUrl = '', taskQueue }: LocalStack,
  cast: readonly CastMember[],
): Promise<PreparedStarts> {
  const known = cast.find(
    ({ plaid, input, onHold }) => plaid !== undefined && input.user.plaidUserId !== undefined && !onHold,
  );
  const { plaidUserId, batchUserId } = known?.input.user ?? {};
  const user =
    plaidUserId === undefined ? undefined : { plaidUserId, ...(batchUserId !== undefined && { batchUserId }) };
  return prepareStarts(client, { uiUrl, taskQueue }, user);
}
