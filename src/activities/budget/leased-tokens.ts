interface Lease {
  tokens: number;
  untilMs: number;
}

/** The calls that this process may still make; each expires with its lease. */
export class LeasedTokens {
  /** Oldest first, so that tokens are used in the order in which they expire. */
  #leases: Lease[] = [];
  #left = 0;

  /** Number of tokens, including those that have expired since the last {@link take}. */
  get left(): number {
    return this.#left;
  }

  add(tokens: number, untilMs: number): void {
    if (tokens === 0) return;
    this.#leases.push({ tokens, untilMs });
    this.#left += tokens;
  }

  /** Uses one token that has not expired. */
  take(nowMs: number): boolean {
    let lease = this.#leases[0];
    while (lease !== undefined && (lease.tokens === 0 || nowMs >= lease.untilMs)) {
      this.#left -= lease.tokens;
      this.#leases.shift();
      lease = this.#leases[0];
    }
    if (lease === undefined) return false;
    lease.tokens -= 1;
    this.#left -= 1;
    return true;
  }

  drop(): void {
    this.#leases = [];
    this.#left = 0;
  }
}
