import { DAYS_OF_WEEK, MONTHS } from '@temporalio/client';
import type { CalendarSpecDescription, Range, ScheduleSpecDescription } from '@temporalio/client';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A year and a bit, so that a change that comes once a year is among the days. */
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
      ? `${time} does not exist on ${day} in ${timezone}, so no run starts then. The next run is for that night too if its query uses :previousScheduledTime.`
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
      numbered(month, (name) => MONTHS.indexOf(name)),
      local.getUTCMonth(),
    ) &&
    includes(
      numbered(dayOfWeek, (name) => DAYS_OF_WEEK.indexOf(name)),
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

function numbered<T>(ranges: readonly Range<T>[], toNumber: (value: T) => number): Range<number>[] {
  return ranges.map(({ start, end, step }) => ({ start: toNumber(start), end: toNumber(end), step }));
}

function clockChanges(timezone: string, fromMs: number): ClockChange[] {
  const offsetAt = offsets(timezone);
  const changes: ClockChange[] = [];
  for (let day = 0; day < DAYS_AHEAD; day += 1) {
    let low = Math.floor(fromMs / MINUTE_MS) * MINUTE_MS + day * DAY_MS;
    let high = low + DAY_MS;
    const [before, after] = [offsetAt(low), offsetAt(high)];
    if (before === after) continue;
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / MINUTE_MS / 2) * MINUTE_MS;
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    changes.push({ atMs: high, before, after });
  }
  return changes;
}

/** How far the time zone is ahead of UTC, in milliseconds. */
function offsets(timezone: string): (atMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (atMs) => {
    const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute) - atMs;
  };
}
