interface Limit {
  perSecond: number;
  burst?: number | undefined;
}

/** A token bucket that starts full and refills evenly. */
class TokenBucket {
  private readonly capacity: number;
  private tokens: number;
  private filledAtMs = performance.now();

  constructor(private readonly limit: Limit) {
    this.capacity = limit.burst ?? Math.max(1, limit.perSecond);
    this.tokens = this.capacity;
  }

  refill(): void {
    const nowMs = performance.now();
    this.tokens = Math.min(this.capacity, this.tokens + ((nowMs - this.filledAtMs) / 1000) * this.limit.perSecond);
    this.filledAtMs = nowMs;
  }

  hasToken(): boolean {
    return this.tokens >= 1;
  }

  take(): void {
    this.tokens -= 1;
  }
}

/** One bucket per limited endpoint, and one for `*`. A call needs a token from each bucket that applies to it. */
export class RateLimiter {
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(limits: Partial<Record<string, Limit>>) {
    for (const [endpoint, limit] of Object.entries(limits)) {
      if (limit) this.buckets.set(endpoint, new TokenBucket(limit));
    }
  }

  /**
   * Takes the call's tokens and returns true, or takes none and returns false, so that a refused call costs nothing.
   */
  admits(endpoint: string): boolean {
    if (this.buckets.size === 0) return true;
    const concerned = [this.buckets.get(endpoint), this.buckets.get('*')].filter((bucket) => bucket !== undefined);
    for (const bucket of concerned) bucket.refill();
    if (!concerned.every((bucket) => bucket.hasToken())) return false;
    for (const bucket of concerned) bucket.take();
    return true;
  }
}
