import type { OAuthClient } from '../config/credential';

/** An access token as issued by a token endpoint. */
export interface IssuedToken {
  value: string;
  /** Remaining lifetime in milliseconds. */
  livesMs: number;
}

/** Why there is no token; contains no secrets. */
export interface TokenProblem {
  /** Whether the same request may succeed later. */
  retryable: boolean;
  /** What happened, as the end of a sentence about the token endpoint. */
  what: string;
  /** OAuth's own code, for example `invalid_client`. */
  code?: string;
  retryAfterMs?: number;
}

/** No access token could be obtained. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly problem: TokenProblem;

  constructor(problem: TokenProblem) {
    super(problem.what);
    this.problem = problem;
  }
}

/** Requests a token from the endpoint; rejects with a TokenError. */
export type AskForToken = () => Promise<IssuedToken>;

/** A token for one call. */
export interface GivenToken {
  value: string;
  /** It was obtained before this call needed it, so it may have been revoked since. */
  cached: boolean;
}

/** A token is refreshed during the last tenth of its lifetime, but at most this many milliseconds before it ends. */
const EARLIEST_REFRESH_MS = 60_000;
const REFRESHED_PART = 10;
/**
 * Minimum pause, in milliseconds, after a failed request for a token: hundreds of calls may wait for the same token.
 */
const PAUSE_MS = 1_000;

/** What is known about one client. */
interface Kept {
  token?: { value: string; refreshAtMs: number; endsAtMs: number };
  asking?: Promise<string>;
  failed?: { error: TokenError; untilMs: number };
}

/** The access tokens of this process, each fetched by one request at a time. They are kept only in memory. */
export class AccessTokens {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  /** @param now A clock in milliseconds. @default a monotonic clock, which changes of the system time do not affect */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Returns the client's token. Requests one if there is none, and refreshes it before it expires. While a refresh is
   * in progress or has failed, calls use the current token as long as it is valid.
   *
   * @throws TokenError if no token can be obtained.
   */
  async get(client: OAuthClient, ask: AskForToken): Promise<GivenToken> {
    const kept = this.#keptFor(client.key);
    const now = this.#now();
    const isPaused = kept.failed !== undefined && now < kept.failed.untilMs;
    if (kept.token && now < kept.token.endsAtMs) {
      // No call waits for this refresh; if it fails, the next call that needs a token reports it.
      if (now >= kept.token.refreshAtMs && !isPaused) void this.#ask(kept, ask).catch(() => undefined);
      return { value: kept.token.value, cached: true };
    }
    if (isPaused && kept.failed) throw kept.failed.error;
    return { value: await this.#ask(kept, ask), cached: false };
  }

  /** Drops a rejected token unless it was already replaced. */
  refused(client: OAuthClient, value: string): void {
    const kept = this.#keptFor(client.key);
    if (kept.token?.value === value) delete kept.token;
  }

  #ask(kept: Kept, ask: AskForToken): Promise<string> {
    kept.asking ??= this.#askAndKeep(kept, ask).finally(() => delete kept.asking);
    return kept.asking;
  }

  async #askAndKeep(kept: Kept, ask: AskForToken): Promise<string> {
    try {
      // Taken before the request, so that the token never counts as valid for longer than it is.
      const askedAtMs = this.#now();
      const { value, livesMs } = await ask();
      const endsAtMs = askedAtMs + livesMs;
      kept.token = { value, endsAtMs, refreshAtMs: endsAtMs - Math.min(EARLIEST_REFRESH_MS, livesMs / REFRESHED_PART) };
      delete kept.failed;
      return value;
    } catch (error) {
      if (error instanceof TokenError)
        kept.failed = { error, untilMs: this.#now() + Math.max(PAUSE_MS, error.problem.retryAfterMs ?? 0) };
      throw error;
    }
  }

  #keptFor(key: string): Kept {
    const known = this.#kept.get(key);
    if (known) return known;
    this.#forgetOld();
    const kept: Kept = {};
    this.#kept.set(key, kept);
    return kept;
  }

  /** Removes entries of replaced keys, which would otherwise stay forever. */
  #forgetOld(): void {
    const now = this.#now();
    for (const [key, { token, asking, failed }] of this.#kept) {
      if (!asking && now >= Math.max(token?.endsAtMs ?? 0, failed?.untilMs ?? 0)) this.#kept.delete(key);
    }
  }
}

/** The access tokens of this process. */
export const accessTokens = new AccessTokens();
