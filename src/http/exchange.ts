import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { OAuthClient } from '../config/credential';
import { packageVersion } from '../package-version';
import type { CallTimeouts, Effect, HttpMethod } from '../tasks/define';
import { decodeBody } from './decode-body';

/** The `user-agent` header of every request. */
export const USER_AGENT = `temporal-http-tasks/${packageVersion()}`;

/** The parts of a request that go over the wire. */
export interface RequestParts {
  method: HttpMethod;
  /** Scheme, host and port. */
  origin: string;
  /** Path and query, sent exactly as given: nothing on this side resolves dot segments. */
  path: string;
  headers: Record<string, string>;
  /** A Buffer if the task sends files. */
  body?: string | Buffer;
  /** Timeouts that override the task's for this call. */
  timeouts?: Partial<CallTimeouts>;
  /** Statuses that count as success, including error statuses; all others fail. @default every 2xx */
  expectedStatuses?: readonly number[];
  /** What the result keeps of the response body. @default all of it */
  keepBody?: KeepBody;
  /** Only public addresses may be connected to, whatever the host name resolves to at that moment. */
  publicOnly?: boolean;
  /** OAuth clients whose access tokens are in the headers. A client without a token yet has a mask there instead. */
  tokenClients?: readonly OAuthClient[];
}

/** Access tokens by their OAuth client. */
export type TokenValues = ReadonlyMap<OAuthClient, string>;

/** A request as it may be shown: keys and user tokens are masked. */
export interface MaskedRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
}

/** A request that is ready to be sent. It contains secrets: show and log only what `masked()` returns. */
export interface PreparedRequest extends RequestParts {
  /** Whether the call reads, is safe to repeat, or is irreversible. */
  effect: Effect;
  /** Name of the key it uses, for example `ios`; absent if the service has only one key. */
  keySlot?: string;
  /** For example `sandbox`. */
  environment: string;
  /** Whether that environment contains real people's data. */
  production: boolean;
  masked(): MaskedRequest;
  /** Returns the same request with these access tokens. */
  withTokens(tokens: TokenValues): RequestParts;
}

/**
 * What a result keeps of a body: everything, nothing, or these dotted paths. Paths go through the entries of arrays.
 */
export type KeepBody = boolean | readonly string[];

/** An operation that has to end by a point in time. */
interface Deadline {
  /** A reading of `performance.now()`. */
  atMs: number;
  expire(): void;
}

/** How late a deadline may fire, in milliseconds. */
const RESOLUTION_MS = 50;

/**
 * Watches the deadlines of all calls with one timer. A timer or an abort signal per call halves the throughput, and a
 * call's total timeout does not have to be exact.
 */
class CallClock {
  readonly #deadlines = new Set<Deadline>();
  #timer: NodeJS.Timeout | undefined;

  add(deadline: Deadline): void {
    this.#deadlines.add(deadline);
    // Does not keep the process alive; a call in flight does that through its socket.
    this.#timer ??= setInterval(() => this.#tick(), RESOLUTION_MS).unref();
  }

  remove(deadline: Deadline): void {
    this.#deadlines.delete(deadline);
  }

  #tick(): void {
    const now = performance.now();
    for (const deadline of this.#deadlines) {
      if (deadline.atMs > now) continue;
      this.#deadlines.delete(deadline);
      deadline.expire();
    }
    if (this.#deadlines.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** The clock shared by all calls of this process. */
const callClock = new CallClock();

/** The outcome of one request on the wire. */
export type ExchangeResult =
  | {
      kind: 'response';
      status: number;
      reason: string;
      headers: IncomingHttpHeaders;
      body: string;
      /** The body has more than the allowed bytes and was truncated. */
      tooLarge: boolean;
      /** Why the body could not be decompressed; it is empty then. */
      undecodable?: 'unknownEncoding' | 'corrupt';
      /** The headers state where the body ends; otherwise a truncated body looks like a complete one. */
      framed: boolean;
    }
  /** No complete response. `sent` says whether the request may have reached the provider. */
  | { kind: 'lost'; sent: boolean; code: string }
  | { kind: 'cancelled' };

/** Limits of one exchange. */
export interface ExchangeLimits {
  totalMs: number;
  maxResponseBytes: number;
  /** The body of a success response is binary and is returned as base64. */
  asBase64?: boolean;
  /** Whether a cancellation may abort the call after it was sent. */
  mayAbortAfterSending: boolean;
  /** A reading of `performance.now()` after which the request must not be sent. */
  notSentAfterMs?: number;
}

/** Code of a `lost` exchange that exceeded its total timeout. */
export const TOTAL_TIMEOUT = 'TOTAL_TIMEOUT';

/** Code of a `lost` exchange whose turn came too late to send it. */
export const TOO_LATE_TO_SEND = 'TOO_LATE_TO_SEND';

/** Code of a `lost` exchange whose response was not HTTP, or was truncated within its framing. */
export const NOT_HTTP = 'NOT_HTTP';

/** Responses handed to their callers in one turn of the event loop: this share of those that wait, or the least number. */
const RESPONSES_PER_TURN = { least: 2, share: 1 / 8 };

/**
 * Hands responses to their callers a few at a time.
 *
 * undici sends the next requests only after everything that arrived together has been processed. Calls whose responses
 * once arrived together would therefore be sent together again, and the connections would wait for the slowest of them.
 */
class ResponseQueue {
  readonly #waiting: (() => void)[] = [];
  /** How many more may be handed over in this turn. */
  #places = RESPONSES_PER_TURN.least;
  #isScheduled = false;

  add(handOver: () => void): void {
    this.#waiting.push(handOver);
    this.#handOver();
  }

  #handOver(): void {
    while (this.#places > 0 && this.#waiting.length > 0) {
      this.#places -= 1;
      this.#waiting.shift()?.();
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const { least, share } = RESPONSES_PER_TURN;
      this.#places = Math.max(least, Math.floor(this.#waiting.length * share));
      if (this.#waiting.length > 0) this.#handOver();
    });
  }
}

const responses = new ResponseQueue();

/** One request on the wire, as undici's handler. Settles exactly once. */
export class Exchange implements Dispatcher.DispatchHandler, Deadline {
  readonly atMs: number;
  readonly #limits: ExchangeLimits;
  readonly #onSent: (() => void) | undefined;
  readonly #settle: (result: ExchangeResult) => void;
  #settled = false;
  #sent = false;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #reason = '';
  #headers: IncomingHttpHeaders = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(limits: ExchangeLimits, onSent: (() => void) | undefined, settle: (result: ExchangeResult) => void) {
    this.atMs = performance.now() + limits.totalMs;
    this.#limits = limits;
    this.#onSent = onSent;
    this.#settle = settle;
    callClock.add(this);
  }

