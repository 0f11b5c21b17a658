import { isDay, readDay, readDueDate } from './request-claims';
import type { Law, RequestClaims } from './request-claims';
import { endOfDay, offsetAt } from './time-zone';

/** What is recorded about a request. */
export interface RequestFacts {
  requestedBy?: string;
  /** As it was given: the day of receipt is that of its offset from UTC. */
  receivedAt?: string;
  law?: Law;
  /** ISO 8601, UTC: the last second. */
  dueAt?: string;
  /** Of a sweep: the number of its users who have requests of their own. */
  requests?: number;
}

const DAY_MS = 86_400_000;

/** The time limit of the CCPA, and its one extension, in calendar days each (11 CCR § 7021). */
const CCPA_DAYS = 45;

/** The time limit of the GDPR, and its one extension, in months (Article 12(3)). */
const GDPR_MONTHS = { first: 1, more: 2 };

/** The calendar by which time limits are counted. */
export interface DueCalendar {
  /** Public holidays, as 2026-12-25. Saturdays and Sundays need not be given. @default none */
  holidays?: ReadonlySet<string> | undefined;
  /** The time zone in which days begin and end. @default the offset from UTC of what was given */
  timeZone?: string | undefined;
}

/** How a time limit is counted. */
export interface DueRules extends DueCalendar {
  /** Whether the one extension of the law is included. @default false */
  extended?: boolean;
}

/**
 * Returns the last second of the time that a law gives; undefined for `none`.
 *
 * - GDPR: one month, or three, as Regulation (EEC, Euratom) 1182/71 counts them (Article 3): the day of receipt is not
 *   counted, the period ends with the last hour of the same date, or of the last day of a month without that date, and
 *   when that is a Saturday, a Sunday or a public holiday, with the last hour of the next working day.
 * - CCPA: 45 calendar days after the day of receipt, or 90 with the extension, also on weekends and holidays.
 *
 * Days begin and end in the time zone, whose clocks may change in between; without one, at the offset from UTC of
 * `receivedAt`. A day without a time of day is that day in either.
 */
export function dueDate(
  { law, receivedAt }: { law: Law; receivedAt: string },
  { extended = false, holidays = new Set<string>(), timeZone }: DueRules = {},
): Date | undefined {
  const received = readDay(receivedAt);
  if (!received || law === 'none') return undefined;
  const { atMs, offsetMs } = received;
  const day = startOfDay(atMs + (timeZone === undefined || isDay(receivedAt) ? offsetMs : offsetAt(timeZone, atMs)));
  const last =
    law === 'ccpa'
      ? day + (extended ? 2 : 1) * CCPA_DAYS * DAY_MS
      : workingDay(monthsLater(day, GDPR_MONTHS.first + (extended ? GDPR_MONTHS.more : 0)), holidays);
  return new Date(timeZone === undefined ? last + DAY_MS - 1_000 - offsetMs : endOfDay(timeZone, last));
}

function startOfDay(localMs: number): number {
  return Math.floor(localMs / DAY_MS) * DAY_MS;
}

/** Returns the same date that many months later, or the last day of a month that has no such date. */
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
  { holidays, timeZone }: DueCalendar = {},
): RequestFacts {
  const due =
    dueAt === undefined
      ? receivedAt === undefined
        ? undefined
        : dueDate({ law: law ?? 'none', receivedAt }, { holidays, timeZone })
      : givenDate(dueAt, timeZone);
  return {
    ...(requestedBy !== undefined && { requestedBy }),
    ...(receivedAt !== undefined && { receivedAt }),
    ...(law !== undefined && { law }),
    ...(due && { dueAt: due.toISOString() }),
  };
}

/**
 * Returns the moment at which a day begins, in the time zone or else in UTC, or the moment that a date and time with an
 * offset names; undefined for other texts.
 */
export function beginOf(text: string, { timeZone }: Pick<DueCalendar, 'timeZone'>): Date | undefined {
  const read = readDay(text);
  if (!read) return undefined;
  return new Date(timeZone !== undefined && isDay(text) ? endOfDay(timeZone, read.atMs - DAY_MS) + 1_000 : read.atMs);
}

/** Returns the last second of a due date that was given. */
function givenDate(dueAt: string, timeZone: string | undefined): Date | undefined {
  const read = readDay(dueAt);
  return read && timeZone !== undefined && isDay(dueAt) ? new Date(endOfDay(timeZone, read.atMs)) : readDueDate(dueAt);
}

/**
 * Returns what is recorded about the own request of a user in a sweep; undefined if the user's row has no `receivedAt`.
 *
 * @param sweep.law The law of the sweep, for rows that name none.
 */
export function requestOfUser(
  { receivedAt, law }: Pick<RequestClaims, 'receivedAt' | 'law'>,
  sweep: DueCalendar & { law?: Law | undefined },
): RequestFacts | undefined {
  if (receivedAt === undefined) return undefined;
  return requestFacts({ receivedAt, law: law ?? sweep.law ?? 'none' }, sweep);
}

/** Returns whether these claims describe a request with a time limit, which is recorded in the register. */
export function isRequest({ receivedAt, law = 'none', dueAt }: RequestClaims): boolean {
  return receivedAt !== undefined || dueAt !== undefined || law !== 'none';
}

/** Returns the moment that many calendar months earlier; the last day of a month that has no such date. */
export function monthsBefore(now: Date, months: number): Date {
  const day = startOfDay(now.getTime());
  return new Date(monthsLater(day, -months) + (now.getTime() - day));
}
