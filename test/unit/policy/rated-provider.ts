import { lease, report } from 'temporal-http-tasks/internal/policy/rate';
import type { Caller, RateState } from 'temporal-http-tasks/internal/policy/rate';

export const T0 = 1_700_000_000_000;

/** The most calls that were started in any 60 seconds. */
export function mostInAMinute(calls: readonly { atMs: number; tokens: number }[]): number {
  const sorted = [...calls].sort((a, b) => a.atMs - b.atMs);
  let most = 0;
  for (let from = 0, to = 0, sum = 0; to < sorted.length; to++) {
    sum += sorted[to]?.tokens ?? 0;
    while ((sorted[to]?.atMs ?? 0) - (sorted[from]?.atMs ?? 0) >= 60_000) sum -= sorted[from++]?.tokens ?? 0;
    most = Math.max(most, sum);
  }
  return most;
}

/** A provider with a limit in calls per second, and by default bursts of one second's calls. */
export class Provider {
  #tokens: number;
  #atMs = T0;
  accepted = 0;
  refused = 0;

  constructor(
    private readonly perSecond: number,
    private readonly burst = perSecond,
  ) {
    this.#tokens = burst;
  }

  call(count: number, atMs: number): { accepted: number; refused: number } {
    this.#tokens = Math.min(this.burst, this.#tokens + ((atMs - this.#atMs) / 1_000) * this.perSecond);
    this.#atMs = atMs;
    const accepted = Math.min(count, Math.floor(this.#tokens));
    this.#tokens -= accepted;
    this.accepted += accepted;
    this.refused += count - accepted;
    return { accepted, refused: count - accepted };
  }
}

/** The responses of a provider, all of them for one caller. */
export function responsesFor(caller: Caller, { accepted, refused }: { accepted: number; refused: number }) {
  return { accepted, refused, refusedSweeps: caller === 'sweep' ? refused : 0 };
}

/** Hungry sweeps, or live runs, one of which asks every 50 ms and immediately makes the calls it got. */
export function run(
  state: RateState,
  provider: Provider,
  seconds: number,
  retryAfterMs?: number,
  caller: Caller = 'sweep',
): RateState {
  let now = state;
  const fromMs = state.atMs;
  for (let step = 0; step < seconds * 20; step++) {
    const nowMs = fromMs + step * 50;
    const response = lease(now, { want: 5_000, caller, nowMs });
    now = response.state;
    const responses = provider.call(response.tokens, nowMs);
    now = report(now, {
      ...responsesFor(caller, responses),
      nowMs,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }
  return now;
}
