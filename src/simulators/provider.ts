/** What a provider's half of a simulator offers to the half that both share. */
import type { IncomingHttpHeaders } from 'node:http';
import type { SeedSummary } from './control-answers';

export type JsonBody = Record<string, unknown>;

/** A request as it came off the socket; `target` is the raw request line's path, never normalised. */
export interface ReceivedRequest {
  method: string;
  target: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** What the provider says. `processed` is true when it did what was asked. */
export interface Answer {
  status: number;
  body: JsonBody;
  processed: boolean;
  code?: string;
}

/** A request matched to an endpoint. Nothing happens until `carryOut`, which checks keys and input, acts and answers. */
export interface RecognisedCall {
  endpoint: string;
  users: readonly string[];
  app?: string;
  carryOut(how?: CarriedOutHow): Answer;
}

/** What is special about carrying out one call. */
export interface CarriedOutHow {
  /** A listing does not know yet what was removed. */
  staleRead?: boolean;
}

/** The provider's own wording of what can go wrong at its end. */
export interface ProviderFailures {
  rateLimited(): Answer;
  serverError(): Answer;
  maintenance(): Answer;
  unauthorized(): Answer;
  tooLarge(): Answer;
  undocumented(status: number, errorType: string, errorCode?: string): Answer;
  /** An error whose every free text holds `text`. */
  quoting(text: string): Answer;
}

export interface Provider {
  readonly failures: ProviderFailures;
  recognise(request: ReceivedRequest): RecognisedCall;
  /** The field of a success that names the call: the provider's request id or token. */
  readonly receiptField: string;
  /** A success that says nothing but that, for faults that answer without having processed the call. */
  emptySuccess(): Answer;
  /** Every credential found in the request, for the fault that echoes them. */
  credentialsIn(request: ReceivedRequest): string[];
}

/** What the control API can do to a provider; bodies are checked by the provider's own schema. */
export interface Controls {
  seed(body: unknown): SeedSummary;
  configure(body: unknown): void;
  figures(): object;
  state(): object;
  /** Forgets all users and effects, and takes the first users and settings again. */
  reset(): void;
}
