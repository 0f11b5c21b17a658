import type { LookupFunction } from 'node:net';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { OAuthClient } from '../config/credential';
import { SettingsError } from '../config/env';
import type { SenderSettings } from '../config/sender-settings';
import { sensitiveFieldsIn, tokensAt } from '../tasks/define';
import type { HttpTask, TaskOutput } from '../tasks/define';
import type { TaskFailure } from '../tasks/failure';
import { InvalidInputError } from '../tasks/parse-input';
import { accessTokens, MOST_TOKEN_BYTES, readToken, TOKEN_TIMEOUTS, TokenError, tokenRequest } from './access-tokens';
import type { AccessTokens, IssuedToken } from './access-tokens';
import { cancelOn, Connections } from './connections';
import type { ExchangeResult, PreparedRequest, RequestParts } from './exchange';
import { prepareRequest } from './prepare-request';
import { readResponse, seeResponse } from './read-response';
import type { SeenResponse, TaskResponse } from './read-response';
import { Scrubber } from './redact';
import { capTimeouts } from './exchange';
import { invalidInput, notConfigured, toFailure, withoutToken } from './to-failure';

/** Options of one call. */
export interface SendOptions {
  /**
   * Cancels the call, for example on Temporal's cancellation. A read is aborted at any time. Any other call is
   * cancelled only before it is sent; after that its response is awaited, up to its timeouts, because it has to be
   * recorded.
   */
  signal?: AbortSignal;
  /**
   * A reading of `performance.now()`. A call that has not started to be sent by then is not sent and fails with
   * `Task.Unavailable`, because what was recorded about it has become too old to rely on.
   */
  notSentAfterMs?: number;
  /**
   * Called just before the first bytes are sent, and again if the call is repeated with other keys. A call that fails
   * without it was certainly not sent.
   */
  onSent?: () => void;
  /**
   * The request that `prepare` returned for the same task and input; prepared again if absent or if keys have changed
   * since.
   */
  prepared?: PreparedRequest;
  /** Called with every response, success or error, without secrets, so that it can be shown to a person. */
  onResponse?: (response: SeenResponse) => void;
}

/** Sends HTTP tasks over keep-alive connections. Does not retry: Temporal does. */
export interface TaskSender {
  /**
   * Validates an input and builds the request without sending it.
   *
   * @throws ApplicationFailure `Task.InvalidInput`, or `Task.Unauthorized` if the service is not configured.
   */
  prepare(task: HttpTask, input: unknown): PreparedRequest;
  /**
   * Sends one call and returns the validated response without secrets.
   *
   * Rejects with an ApplicationFailure whose type is a `Task.*`, or with CancelledFailure if `signal` cancelled it. If
   * the provider refuses keys from files, the files are read again and the call is sent once more if the keys changed.
   * The call is also sent once more after a 401 if it used a cached access token.
   */
  send<T extends HttpTask>(task: T, input: unknown, options?: SendOptions): Promise<TaskResponse<TaskOutput<T>>>;
  /** Waits for calls in flight, then closes the connections. */
  close(): Promise<void>;
}

const DEFAULT_CONNECTIONS = 80;

/** Limits of a sender. */
export interface TaskSenderOptions {
  /** Maximum connections, and so concurrent calls, per origin. @default 80 */
  connectionsPerOrigin?: number;
  /** Additional values to remove from responses, for example the key with which IDs are hashed. @default none */
  moreSecrets?: readonly string[];
  /**
   * DNS lookup for calls that may only go to public addresses; its results are checked. @default the system's lookup
   */
  lookup?: LookupFunction;
  /** Where access tokens are kept. @default in memory, shared by all senders of this process */
  tokens?: AccessTokens;
}

/** Creates a sender. Connects on the first call. */
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
  /** For each request, how often keys had changed when it was prepared. */
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
  ): Promise<TaskResponse<TaskOutput<T>>> {
    const { rotations } = this.#settings;
    const cached = new Map<OAuthClient, string>();
    try {
      return await this.#sendOnce(task, input, options, cached);
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      // The provider refused the keys, so nothing was done: the call may be sent once more with other keys.
      const rotated = this.#rotatedSince(rotations);
      const dropped = this.#dropRefused(error, cached);
      if (!rotated && !dropped) throw error;
      return await this.#sendOnce(task, input, options, new Map());
    }
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  /** @param cached Receives the tokens that were not fetched for this call. */
  async #sendOnce<T extends HttpTask>(
    task: T,
    input: unknown,
    options: SendOptions,
    cached: Map<OAuthClient, string>,
  ): Promise<TaskResponse<TaskOutput<T>>> {
    const prepared = this.#isCurrent(options.prepared) ? options.prepared : this.prepare(task, input);
    const request = prepared.tokenClients ? await this.#signed(task, prepared, options, cached) : prepared;
    const result = await this.#exchange(task, prepared, request, options);
    if (result.kind === 'cancelled') throw cancelled(task);
    if (result.kind === 'response') options.onResponse?.(seeResponse(result, this.#scrubberFor(task, input)));
    const read = result.kind === 'lost' ? result : this.#read(task, input, result, prepared);
    const { keySlot, environment, effect } = prepared;
    const slot = keySlot === undefined ? {} : { keySlot };
    if ('kind' in read) throw toFailure({ task, effect, ...slot }, read);
    return { ...(read as TaskResponse<TaskOutput<T>>), ...slot, environment };
  }

  #isCurrent(prepared: PreparedRequest | undefined): prepared is PreparedRequest {
    return prepared !== undefined && this.#madeAfter.get(prepared) === this.#settings.rotations;
  }

  /** Reads a response. An error that a task's own schema throws means that the response cannot be read. */
  #read(
    task: HttpTask,
    input: unknown,
    response: Extract<ExchangeResult, { kind: 'response' }>,
    { expectedStatuses, keepBody }: PreparedRequest,
  ): ReturnType<typeof readResponse> {
    try {
      return readResponse(task, response, this.#scrubberFor(task, input), Date.now(), { expectedStatuses, keepBody });
    } catch {
      return { kind: 'unexpected', status: response.status, what: 'unreadable' };
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
      // The response to HEAD states the length of a body that does not follow.
      maxResponseBytes: request.method === 'HEAD' ? Number.POSITIVE_INFINITY : task.maxResponseBytes,
      asBase64: task.answerForm?.as === 'base64',
      mayAbortAfterSending: effect === 'read',
      notSentAfterMs,
    };
    return this.#connections.exchange({ request, timeouts, limits, signal, onSent });
  }

  /** Returns the request with access tokens, which are fetched if necessary. */
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

  /** Not cancelled with a single call, because other calls may wait for the same token. */
  async #askForToken(client: OAuthClient): Promise<IssuedToken> {
    const timeouts = capTimeouts(TOKEN_TIMEOUTS, this.#settings.totalTimeoutMs);
    const limits = { totalMs: timeouts.totalMs, maxResponseBytes: MOST_TOKEN_BYTES, mayAbortAfterSending: true };
    return readToken(
      await this.#connections.exchange({ request: tokenRequest(client), timeouts, limits }),
      client,
      Date.now(),
    );
  }

  /** Drops the tokens of a call that got a 401; returns whether there were any. */
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

  /** Another call that was refused at the same time may have reloaded the files already. */
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

/** Waits for the work unless the caller cancels first; nothing has been sent at that point. */
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
