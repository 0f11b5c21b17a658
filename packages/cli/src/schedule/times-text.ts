import { DAYS_OF_WEEK, MONTHS } from '@temporalio/client';
import type { CalendarSpecDescription, Range, ScheduleSpecDescription } from '@temporalio/client';

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
