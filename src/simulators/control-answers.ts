/** What the control API answers, and what the in-process accessors of a simulator return: the same data. */
import type { FaultKind, FaultRule } from './control-api';

/** How many users one seeding call added, and how many there are now (at Batch: summed over the apps). */
export interface SeedSummary {
  added: number;
  users: number;
}

/** A rule with its use so far: calls it matched, and calls it changed. */
export interface FaultStatus {
  id: string;
  rule: FaultRule;
  matched: number;
  fired: number;
}

export interface FaultList {
  faults: FaultStatus[];
}

/** One call as the provider saw it, in order of arrival. Holds no credential and no bearer token. */
export interface CallRecord {
  seq: number;
  /** ISO 8601. */
  at: string;
  endpoint: string;
  /** The one user it is about; absent for bulk calls and where the request named none. */
  user?: string;
  /** How many users it is about; more than 1 for bulk calls only. */
  users: number;
  /** Batch: the name of the app whose key stands in the path. */
  app?: string;
  /** The HTTP status sent; null where the client got none. */
  status: number | null;
  /** The provider's error code, where it answered with one. */
  code?: string;
  /** Whether the provider did what was asked, whatever the client then heard of it. */
  processed: boolean;
  fault?: FaultKind;
}

export interface CallList {
  calls: CallRecord[];
  /** All calls ever received; more than can be listed once the log has dropped its oldest. */
  total: number;
}

/** An effect that was asked for again after it had already happened. */
export interface Repeat {
  /** The endpoint of the repeating call. */
  endpoint: string;
  user: string;
  item?: string;
  app?: string;
  /** How many calls repeated it: 1 means that the effect was asked for twice in all. */
  times: number;
}

/** Repeats by what they mean. The provider processed the first two and refused the third. */
export interface Repeats {
  irreversible: Repeat[];
  repeatSafe: Repeat[];
  refused: Repeat[];
}

/** Figures of provider calls since the start or the last reset. */
export interface CallFigures {
  total: number;
  processed: number;
  byEndpoint: Record<string, { received: number; processed: number }>;
}

/** What `GET /__sim/state?detail=counts` answers at either provider. */
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
 * Plaid's side. A user is `gone` when removed, or when no Item is left and its products are terminated;
 * else it is `left`. `touched` are those for whom any destructive call was processed, gone or not.
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
 * One app's custom data: `gone` and `left` part the seeded ids; of `left`, `pending` are accepted and not yet
 * processed. `unknown` never had data and were deleted all the same. `touched`: every id a deletion was accepted for.
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

/** A GDPR request as the simulator holds it; reading it here does not count as a poll. */
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
