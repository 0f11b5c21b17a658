import type { OAuthClient } from '../config/credential';
import { packageVersion } from '../package-version';
import type { CallTimeouts, Effect, HttpMethod } from '../tasks/define';

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

/**
 * Returns the kept part of a parsed body: a copy with only the given paths, or undefined if none of them is present. A
 * string has no paths, so a list keeps nothing of a body that is not JSON.
 */
export function keptOf(body: unknown, keep: KeepBody): unknown {
  if (typeof keep === 'boolean') return keep ? body : undefined;
  return pick(body, treeOf(keep));
}

/** The wanted fields by name; `whole` keeps the value as it is. */
interface Tree {
  fields: Map<string, Tree>;
  whole: boolean;
}

function treeOf(paths: readonly string[]): Tree {
  const root: Tree = { fields: new Map(), whole: false };
  for (const path of paths) {
    let place = root;
    for (const name of path.split('.')) {
      const next = place.fields.get(name) ?? { fields: new Map(), whole: false };
      place.fields.set(name, next);
      place = next;
    }
    place.whole = true;
  }
  return root;
}

function pick(value: unknown, tree: Tree): unknown {
  if (tree.whole) return value;
  if (Array.isArray(value)) return value.map((entry) => pick(entry, tree) ?? null);
  if (typeof value !== 'object' || value === null) return undefined;
  const kept = [...tree.fields].flatMap(([name, inner]) => {
    const picked = Object.hasOwn(value, name) ? pick((value as Record<string, unknown>)[name], inner) : undefined;
    return picked === undefined ? [] : [[name, picked] as const];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
