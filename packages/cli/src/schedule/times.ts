import { DAYS_OF_WEEK, MONTHS } from '@temporalio/client';
import type { CalendarSpecDescription, Range, ScheduleSpecDescription } from '@temporalio/client';
import { offsetAt } from 'temporal-http-tasks/internal/policy/time-zone';
import { z } from 'zod';
import { Refusal } from '../program/errors';

/** A time in the past or future. */
export interface Period {
  from: Date;
  to: Date;
}

const instant = z.iso.datetime({ offset: true });

/** @throws Refusal */
export function readPeriod({ from, to }: { from?: string; to?: string }): Period {
  const period = { from: readInstant('from', from), to: readInstant('to', to) };
  if (period.from <= period.to) return period;
  throw new Refusal('Usage', '--to must not be before --from.', 'to');
}

function readInstant(option: 'from' | 'to', text: string | undefined): Date {
  if (text !== undefined && instant.safeParse(text).success) return new Date(text);
  const given = text === undefined ? 'is required' : `must be a moment, not "${text}"`;
  throw new Refusal('Usage', `--${option} ${given}; write it like 2030-01-31T03:00:00Z.`, option);
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** When a schedule starts its runs, a text for each rule. */
export function timesText({ calendars = [], intervals = [] }: ScheduleSpecDescription): string[] {
  return [
    ...calendars.map((calendar) => calendar.comment || cronText(calendar)),
    ...intervals.map(
      ({ every, offset }) => `every ${durationText(every)}${offset > 0 ? `, ${durationText(offset)} later` : ''}`,
    ),
  ];
}

/** In the largest unit in which it is a whole number. */
export function durationText(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, size]) => ms >= size && ms % size === 0) ?? ['ms', 1];
  return `${ms / unitMs}${unit}`;
}

/** A calendar that came without the expression it was made of, for example from the Temporal UI. */
function cronText({ second, minute, hour, dayOfMonth, month, dayOfWeek, year }: CalendarSpecDescription): string {
  const months = month.map((range) => numbered(range, (name) => MONTHS.indexOf(name) + 1));
  const days = dayOfWeek.map((range) => numbered(range, (name) => DAYS_OF_WEEK.indexOf(name)));
  const fields = [
    field(minute, 0, 59),
    field(hour, 0, 23),
    field(dayOfMonth, 1, 31),
    field(months, 1, 12),
    field(days, 0, 6),
    ...(year.length > 0 ? [field(year, 0, Infinity)] : []),
  ];
  const seconds = field(second, 0, 59);
  return [...(seconds === '0' ? [] : [seconds]), ...fields].join(' ');
}

function numbered<T>({ start, end, step }: Range<T>, toNumber: (value: T) => number): Range<number> {
  return { start: toNumber(start), end: toNumber(end), step };
}

function field(ranges: readonly Range<number>[], first: number, last: number): string {
  const texts = ranges.map(({ start, end, step }) => {
    const all = start === first && end === last;
    const span = all ? '*' : start === end ? String(start) : `${start}-${end}`;
    return step > 1 && start !== end ? `${span}/${step}` : span;
  });
  return texts.join(',') || '*';
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Number of days to search: more than a year, so that a yearly change is found. */
const DAYS_AHEAD = 400;

/** A change of a time zone's offset from UTC. */
interface ClockChange {
  atMs: number;
  /** The offsets before and after, in milliseconds. */
  before: number;
  after: number;
}

/**
 * Returns a sentence for each clock change within a year at which a schedule's times do not exist or occur twice. Hours
 * that come around the clock are left out: there the next run is an hour later at most.
 */
export function clockChangeWarnings({ calendars = [], timezone }: ScheduleSpecDescription, now: Date): string[] {
  if (!timezone || timezone === 'UTC') return [];
  const daily = calendars.filter(
    ({ hour }) => !hour.some(({ start, end, step }) => start === 0 && end === 23 && step <= 1),
  );
  return clockChanges(timezone, now.getTime()).flatMap(({ atMs, before, after }) => {
    const [fromMs, untilMs] = after > before ? [atMs + before, atMs + after] : [atMs + after, atMs + before];
    const minutes = Array.from(
      { length: (untilMs - fromMs) / MINUTE_MS },
      (_, index) => new Date(fromMs + index * MINUTE_MS),
    );
    const first = minutes.find((local) => daily.some((calendar) => matches(calendar, local)));
    if (!first) return [];
    const [day = '', time = ''] = first.toISOString().slice(0, 16).split('T');
    return after > before
      ? `${time} does not exist on ${day} in ${timezone}, so no run starts then. The next run is for that night ` +
          'too if its query uses :previousScheduledTime.'
      : `${time} occurs twice on ${day} in ${timezone}; Temporal starts one run, and not always at the time you expect.`;
  });
}

/** By the calendar of the time zone: the fields of the date are read as UTC. */
function matches({ minute, hour, dayOfMonth, month, dayOfWeek, year }: CalendarSpecDescription, local: Date): boolean {
  return (
    includes(minute, local.getUTCMinutes()) &&
    includes(hour, local.getUTCHours()) &&
    includes(dayOfMonth, local.getUTCDate()) &&
    includes(
      month.map((range) => numbered(range, (name) => MONTHS.indexOf(name))),
      local.getUTCMonth(),
    ) &&
    includes(
      dayOfWeek.map((range) => numbered(range, (name) => DAYS_OF_WEEK.indexOf(name))),
      local.getUTCDay(),
    ) &&
    (year.length === 0 || includes(year, local.getUTCFullYear()))
  );
}

function includes(ranges: readonly Range<number>[], value: number): boolean {
  return ranges.some(
    ({ start, end, step }) =>
      value >= start && value <= Math.max(start, end) && (value - start) % Math.max(step, 1) === 0,
  );
}

function clockChanges(timezone: string, fromMs: number): ClockChange[] {
  const changes: ClockChange[] = [];
  for (let day = 0; day < DAYS_AHEAD; day += 1) {
    let low = Math.floor(fromMs / MINUTE_MS) * MINUTE_MS + day * DAY_MS;
    let high = low + DAY_MS;
    const [before, after] = [offsetAt(timezone, low), offsetAt(timezone, high)];
    if (before === after) continue;
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / MINUTE_MS / 2) * MINUTE_MS;
      if (offsetAt(timezone, middle) === before) low = middle;
      else high = middle;
    }
    changes.push({ atMs: high, before, after });
  }
  return changes;
}
