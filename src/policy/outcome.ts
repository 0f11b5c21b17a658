/**
 * What became of one step for one user.
 *
 * - `removed`: the provider confirmed it, or looking afterwards showed it.
 * - `alreadyGone`: it was gone before this run called, and this ledger has a receipt that once saw or removed it.
 * - `accepted`: the provider took the request and works on it later (Batch: 200 and a token).
 * - `skipped`: not done on purpose; `reason` says why.
 * - `held`: a legal hold forbids it.
 * - `notFound`: the provider does not know it and neither does this ledger; it may be the wrong environment.
 * - `failed`: the provider refused it for good; nothing was changed.
 * - `unknown`: it was sent, the answer was lost, and looking could not settle it.
 */
export const OUTCOMES = [
  'removed',
  'alreadyGone',
  'accepted',
  'skipped',
  'held',
  'notFound',
  'failed',
  'unknown',
] as const;

/** One of {@link OUTCOMES}. */
export type Outcome = (typeof OUTCOMES)[number];

/** The end of a whole run. */
export const RUN_STATUSES = ['completed', 'partial', 'failed', 'held', 'cancelled'] as const;

/** One of {@link RUN_STATUSES}. */
export type RunStatus = (typeof RUN_STATUSES)[number];
