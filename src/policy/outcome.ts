/**
 * The outcome of one step for one user.
 *
 * - `removed`: the provider confirmed it, or a follow-up read did.
 * - `alreadyGone`: it was deleted before this run called, and this ledger has a receipt that saw or removed it.
 * - `accepted`: the provider accepted the request and processes it later (Batch: 200 and a token).
 * - `skipped`: not done on purpose; `reason` has the cause.
 * - `held`: a legal hold forbids it.
 * - `notFound`: neither the provider nor this ledger knows it; it may be the wrong environment.
 * - `failed`: the provider rejected it permanently; nothing was changed.
 * - `unknown`: it was sent, the response was lost, and a follow-up read was inconclusive.
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

/** The status of a whole run that has ended. */
export const RUN_STATUSES = ['completed', 'partial', 'failed', 'held', 'cancelled'] as const;

/** One of {@link RUN_STATUSES}. */
export type RunStatus = (typeof RUN_STATUSES)[number];
