import type { LookupFunction } from 'node:net';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { Pool } from 'undici';
import { SettingsError } from '../config/problems';
import type { SenderSettings } from '../config/sender-settings';
import { sensitiveFieldsIn, tokensAt } from '../tasks/define';
import type { HttpTask, TaskOutput } from '../tasks/define';
import { InvalidInputError } from '../tasks/parse-input';
import { cancelOn } from './cancellation';
import { Exchange } from './exchange';
import type { ExchangeResult } from './exchange';
import { prepareRequest } from './prepare-request';
import type { PreparedRequest } from './prepared-request';
import { publicLookup } from './public-lookup';
import { readAnswer } from './read-answer';
import type { TaskAnswer } from './read-answer';
import { Scrubber } from './redact';
import { seeAnswer } from './seen-answer';
import type { SeenAnswer } from './seen-answer';
import { capTimeouts } from './timeouts';
import { invalidInput, notConfigured, toFailure } from './to-failure';
import { untraced } from './untraced';

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
   * Called when the first bytes are about to leave, again for a second sending with rotated keys. A call that fails
   * without it was certainly not sent.
   */
  onSent?: () => void;
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
   * Keys from files that the provider refuses are read again, and the refused call is sent once more if they changed.
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
}

/** Makes a sender. Nothing is connected until the first call. */
export function createTaskSender(settings: SenderSettings, options: TaskSenderOptions = {}): TaskSender {
  return new PoolingSender(settings, options);
}

class PoolingSender implements TaskSender {
  readonly #settings: SenderSettings;
  readonly #options: TaskSenderOptions;
  readonly #publicLookup: LookupFunction;
  readonly #pools = new Map<string, Pool>();
  #scrubber: Scrubber | undefined;
  #scrubberVersion = -1;
  #closed = false;

  constructor(settings: SenderSettings, options: TaskSenderOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#publicLookup = publicLookup(options.lookup);
  }

  prepare(task: HttpTask, input: unknown): PreparedRequest {
    try {
      return prepareRequest(task, input, this.#settings);
    } catch (error) {
      if (error instanceof InvalidInputError) throw invalidInput(task, error);
      if (error instanceof SettingsError) throw notConfigured(task, error.problems[0]?.message ?? '');
      throw error;
    }
  }

  async send<T extends HttpTask>(task: T, input: unknown, options: SendOptions = {}): Promise<TaskAnswer<TaskOutput<T>>> {
    const { version } = this.#settings;
    try {
      return await this.#sendOnce(task, input, options);
    } catch (error) {
      // The provider refused the keys, so nothing was done: with rotated keys the same call may go out once more.
      if (!isUnauthorized(error) || !this.#rotatedSince(version)) throw error;
      return await this.#sendOnce(task, input, options);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.close()));
  }

  async #sendOnce<T extends HttpTask>(task: T, input: unknown, options: SendOptions): Promise<TaskAnswer<TaskOutput<T>>> {
    const request = this.prepare(task, input);
    const result = await this.#exchange(task, request, options);
    if (result.kind === 'cancelled') throw new CancelledFailure(`${task.name} was cancelled`);
    if (result.kind === 'answer') options.onAnswer?.(seeAnswer(result, this.#scrubberFor(task, input)));
    const read = result.kind === 'lost' ? result : readAnswer(task, result, this.#scrubberFor(task, input), Date.now(), request.expectedStatuses);
    const { keySlot, environment, effect } = request;
    const slot = keySlot === undefined ? {} : { keySlot };
    if ('kind' in read) throw toFailure({ task, effect, ...slot }, read);
    return { ...(read as TaskAnswer<TaskOutput<T>>), ...slot, environment };
  }

  #exchange(task: HttpTask, request: PreparedRequest, { signal, onSent, notSentAfterMs }: SendOptions): Promise<ExchangeResult> {
    if (this.#closed) return Promise.resolve({ kind: 'lost', sent: false, code: 'UND_ERR_CLOSED' });
    if (signal?.aborted) return Promise.resolve({ kind: 'cancelled' });
    const timeouts = capTimeouts(request.timeouts ? { ...task.timeouts, ...request.timeouts } : task.timeouts, this.#settings.totalTimeoutMs);
    const limits = {
      totalMs: timeouts.totalMs,
      // The answer to HEAD tells the length of a body that does not come.
      maxResponseBytes: request.method === 'HEAD' ? Number.POSITIVE_INFINITY : task.maxResponseBytes,
      asBase64: task.answerForm?.as === 'base64',
      mayAbortAfterSending: request.effect === 'read',
      notSentAfterMs,
    };
    return new Promise((resolve) => {
      let forget: (() => void) | undefined;
      const exchange = new Exchange(limits, onSent, (result) => {
        forget?.();
        resolve(result);
      });
      if (signal) forget = cancelOn(signal, exchange);
      const pool = this.#poolFor(request, timeouts.connectMs);
      const wire = {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
        headersTimeout: timeouts.firstByteMs,
        bodyTimeout: timeouts.bodyMs,
      };
      untraced(() => pool.dispatch(wire, exchange));
    });
  }

  #poolFor({ origin, publicOnly = false }: PreparedRequest, connectMs: number): Pool {
    // A connection that was made without the guard must not carry a call that wants it.
    const key = `${connectMs} ${publicOnly ? 'public ' : ''}${origin}`;
    let pool = this.#pools.get(key);
    if (!pool) {
      pool = new Pool(origin, {
        connections: this.#options.connectionsPerOrigin ?? DEFAULT_CONNECTIONS,
        // Each connection carries one call at a time, so that a broken one makes no other call uncertain.
        pipelining: 1,
        allowH2: false,
        connect: { timeout: connectMs, ...(publicOnly && { lookup: this.#publicLookup }) },
      });
      this.#pools.set(key, pool);
    }
    return pool;
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
  #rotatedSince(version: number): boolean {
    return this.#settings.reload() || this.#settings.version !== version;
  }
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.type === 'Task.Unauthorized';
}
