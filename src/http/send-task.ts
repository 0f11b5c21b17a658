import type { LookupFunction } from 'node:net';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { OAuthClient } from '../config/oauth-client';
import { SettingsError } from '../config/problems';
import type { SenderSettings } from '../config/sender-settings';
import { sensitiveFieldsIn, tokensAt } from '../tasks/define';
import type { HttpTask, TaskOutput } from '../tasks/define';
import type { TaskFailure } from '../tasks/failure';
import { InvalidInputError } from '../tasks/parse-input';
import { accessTokens, TokenError } from './access-tokens';
import type { AccessTokens, IssuedToken } from './access-tokens';
import { cancelOn } from './cancellation';
import { Connections } from './connections';
import type { ExchangeResult } from './exchange';
import { prepareRequest } from './prepare-request';
import type { PreparedRequest, RequestParts } from './prepared-request';
import { readAnswer } from './read-answer';
import type { TaskAnswer } from './read-answer';
import { Scrubber } from './redact';
import { seeAnswer } from './seen-answer';
import type { SeenAnswer } from './seen-answer';
import { capTimeouts } from './timeouts';
import { invalidInput, notConfigured, toFailure, withoutToken } from './to-failure';
import { MOST_TOKEN_BYTES, readToken, TOKEN_TIMEOUTS, tokenRequest } from './token-endpoint';

/** How one call is sent. */
export interface SendOptions {
  /**
   * The caller's wish to stop, for example Temporal's cancellation. A read is cut off at any time; any other call only
   * while it is not yet sent: afterwards its answer is awaited, up to its time-outs, because it has to be recorded.
   */
  signal?: AbortSignal;
  /**
   * A reading of `performance.now()`. A call that has not begun to leave by then is not sent and fails
   * `Task.Unavailable`: what was recorded about it has grown too old to rely on.
   */
  notSentAfterMs?: number;
  /**
   * Called when the first bytes are about to leave, again for a second sending with other keys. A call that fails
   * without it was certainly not sent.
   */
  onSent?: () => void;
  /** The request that `prepare` made of the same task and input; made again when it is absent or keys have changed since. */
  prepared?: PreparedRequest;
  /** Called with whatever answer arrived, good or not, free of secrets: for a person who wants to see it. */
  onAnswer?: (answer: SeenAnswer) => void;
}

/** Sends HTTP tasks over kept-alive connections. Retries nothing: that is Temporal's part. */
export interface TaskSender {
  /**
   * Checks an input and makes the request, without sending it.
   *
   * @throws ApplicationFailure `Task.InvalidInput`, or `Task.Unauthorized` where the service is not configured.
   */
  prepare(task: HttpTask, input: unknown): PreparedRequest;
  /**
   * Sends one call and answers what the provider said, checked and free of secrets.
   *
   * Rejects with an ApplicationFailure whose type is a `Task.*`, or with CancelledFailure when `signal` stopped it.
   * Keys from files that the provider refuses are read again, and the refused call is sent once more if they changed. So
   * is a call that was answered 401 although its access token, which was not fetched for it, should still be good.
   */
  send<T extends HttpTask>(task: T, input: unknown, options?: SendOptions): Promise<TaskAnswer<TaskOutput<T>>>;
  /** Waits for the calls in flight and closes the connections. */
  close(): Promise<void>;
}

const DEFAULT_CONNECTIONS = 64;

/** Limits of a sender. */
export interface TaskSenderOptions {
  /** Connections, and so calls at the same time, to one origin. @default 64 */
  connectionsPerOrigin?: number;
  /** More values to scrub from answers, for example the key under which ids are hashed. @default none */
  moreSecrets?: readonly string[];
  /** Looks host names up for calls that may only go to public addresses; what it answers is checked. @default the system's */
  lookup?: LookupFunction;
  /** Where access tokens are kept. @default in this process, for all of its senders */
  tokens?: AccessTokens;
}

