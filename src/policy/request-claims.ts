import { readInstant } from './instant';
import type { Instant } from './instant';

/** Laws whose time limits are counted; with `none`, only a date that is given counts. */
export const LAWS = ['gdpr', 'ccpa', 'none'] as const;

/** One of {@link LAWS}. */
export type Law = (typeof LAWS)[number];

/** What a caller states about the request behind an offboarding; not verified. */
export interface RequestClaims {
  /** Who requested the offboarding. */
  requestedBy?: string | undefined;
  /** When the request was received, as {@link readDay} reads it. */
  receivedAt?: string | undefined;
  law?: Law | undefined;
  /** The due date, instead of the one that follows from the law. */
  dueAt?: string | undefined;
}

const DAY_MS = 86_400_000;

const DAY = /^\d{4}-\d\d-\d\d$/;

/** The formats that {@link readDay} accepts, for messages. */
export const DAY_RULE =
  'must be a day such as 2026-03-28 (in UTC), or a date and time with its offset such as 2026-03-28T12:00:00+01:00';

/** Returns whether a text has the form of a day without a time of day. */
export function isDay(text: string): boolean {
  return DAY.test(text);
}

/** Returns the moment that a text names: a day in UTC, or a date and time with an offset; undefined for other texts. */
export function readDay(text: string): Instant | undefined {
  return readInstant(DAY.test(text) ? `${text}T00:00:00Z` : text);
}

/** Returns the last second of a due date; undefined for texts that {@link readDay} does not accept. */
export function readDueDate(text: string): Date | undefined {
  const read = readDay(text);
  if (!read) return undefined;
  return new Date(DAY.test(text) ? read.atMs + DAY_MS - 1_000 : read.atMs);
}

/** Returns the claims of an input; undefined when it has none. */
export function claimsOf({ requestedBy, receivedAt, law, dueAt }: RequestClaims): RequestClaims | undefined {
  const claims = {
    ...(requestedBy !== undefined && { requestedBy }),
    ...(receivedAt !== undefined && { receivedAt }),
    ...(law !== undefined && { law }),
    ...(dueAt !== undefined && { dueAt }),
  };
  return Object.keys(claims).length > 0 ? claims : undefined;
}
