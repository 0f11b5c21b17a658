/** Responses of the control API, which are also returned by a simulator's in-process accessors. */
import type { FaultKind, FaultRule } from './control-api';

/** The number of users that a seeding call added, and the number of all users (at Batch: the sum over all apps). */
export interface SeedSummary {
  added: number;
  users: number;
}

/** A rule with the number of calls that it matched and that it changed. */
export interface FaultStatus {
  id: string;
  rule: FaultRule;
  matched: number;
  fired: number;
}

export interface FaultList {
  faults: FaultStatus[];
}

/** One call as seen by the provider, in order of arrival. Contains no credential and no bearer token. */
export interface CallRecord {
  seq: number;
  /** ISO 8601. */
  at: string;
  endpoint: string;
  /** The user it concerns; absent for bulk calls and if the request names none. */
  user?: string;
  /** The number of users it concerns; more than 1 only for bulk calls. */
  users: number;
  /** Batch: the name of the app whose key is in the path. */
  app?: string;
  /** The items it concerns, at a provider that a file describes. */
  items?: readonly string[];
  /** The HTTP status sent; null if the client received none. */
  status: number | null;
  /** The provider's error code, if the response has one. */
  code?: string;
  /** Whether the provider executed the call, whatever response the client received. */
  processed: boolean;
  fault?: FaultKind;
}

export interface CallList {
  calls: CallRecord[];
  /** The number of all calls received, including those that the log has dropped. */
  total: number;
}

/** A request for an effect that had already happened. */
export interface Repeat {
  /** The endpoint of the repeating call. */
  endpoint: string;
  user: string;
  item?: string;
  app?: string;
  /** The number of repeating calls: 1 means that the effect was requested twice in total. */
  times: number;
}

/** Repeats by kind. The provider processed the first two kinds and refused the third. */
export interface Repeats {
  irreversible: Repeat[];
  repeatSafe: Repeat[];
  refused: Repeat[];
}

/** Numbers of provider calls since the start or the last reset. */
export interface CallFigures {
  total: number;
  processed: number;
  byEndpoint: Record<string, { received: number; processed: number }>;
}

/** The response of `GET /__sim/state?detail=counts`, for both providers. */
export interface StateFigures {
  repeatCounts: { irreversible: number; repeatSafe: number; refused: number };
  calls: CallFigures;
}

export interface PlaidStateFigures extends StateFigures {
  provider: 'plaid';
  counts: {
    users: number;
    gone: number;
    left: number;
    touched: number;
    itemsLeft: number;
    itemsRemoved: number;
    productsTerminated: number;
    usersRemoved: number;
  };
}

/**
 * The state of Plaid. A user is `gone` when removed, or when no Item is left and its products are terminated; otherwise
 * it is `left`. `touched` are users for whom any destructive call was processed, gone or not.
 */
export interface PlaidState extends PlaidStateFigures {
  gone: string[];
  left: string[];
  touched: string[];
  removedUsers: string[];
  items: { left: { itemId: string; user: string }[]; removed: { itemId: string; user: string }[] };
  terminated: { user: string; reasonCode: string; times: number }[];
  repeats: Repeats;
}

export interface BatchAppFigures {
  users: number;
  gone: number;
  left: number;
  pending: number;
  touched: number;
  unknown: number;
}

/**
 * One app's custom data. Seeded IDs are either `gone` or `left`; of `left`, `pending` are accepted and not yet
 * processed. `unknown` IDs never had data but a deletion was accepted. `touched`: all IDs with an accepted deletion.
 */
export interface BatchAppState {
  gone: string[];
  left: string[];
  pending: string[];
  touched: string[];
  unknown: string[];
}

export interface BatchStateFigures extends StateFigures {
  provider: 'batch';
  counts: Record<string, BatchAppFigures>;
}

/** A GDPR request in the simulator. Reading it here does not count as a poll. */
export interface GdprRequestState {
  token: string;
  app: string;
  requestType: 'remove' | 'review';
  id: { type: string; value: string };
  status: 'pending' | 'done';
  error?: string;
}

export interface BatchState extends BatchStateFigures {
  apps: Record<string, BatchAppState>;
  gdprRequests: GdprRequestState[];
  repeats: Repeats;
}