/** Makes a sender. Nothing is connected until the first call. */
export function createTaskSender(settings: SenderSettings, options: TaskSenderOptions = {}): TaskSender {
  return new PoolingSender(settings, options);
}

class PoolingSender implements TaskSender {
  readonly #settings: SenderSettings;
  readonly #options: TaskSenderOptions;
  readonly #connections: Connections;
  readonly #tokens: AccessTokens;
  #scrubber: Scrubber | undefined;
  #scrubberVersion = -1;
  /** How often keys had changed when each request was made. */
  readonly #madeAfter = new WeakMap<PreparedRequest, number>();

  constructor(settings: SenderSettings, options: TaskSenderOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#connections = new Connections({
      perOrigin: options.connectionsPerOrigin ?? DEFAULT_CONNECTIONS,
      network: settings,
      lookup: options.lookup,
    });
    this.#tokens = options.tokens ?? accessTokens;
  }

  prepare(task: HttpTask, input: unknown): PreparedRequest {
    try {
      const prepared = prepareRequest(task, input, this.#settings);
      this.#madeAfter.set(prepared, this.#settings.rotations);
      return prepared;
    } catch (error) {
      if (error instanceof InvalidInputError) throw invalidInput(task, error);
      if (error instanceof SettingsError) throw notConfigured(task, error.problems[0]?.message ?? '');
      throw error;
    }
  }

  async send<T extends HttpTask>(
    task: T,
    input: unknown,
    options: SendOptions = {},
  ): Promise<TaskAnswer<TaskOutput<T>>> {
    const { rotations } = this.#settings;
    const cached = new Map<OAuthClient, string>();
    try {
      return await this.#sendOnce(task, input, options, cached);
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      // The provider refused the keys, so nothing was done: with other keys the same call may go out once more.
      const rotated = this.#rotatedSince(rotations);
      const dropped = this.#dropRefused(error, cached);
      if (!rotated && !dropped) throw error;
      return await this.#sendOnce(task, input, options, new Map());
    }
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  /** @param cached Gets the tokens that were not fetched for this call. */
  async #sendOnce<T extends HttpTask>(
    task: T,
    input: unknown,
    options: SendOptions,
    cached: Map<OAuthClient, string>,
  ): Promise<TaskAnswer<TaskOutput<T>>> {
    const prepared = this.#isCurrent(options.prepared) ? options.prepared : this.prepare(task, input);
    const request = prepared.tokenClients ? await this.#signed(task, prepared, options, cached) : prepared;
    const result = await this.#exchange(task, prepared, request, options);
    if (result.kind === 'cancelled') throw cancelled(task);
    if (result.kind === 'answer') options.onAnswer?.(seeAnswer(result, this.#scrubberFor(task, input)));
    const read = result.kind === 'lost' ? result : this.#read(task, input, result, prepared);
    const { keySlot, environment, effect } = prepared;
    const slot = keySlot === undefined ? {} : { keySlot };
    if ('kind' in read) throw toFailure({ task, effect, ...slot }, read);
    return { ...(read as TaskAnswer<TaskOutput<T>>), ...slot, environment };
  }

  #isCurrent(prepared: PreparedRequest | undefined): prepared is PreparedRequest {
    return prepared !== undefined && this.#madeAfter.get(prepared) === this.#settings.rotations;
  }

  /** What nobody foresaw in an answer, or what a task's own schema throws, leaves the call answered in a way that cannot be read. */
  #read(
    task: HttpTask,
    input: unknown,
    answer: Extract<ExchangeResult, { kind: 'answer' }>,
    { expectedStatuses, keepBody }: PreparedRequest,
  ): ReturnType<typeof readAnswer> {
    try {
      return readAnswer(task, answer, this.#scrubberFor(task, input), Date.now(), { expectedStatuses, keepBody });
    } catch {
      return { kind: 'unexpected', status: answer.status, what: 'unreadable' };
    }
  }

  #exchange(
    task: HttpTask,
    { effect }: PreparedRequest,
    request: RequestParts,
    { signal, onSent, notSentAfterMs }: SendOptions,
  ): Promise<ExchangeResult> {
    const timeouts = capTimeouts(
      request.timeouts ? { ...task.timeouts, ...request.timeouts } : task.timeouts,
      this.#settings.totalTimeoutMs,
    );
    const limits = {
      totalMs: timeouts.totalMs,
      // The answer to HEAD tells the length of a body that does not come.
      maxResponseBytes: request.method === 'HEAD' ? Number.POSITIVE_INFINITY : task.maxResponseBytes,
      asBase64: task.answerForm?.as === 'base64',
      mayAbortAfterSending: effect === 'read',
      notSentAfterMs,
    };
    return this.#connections.exchange({ request, timeouts, limits, signal, onSent });
  }

  /** The request with access tokens in it, which are fetched where there are none. */
  async #signed(
    task: HttpTask,
    prepared: PreparedRequest,
    { signal }: SendOptions,
    cached: Map<OAuthClient, string>,
  ): Promise<RequestParts> {
    const tokens = new Map<OAuthClient, string>();
    for (const client of prepared.tokenClients ?? []) {
      try {
        const given = await unlessCancelled(
          task,
          signal,
          this.#tokens.get(client, () => this.#askForToken(client)),
        );
        if (given.cached) cached.set(client, given.value);
        tokens.set(client, given.value);
        this.#settings.noteToken(client, given.value);
      } catch (error) {
        throw error instanceof TokenError ? withoutToken({ task, ...prepared }, error.problem, client.settings) : error;
      }
    }
    return prepared.withTokens(tokens);
  }

  /** Others may wait for the same token, so that no cancellation of one call ends it. */
  async #askForToken(client: OAuthClient): Promise<IssuedToken> {
    const timeouts = capTimeouts(TOKEN_TIMEOUTS, this.#settings.totalTimeoutMs);
    const limits = { totalMs: timeouts.totalMs, maxResponseBytes: MOST_TOKEN_BYTES, mayAbortAfterSending: true };
    return readToken(
      await this.#connections.exchange({ request: tokenRequest(client), timeouts, limits }),
      client,
      Date.now(),
    );
  }

  /** Forgets the tokens of a call that was answered 401; answers whether there were any. */
  #dropRefused(error: ApplicationFailure, cached: ReadonlyMap<OAuthClient, string>): boolean {
    const { status } = (error.details?.[0] ?? {}) as Partial<TaskFailure>;
    if (status !== 401) return false;
    for (const [client, token] of cached) this.#tokens.refused(client, token);
    return cached.size > 0;
  }

  #scrubberFor(task: HttpTask, input: unknown): Scrubber {
    const tokens = sensitiveFieldsIn(task, input).flatMap((field) => tokensAt(input, field));
    if (!this.#scrubber || this.#scrubberVersion !== this.#settings.version) {
      this.#scrubber = new Scrubber([...this.#settings.secretValues(), ...(this.#options.moreSecrets ?? [])]);
      this.#scrubberVersion = this.#settings.version;
    }
    return tokens.length > 0 ? this.#scrubber.with(tokens) : this.#scrubber;
  }

  /** Another call that was refused at the same time may have read the files already. */
  #rotatedSince(rotations: number): boolean {
    return this.#settings.reload() || this.#settings.rotations !== rotations;
  }
}

function isUnauthorized(error: unknown): error is ApplicationFailure {
  return error instanceof ApplicationFailure && error.type === 'Task.Unauthorized';
}

function cancelled(task: HttpTask): CancelledFailure {
  return new CancelledFailure(`${task.name} was cancelled`);
}

/** Waits for it, or until the caller wants to stop; nothing was sent then. */
async function unlessCancelled<T>(task: HttpTask, signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work;
  let forget: (() => void) | undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    const cancel = (): void => reject(cancelled(task));
    if (signal.aborted) cancel();
    else forget = cancelOn(signal, { cancel });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    forget?.();
  }
}
