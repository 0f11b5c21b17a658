/**
 * What a simulator of any API is made from, as plain data: the operations of its OpenAPI document, and which of them
 * remove, show, list and follow what. It says nothing of the client that calls it.
 */
import type { Sketch } from './sketch';

/** A state that a response can show: its text, or dotted paths with what each has to be. */
export type Pattern = string | number | boolean | Readonly<Record<string, unknown>>;

/** A call of a step: the operation, and its input with placeholders such as `${contactId}` as whole texts. */
export interface DescribedCall {
  operation: string;
  input: unknown;
  /** Successful responses that say that what the call is about is not there. */
  absent?: readonly Pattern[];
  /** Successful responses that say that the call failed. */
  failed?: readonly Pattern[];
}

interface DescribedBase {
  /** `provider.name`. */
  step: string;
  /** The IDs that a user must have for there to be something: one of each group. */
  needs: readonly (readonly string[])[];
}

/** One call removes something, or one call for each entry of a list. */
export interface DescribedOnce extends DescribedBase {
  kind: 'once';
  act: DescribedCall;
  look?: DescribedCall;
  /** The ID, a list, for each of whose entries there is a call. */
  each?: string;
  /** Removes the same for many users; its input uses `${ids}`, which are values of the ID `id`. */
  bulk?: DescribedCall & { id: string };
}

/** A list shows items, and calls remove them. */
export interface DescribedList extends DescribedBase {
  kind: 'list';
  /** An ID, a list, with items that a user has. */
  only?: string;
  look: DescribedCall & {
    /** Dotted path to the items; lists on the way are walked through. */
    items: string;
    next?: { path: string; cursor: string };
  };
  act: DescribedCall;
}

/** A request is filed, and followed until it is done. */
export interface DescribedRequest extends DescribedBase {
  kind: 'request';
  act: DescribedCall;
  handle: string;
  follow: DescribedCall & { state: string; done: readonly Pattern[]; others: readonly Pattern[] };
  proceed?: DescribedCall & { when: readonly Pattern[] };
  find?: DescribedCall & { items?: string; match: Readonly<Record<string, unknown>>; handle: string };
}

/** A step of which the API knows something. */
export type DescribedStep = DescribedOnce | DescribedList | DescribedRequest;

/** Where one field of an input is in a request. */
export interface DescribedField {
  field: string;
  in: 'path' | 'query' | 'header' | 'cookie' | 'body' | 'wholeBody';
  /** The name in the request. */
  name: string;
  /** Between the entries of a list that is written as one text. */
  separator?: string;
}

/** A key that a request has to have. Its value is made up. */
export interface DescribedKey {
  setting: string;
  in: 'header' | 'query' | 'cookie' | 'path' | 'body';
  name: string;
  scheme?: 'bearer' | 'basic';
  /** It is an access token that the simulator itself gives out, for this client. */
  clientIdSetting?: string;
}

/** One operation of the document. */
export interface DescribedOperation {
  operation: string;
  method: string;
  path: string;
  /** Fields of the input that are not fields of the body. */
  fields: readonly DescribedField[];
  keys: readonly DescribedKey[];
  /** `read` changes nothing; a second `repeatSafe` call changes nothing more. */
  effect: 'read' | 'repeatSafe' | 'irreversible';
  /** `given`: the body is what the provider file says under `simulate`, and stays as it is. */
  success: { status: number; body?: Sketch; given?: boolean };
  /** What it returns for what is not there: codes and statuses by the provider file, and responses by the document. */
  absent: {
    codes: readonly string[];
    statuses: readonly number[];
    /** By status, such as `404`, `4XX` or `default`. */
    responses: Readonly<Record<string, Sketch>>;
    /** Replaces all of the above. */
    given?: { status: number; body?: unknown };
  };
}

/** An ID by which users are known. */
export interface DescribedId {
  list: boolean;
  /** A whole number. */
  number: boolean;
  /** Exactly one of the two is given. */
  instead?: string;
}

/** Where simulators give out access tokens whose endpoint is elsewhere. */
export const TOKEN_PATH = '/__sim-oauth/token';

/** An API that can be simulated. */
export interface DescribedApi {
  provider: string;
  title: string;
  /** Dotted paths in error bodies. */
  errors: { code: string; requestId?: string };
  ids: Readonly<Record<string, DescribedId>>;
  operations: readonly DescribedOperation[];
  steps: readonly DescribedStep[];
  /** Where the simulator gives out access tokens. */
  tokenPaths: readonly string[];
}
