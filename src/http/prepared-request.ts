import type { OAuthClient } from '../config/oauth-client';
import type { KeepBody } from './keep-body';
import type { CallTimeouts, Effect, HttpMethod } from '../tasks/define';

/** What goes over the wire. */
export interface RequestParts {
  method: HttpMethod;
  /** Scheme, host and port. */
  origin: string;
  /** With the query. Sent as it stands: nothing on our side resolves dots in it. */
  path: string;
  headers: Record<string, string>;
  /** Bytes where the task sends files. */
  body?: string | Buffer;
  /** Time-outs that this one call wants instead of its task's. */
  timeouts?: Partial<CallTimeouts>;
  /** Statuses that are an answer, whatever they say elsewhere; any other is a failure. @default every 2xx */
  expectedStatuses?: readonly number[];
  /** What the result keeps of the answer's body. @default all of it */
  keepBody?: KeepBody;
  /** Nothing but a public address may be connected to, whatever the host's name leads to at that moment. */
  publicOnly?: boolean;
  /** Clients whose access tokens stand in the headers; one whose token was not given has a mask in its place. */
  tokenClients?: readonly OAuthClient[];
}

/** Access tokens by the client that got them. */
export type TokenValues = ReadonlyMap<OAuthClient, string>;

/** A request as it may be shown: keys and users' tokens are masked. */
export interface MaskedRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
}

/** One request, ready to be sent. It holds secrets: show and log only what `masked()` answers. */
export interface PreparedRequest extends RequestParts {
  /** What the call does in the world. */
  effect: Effect;
  /** Which of several keys it uses, for example `ios`; absent where the service has no choice. */
  keySlot?: string;
  /** For example `sandbox`. */
  environment: string;
  /** Whether that environment holds real people's data. */
  production: boolean;
  masked(): MaskedRequest;
  /** The same request with these access tokens in it. */
  withTokens(tokens: TokenValues): RequestParts;
}
