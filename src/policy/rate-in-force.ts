/** The limit on the calls that sweeps make under one key, in calls a minute. */
export type RateInForce = { callsPerMinute: number } & (
  | { by: 'sweep'; sweepId: string }
  | { by: 'standing' }
  | { by: 'documented' }
  /** Half of what was accepted at the last 429s, rising. */
  | { by: 'learned' }
  /** No limit is known: it rises until the first 429. */
  | { by: 'rising' }
);

/** A budget as stored in the ledger. */
export interface RateFacts {
  limitPerMinute?: number;
  standingPerMinute?: number;
  /** The lowest first. */
  sweeps: readonly { sweepId: string; limitPerMinute: number }[];
  learnedPerSecond?: number;
  sweepCallsPerSecond: number;
}

/**
 * Returns the limit in force for sweeps: the lowest of the running sweeps' own rates and the limit on all calls;
 * otherwise the learned rate.
 */
export function rateInForce({
  limitPerMinute,
  standingPerMinute,
  sweeps: [lowest],
  learnedPerSecond,
  sweepCallsPerSecond,
}: RateFacts): RateInForce {
  const all = standingPerMinute ?? limitPerMinute;
  if (lowest && (all === undefined || lowest.limitPerMinute < all)) {
    return { by: 'sweep', sweepId: lowest.sweepId, callsPerMinute: lowest.limitPerMinute };
  }
  if (all !== undefined)
    return { by: standingPerMinute === undefined ? 'documented' : 'standing', callsPerMinute: all };
  return { by: learnedPerSecond === undefined ? 'rising' : 'learned', callsPerMinute: sweepCallsPerSecond * 60 };
}
