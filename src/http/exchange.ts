import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { callClock } from './call-clock';
import type { Deadline } from './call-clock';
import { decodeBody } from './decode-body';

/** The outcome of one request on the wire. */
export type ExchangeResult =
  | {
      kind: 'answer';
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
    if ('text' in decoded) this.#finish(this.#answer(decoded.text, false));
    else if (decoded.what === 'tooLarge') this.#finish(this.#answer('', true));
    else this.#finish({ ...this.#answer('', false), undecodable: decoded.what });
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
    this.#finish(this.#answer('', true));
    controller.abort(new Error('The response is too large'));
  }

  #answer(body: string, tooLarge: boolean): Extract<ExchangeResult, { kind: 'answer' }> {
    const headers = this.#headers;
    const framed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    return { kind: 'answer', status: this.#status, reason: this.#reason, headers, body, tooLarge, framed };
  }

  #finish(result: ExchangeResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#chunks = [];
    callClock.remove(this);
    this.#settle(result);
  }
}

/**
 * Returns only a code: an error's message can contain a URL or a header, and undici's parser error contains the body.
 */
function codeOf(error: Error): string {
  if (error.name === 'HTTPParserError') return NOT_HTTP;
  return 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}