  /** The last moment before bytes are sent: a request aborted here was certainly not sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // undici may dispatch a request again after its connection closed. It may have been processed, so it is never sent
    // twice.
    if (this.#settled || this.#sent) {
      controller.abort(new Error('The call has already ended'));
      return;
    }
    if (performance.now() > (this.#limits.notSentAfterMs ?? Number.POSITIVE_INFINITY)) {
      this.#finish({ kind: 'lost', sent: false, code: TOO_LATE_TO_SEND });
      controller.abort(new Error('The call could not be sent in time'));
      return;
    }
    this.#controller = controller;
    this.#sent = true;
    this.#onSent?.();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    reason?: string,
  ): void {
    // Informational responses (103 Early Hints) come before the real one.
    if (status < 200) return;
    this.#status = status;
    this.#reason = reason ?? '';
    this.#headers = headers;
    if (Number(headers['content-length'] ?? 0) > this.#limits.maxResponseBytes) this.#cutOff(controller);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limits.maxResponseBytes) this.#cutOff(controller);
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    const { asBase64 = false, maxResponseBytes } = this.#limits;
    const decoded = decodeBody(body, this.#headers, {
      maxBytes: maxResponseBytes,
      asBase64: asBase64 && this.#status < 300,
    });
    if ('text' in decoded) this.#finish(this.#response(decoded.text, false));
    else if (decoded.what === 'tooLarge') this.#finish(this.#response('', true));
    else this.#finish({ ...this.#response('', false), undecodable: decoded.what });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#finish({ kind: 'lost', sent: this.#sent, code: codeOf(error) });
  }

  /** Ends the exchange when its total time is over. */
  expire(): void {
    this.#finish({ kind: 'lost', sent: this.#sent, code: TOTAL_TIMEOUT });
    this.#controller?.abort(new Error('The call took too long'));
  }

  /** Cancelled by the caller. Ignored once a call was sent whose outcome has to be recorded. */
  cancel(): void {
    if (this.#sent && !this.#limits.mayAbortAfterSending) return;
    this.#finish({ kind: 'cancelled' });
    this.#controller?.abort(new Error('The call was cancelled'));
  }

  #cutOff(controller: Dispatcher.DispatchController): void {
    this.#finish(this.#response('', true));
    controller.abort(new Error('The response is too large'));
  }

  #response(body: string, tooLarge: boolean): Extract<ExchangeResult, { kind: 'response' }> {
    const headers = this.#headers;
    const framed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    return { kind: 'response', status: this.#status, reason: this.#reason, headers, body, tooLarge, framed };
  }

  #finish(result: ExchangeResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#chunks = [];
    callClock.remove(this);
    if (result.kind === 'response') responses.add(() => this.#settle(result));
    else this.#settle(result);
  }
}

/**
 * Returns only a code: an error's message can contain a URL or a header, and undici's parser error contains the body.
 */
function codeOf(error: Error): string {
  if (error.name === 'HTTPParserError') return NOT_HTTP;
  return 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}

/**
 * Caps every timeout of a call at the operator's total timeout. A task's own total does not cap its other timeouts: the
 * clock ends the call anyway, and calls with the same connect timeout share their connections.
 */
export function capTimeouts(timeouts: CallTimeouts, capMs = Number.POSITIVE_INFINITY): CallTimeouts {
  return {
    connectMs: Math.min(timeouts.connectMs, capMs),
    firstByteMs: Math.min(timeouts.firstByteMs, capMs),
    bodyMs: Math.min(timeouts.bodyMs, capMs),
    totalMs: Math.min(timeouts.totalMs, capMs),
  };
}
