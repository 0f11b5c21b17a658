import type { OAuthClient } from '../config/oauth-client';

/** What a token endpoint gave. */
export interface IssuedToken {
  value: string;
  /** For how long it may be used from now on. */
  livesMs: number;
}

/** Why there is no token; free of secrets. */
export interface TokenProblem {
  /** Whether the same request may go better later. */
  retryable: boolean;
  /** What happened, as the end of a sentence about the token endpoint. */
  what: string;
  /** OAuth's own code, for example `invalid_client`. */
  code?: string;
  retryAfterMs?: number;
}

/** No token could be had. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly problem: TokenProblem;

  constructor(problem: TokenProblem) {
    super(problem.what);
    this.problem = problem;
  }
}

/** Asks the token endpoint; rejects with a TokenError. */
export type AskForToken = () => Promise<IssuedToken>;

/** A token for one call. */
export interface GivenToken {
  value: string;
  /** It was there before the call wanted it, so it may have been revoked since. */
  cached: boolean;
}

/** A token is fetched anew in the last tenth of its life, but never sooner than this before its end. */
const EARLIEST_REFRESH_MS = 60_000;
const REFRESHED_PART = 10;
/** After a failure no other call asks again sooner: hundreds may wait for the same token. */
const PAUSE_MS = 1_000;

/** What is known of one client. */
interface Kept {
  token?: { value: string; refreshAtMs: number; endsAtMs: number };
  asking?: Promise<string>;
  failed?: { error: TokenError; untilMs: number };
}

/** Access tokens of this process, each fetched by one request at a time. They are in its memory and nowhere else. */
export class AccessTokens {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  /** @param now A clock in milliseconds. @default the process's own, which no change of the date moves */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * The client's token; asks for one when there is none, and before it ends. While an early request is under way, or has
   * failed, calls go on with the token that is still good.
   *
   * @throws TokenError when there is none to be had.
   */
  async get(client: OAuthClient, ask: AskForToken): Promise<GivenToken> {
    const kept = this.#keptFor(client.key);
    const now = this.#now();
    const isPaused = kept.failed !== undefined && now < kept.failed.untilMs;
    if (kept.token && now < kept.token.endsAtMs) {
      // Nobody waits for it, and the next call that needs a token tells of its failure.
      if (now >= kept.token.refreshAtMs && !isPaused) void this.#ask(kept, ask).catch(() => undefined);
      return { value: kept.token.value, cached: true };
    }
    if (isPaused && kept.failed) throw kept.failed.error;
    return { value: await this.#ask(kept, ask), cached: false };
  }

  /** Forgets a token that was refused, unless another has taken its place already. */
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
      // From before it was asked for: its life began no sooner.
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

  /** What belongs to keys that were replaced would otherwise stay for ever. */
  #forgetOld(): void {
    const now = this.#now();
    for (const [key, { token, asking, failed }] of this.#kept) {
      if (!asking && now >= Math.max(token?.endsAtMs ?? 0, failed?.untilMs ?? 0)) this.#kept.delete(key);
    }
  }
}

/** The tokens of this process. */
export const accessTokens = new AccessTokens();
