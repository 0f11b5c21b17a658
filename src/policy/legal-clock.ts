import { z } from 'zod';
import { readInstant } from './instant';
import type { Instant } from './instant';

/** Laws whose time limits are counted; with `none`, only a date that is given counts. */
export const LAWS = ['gdpr', 'ccpa', 'none'] as const;

/** One of {@link LAWS}. */
export type Law = (typeof LAWS)[number];

/** What a caller says about the request behind an offboarding. */
export interface RequestClaims {
  /** Who asked for the offboarding: a claim. */
  requestedBy?: string | undefined;
  /** When the request was received, as {@link readDay} reads it. */
  receivedAt?: string | undefined;
  law?: Law | undefined;
  /** The date that counts in place of the law's. */
  dueAt?: string | undefined;
}

/** What is recorded about a request. */
export interface RequestFacts {
  requestedBy?: string;
  /** As it was given: the day of receipt is that of its offset from UTC. */
  receivedAt?: string;
  law?: Law;
  /** ISO 8601, UTC: the last second. */
  dueAt?: string;
  /** Of a sweep: its users who have requests of their own. */
  requests?: number;
}

const DAY_MS = 86_400_000;

/** The time that the CCPA gives, and by which it may be extended once, in calendar days (11 CCR § 7021). */
const CCPA_DAYS = 45;

/** The time that the GDPR gives, and by which it may be extended once, in months (Article 12(3)). */
const GDPR_MONTHS = { first: 1, more: 2 };

const DAY = /^\d{4}-\d\d-\d\d$/;

/** What {@link readDay} reads, for messages. */
export const DAY_RULE =
  'must be a day such as 2026-03-28 (in UTC), or a date and time with its offset such as 2026-03-28T12:00:00+01:00';

/** Returns the moment that a text names: a day in UTC, or a date and time with an offset; undefined for other texts. */
export function readDay(text: string): Instant | undefined {
  return readInstant(DAY.test(text) ? `${text}T00:00:00Z` : text);
}

/** Returns the last second that a date for the end of a time limit includes; undefined for other texts. */
export function readDueDate(text: string): Date | undefined {
  const read = readDay(text);
  if (!read) return undefined;
  return new Date(DAY.test(text) ? read.atMs + DAY_MS - 1_000 : read.atMs);
}

/** How a time limit is counted. */
export interface DueRules {
  /** Whether the one extension of the law is included. @default false */
  extended?: boolean;
  /** Public holidays, as 2026-12-25. Saturdays and Sundays need not be given. @default none */
  holidays?: ReadonlySet<string>;
}

/**
 * Returns the last second of the time that a law gives; undefined for `none`.
 *
 * - GDPR: one month, or three, as Regulation (EEC, Euratom) 1182/71 counts them (Article 3): the day of receipt is not
 *   counted, the period ends with the last hour of the same date, or of the last day of a month without that date, and
 *   when that is a Saturday, a Sunday or a public holiday, with the last hour of the next working day.
 * - CCPA: 45 calendar days after the day of receipt, or 90, whatever day that is.
 *
 * Days are those of the offset with which the receipt is written.
 */
export function dueDate(
  { law, receivedAt }: { law: Law; receivedAt: string },
  { extended = false, holidays = new Set<string>() }: DueRules = {},
): Date | undefined {
  const received = readDay(receivedAt);
  if (!received || law === 'none') return undefined;
  const day = startOfDay(received.atMs + received.offsetMs);
  const last =
    law === 'ccpa'
      ? day + (extended ? 2 : 1) * CCPA_DAYS * DAY_MS
      : workingDay(monthsLater(day, GDPR_MONTHS.first + (extended ? GDPR_MONTHS.more : 0)), holidays);
  return new Date(last + DAY_MS - 1_000 - received.offsetMs);
}

function startOfDay(localMs: number): number {
  return Math.floor(localMs / DAY_MS) * DAY_MS;
}

/** Returns the same date so many months later, or the last day of a month without that date. */
function monthsLater(dayMs: number, months: number): number {
  const day = new Date(dayMs);
  const [year, month, date] = [day.getUTCFullYear(), day.getUTCMonth() + months, day.getUTCDate()];
  const lastDate = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(date, lastDate));
}

/** Returns the day itself, or the first working day after it. */
function workingDay(dayMs: number, holidays: ReadonlySet<string>): number {
  let day = dayMs;
  while (isOff(day, holidays)) day += DAY_MS;
  return day;
}

function isOff(dayMs: number, holidays: ReadonlySet<string>): boolean {
  const day = new Date(dayMs);
  return [0, 6].includes(day.getUTCDay()) || holidays.has(day.toISOString().slice(0, 10));
}

