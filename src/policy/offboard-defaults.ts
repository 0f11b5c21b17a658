import type { z } from 'zod';
import { DEFAULT_DEADLINE_MS, toDurationMs } from './deadline';
import type { offboardUserInput } from './offboard-input';
import { idsOf } from './user-ids';
import type { ProviderIds } from './user-ids';

type Input = z.output<typeof offboardUserInput>;

/** Returns the input with its defaults filled in, so that two inputs that request the same are equal. */
export function withDefaults({
  user: { plaidUserId, plaidUserToken, batchUserId, ids, ...user },
  onFailure,
  deadline,
  dryRun,
  notFoundIsFine,
  verifyRemovals,
  plaid,
  batch,
  itemIds,
  providers,
  include,
  exclude,
  ...rest
}: Input): Input {
  const names = Object.entries({ providers, include, exclude }).flatMap(([field, list = []]) =>
    list.length > 0 ? [[field, [...new Set(list)].sort()]] : [],
  );
  return {
    ...rest,
    user: { ...user, ids: inOneOrder(idsOf({ plaidUserId, plaidUserToken, batchUserId, ids, itemIds })) },
    ...(Object.fromEntries(names) as Pick<Input, 'providers' | 'include' | 'exclude'>),
    ...(verifyRemovals === 'unsure' && { verifyRemovals }),
    onFailure: onFailure ?? 'continue',
    deadline: inOneForm(deadline),
    dryRun: dryRun ?? false,
    notFoundIsFine: notFoundIsFine ?? false,
    plaid: { removeUser: plaid?.removeUser ?? false },
    batch: { mode: batch?.mode ?? 'customData' },
  };
}

/** The order of the entries of a list has no meaning. */
function inOneOrder(ids: ProviderIds): Input['user']['ids'] {
  return Object.fromEntries(
    Object.entries(ids).map(([provider, given]) => [
      provider,
      Object.fromEntries(
        Object.entries(given).map(([id, value]) => [
          id,
          typeof value === 'string' ? value : [...new Set(value)].sort(),
        ]),
      ),
    ]),
  );
}

function inOneForm(deadline: string | undefined): string {
  const durationMs = deadline === undefined ? DEFAULT_DEADLINE_MS : toDurationMs(deadline);
  return durationMs === undefined ? new Date(deadline ?? '').toISOString() : `${durationMs}ms`;
}
