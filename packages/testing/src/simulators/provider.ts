/** The interface between a provider's half of a simulator and the shared half. */
import type { IncomingHttpHeaders } from 'node:http';
import type { SeedSummary } from './control-responses';

export type JsonBody = Record<string, unknown>;

/** A request as received; `target` is the raw path of the request line, never normalised. */
export interface ReceivedRequest {
  method: string;
  target: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A provider's response, without a body where that is undefined. `processed` is true if it executed the call. */
export interface ApiResponse {
  status: number;
  body: unknown;
  processed: boolean;
  code?: string;
}

/**
 * A request matched to an endpoint. Nothing happens until `carryOut`, which checks keys and input, executes the call
 * and returns the response.
 */
export interface RecognisedCall {
  endpoint: string;
  users: readonly string[];
  /** Other IDs of a single user, by which fault rules may name it. */
  alsoKnownAs?: readonly string[];
  app?: string;
  /** The items it concerns, where it names some. */
  items?: readonly string[];
  carryOut(how?: CarriedOutHow): ApiResponse;
}

/** Variations in executing a call. */
export interface CarriedOutHow {
  /** Whether a list still contains removed Items. */
  staleRead?: boolean;
}

/** The provider's error responses. */
export interface ProviderFailures {
  rateLimited(): ApiResponse;
  serverError(): ApiResponse;
  maintenance(): ApiResponse;
  unauthorized(): ApiResponse;
  tooLarge(): ApiResponse;
  undocumented(status: number, errorType: string, errorCode?: string): ApiResponse;
  /** Returns an error that contains `text` in every free-text field. */
  quoting(text: string): ApiResponse;
}

export interface Provider {
  readonly failures: ProviderFailures;
  recognise(request: ReceivedRequest): RecognisedCall;
  /** The field of a success that identifies the call: the provider's request ID or token. */
  readonly receiptField: string;
  /** Returns a minimal success, for faults that respond without having processed the call. */
  emptySuccess(): ApiResponse;
  /** Returns all credentials in the request, for the fault that echoes them. */
  credentialsIn(request: ReceivedRequest): string[];
}

/** The operations of the control API on a provider. The provider validates bodies by its own schema. */
export interface Controls {
  seed(body: unknown): SeedSummary;
  configure(body: unknown): void;
  figures(): object;
  state(): object;
  /** Removes all users and effects, and restores the initial users and settings. */
  reset(): void;
}