/** Returns what is recorded about a request, with the date that is due. */
export function requestFacts(
  { requestedBy, receivedAt, law, dueAt }: RequestClaims,
  holidays?: ReadonlySet<string>,
): RequestFacts {
  const due =
    dueAt === undefined
      ? receivedAt === undefined
        ? undefined
        : dueDate({ law: law ?? 'none', receivedAt }, { ...(holidays && { holidays }) })
      : readDueDate(dueAt);
  return {
    ...(requestedBy !== undefined && { requestedBy }),
    ...(receivedAt !== undefined && { receivedAt }),
    ...(law !== undefined && { law }),
    ...(due && { dueAt: due.toISOString() }),
  };
}

/**
 * Returns what is recorded about the own request of a user of a sweep; undefined for a user whose row names no receipt.
 *
 * @param sweep.law The law of the sweep, for rows that name none.
 */
export function requestOfUser(
  { receivedAt, law }: Pick<RequestClaims, 'receivedAt' | 'law'>,
  sweep: { law?: Law | undefined; holidays?: ReadonlySet<string> | undefined },
): RequestFacts | undefined {
  if (receivedAt === undefined) return undefined;
  return requestFacts({ receivedAt, law: law ?? sweep.law ?? 'none' }, sweep.holidays);
}

/** Returns what an input says about its request; undefined when it says nothing. */
export function claimsOf({ requestedBy, receivedAt, law, dueAt }: RequestClaims): RequestClaims | undefined {
  const claims = {
    ...(requestedBy !== undefined && { requestedBy }),
    ...(receivedAt !== undefined && { receivedAt }),
    ...(law !== undefined && { law }),
    ...(dueAt !== undefined && { dueAt }),
  };
  return Object.keys(claims).length > 0 ? claims : undefined;
}

/** Returns whether something is said about a request that has a clock, so that it belongs into the register. */
export function isRequest({ receivedAt, law = 'none', dueAt }: RequestClaims): boolean {
  return receivedAt !== undefined || dueAt !== undefined || law !== 'none';
}

/** Returns the moment so many calendar months before another one; the last day of a month without that date. */
export function monthsBefore(now: Date, months: number): Date {
  const day = startOfDay(now.getTime());
  return new Date(monthsLater(day, -months) + (now.getTime() - day));
}

/** The earliest day that a request may have been received: laws and calendars before are not meant. */
const FIRST_DAY_MS = Date.UTC(2000, 0, 1);

/** How far a date of receipt may lie ahead: a day that has begun elsewhere. In milliseconds. */
const AHEAD_MS = DAY_MS;

/** The latest date that may be due, in milliseconds from now: ten years. */
const MOST_DUE_MS = 3_653 * DAY_MS;

/** The moment at which a request was received. */
export const receivedAtText = z
  .string()
  .refine((text) => readDay(text) !== undefined, DAY_RULE)
  .refine((text) => (readDay(text)?.atMs ?? FIRST_DAY_MS) >= FIRST_DAY_MS, 'must not be before the year 2000')
  .refine((text) => (readDay(text)?.atMs ?? 0) <= Date.now() + AHEAD_MS, 'must not be in the future')
  .describe('When the request was received: a day (2026-03-28), or a date and time with its offset from UTC.');

/** The fields about the request behind an offboarding, of every input. */
export const requestFields = {
  requestedBy: z
    .string()
    .min(1, 'must not be empty')
    .max(200, 'must have at most 200 characters')
    .optional()
    .describe(
      'Who asked for it, for the record: a claim. Where the policy asks for approvals, another person approves.',
    ),
  receivedAt: receivedAtText.optional(),
  law: z
    .enum(LAWS)
    .optional()
    .describe(
      'By which law the due date is counted from receivedAt: gdpr (one month), ccpa (45 days) or none. Default: none.',
    ),
  dueAt: z
    .string()
    .refine((text) => readDueDate(text) !== undefined, DAY_RULE)
    .refine(
      (text) => (readDueDate(text)?.getTime() ?? FIRST_DAY_MS) >= FIRST_DAY_MS,
      'must not be before the year 2000',
    )
    .refine(
      (text) => (readDueDate(text)?.getTime() ?? 0) <= Date.now() + MOST_DUE_MS,
      'must be at most ten years from now',
    )
    .optional()
    .describe(
      "The due date, in place of the law's: a day (2026-04-28), which counts to its end in UTC, or a date and time.",
    ),
};

/** Adds what is wrong with the fields together. */
export function checkRequest(
  { receivedAt, law = 'none', dueAt }: RequestClaims,
  context: z.RefinementCtx,
  { rowsMayTell = false }: { rowsMayTell?: boolean } = {},
): void {
  if (law !== 'none' && receivedAt === undefined && dueAt === undefined && !rowsMayTell)
    context.addIssue({
      code: 'custom',
      path: ['receivedAt'],
      message: `is required with law ${law}: its time counts from the day of receipt; or give dueAt`,
    });
  const [received, due] = [readDay(receivedAt ?? ''), readDueDate(dueAt ?? '')];
  if (received && due && due.getTime() < received.atMs)
    context.addIssue({ code: 'custom', path: ['dueAt'], message: 'must not be before receivedAt' });
}
