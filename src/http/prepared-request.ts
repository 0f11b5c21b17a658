import type { OAuthClient } from '../config/credential';
import type { KeepBody } from './keep-body';
import type { CallTimeouts, Effect, HttpMethod } from '../tasks/define';

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
