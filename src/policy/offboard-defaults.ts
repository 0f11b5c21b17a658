import type { z } from 'zod';
import { DEFAULT_DEADLINE_MS, toDurationMs } from './deadline';
import type { offboardUserInput } from './offboard-input';

type Input = z.output<typeof offboardUserInput>;

/** An input with everything written out that is done when it is left out: two that ask for one thing then look alike. */
export function withDefaults({
  onFailure,
  deadline,
  dryRun,
  notFoundIsFine,
  verifyRemovals,
  plaid,
  batch,
  itemIds,
  exclude,
  ...rest
}: Input): Input {
  return {
    ...rest,
    ...(itemIds && { itemIds: [...new Set(itemIds)].sort() }),
    ...(exclude && exclude.length > 0 && { exclude }),
    ...(verifyRemovals === 'unsure' && { verifyRemovals }),
    onFailure: onFailure ?? 'continue',
    deadline: inOneForm(deadline),
    dryRun: dryRun ?? false,
    notFoundIsFine: notFoundIsFine ?? false,
    plaid: { removeUser: plaid?.removeUser ?? false },
    batch: { mode: batch?.mode ?? 'customData' },
  };
}

function inOneForm(deadline: string | undefined): string {
  const durationMs = deadline === undefined ? DEFAULT_DEADLINE_MS : toDurationMs(deadline);
  return durationMs === undefined ? new Date(deadline ?? '').toISOString() : `${durationMs}ms`;
}
