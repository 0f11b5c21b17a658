import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { DEFAULT_DEADLINE_MS, toDurationMs } from '../policy/deadline';
import type { WorkflowType } from '../policy/example-inputs';
import { offboardUserInput } from '../policy/offboard-input';
import { idsOf } from '../policy/user-ids';
import type { ProviderIds } from '../policy/user-ids';

/** Whether two inputs request the same: compared as JSON, ignoring the order of fields, with defaults filled in. */
export function sameInput(workflowType: WorkflowType, one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(comparable(workflowType, one), comparable(workflowType, other));
}

function comparable(workflowType: WorkflowType, input: unknown): unknown {
  const plain: unknown = JSON.parse(JSON.stringify(input ?? null));
  if (workflowType !== 'offboardUser') return plain;
  const { data } = offboardUserInput.safeParse(plain);
  // A run started by another version may not match this version's schema; its input is compared as it is.
  return data ? JSON.parse(JSON.stringify(withDefaults(data))) : plain;
}

type Input = z.output<typeof offboardUserInput>;

/** Returns the input with its defaults filled in, so that two inputs that request the same are equal. */
function withDefaults({
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
