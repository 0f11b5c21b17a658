import { DAYS } from './schema';
import type { PolicyRules } from './schema';

type Hours = NonNullable<PolicyRules['hours']>;

const MINUTES_PER_DAY = 24 * 60;

/** Returns when changes are allowed, if it is not now; otherwise undefined. */
export function hoursProblem(hours: Hours, now: Date): string | undefined {
  const { days = DAYS, from, to, zone = 'UTC' } = hours;
  const { day, minute } = localTime(now, zone);
  if (isWithin({ days, from, to }, day, minute)) return undefined;
  const time = from === undefined ? 'all day' : `from ${from} to ${to}`;
  const clock = `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
  return `changes are allowed on ${days.join(', ')} ${time} (${zone}), and it is ${DAYS[day]} ${clock} there`;
}

function isWithin(
  { days, from, to }: { days: readonly string[]; from: string | undefined; to: string | undefined },
  day: number,
  minute: number,
): boolean {
  const allows = (index: number): boolean => days.includes(DAYS[(index + 7) % 7] ?? '');
  if (from === undefined || to === undefined) return allows(day);
  const [start, end] = [minuteOf(from), minuteOf(to)];
  if (start < end) return allows(day) && minute >= start && minute < end;
  // Past midnight, the hours belong to the day on which they began.
  return (allows(day) && minute >= start) || (allows(day - 1) && minute < end);
}

function minuteOf(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return (hour * 60 + minute) % MINUTES_PER_DAY;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();

/** Returns the day of the week, from Monday as 0, and the minute of the day. */
function localTime(now: Date, zone: string): { day: number; minute: number } {
  let format = FORMATS.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    FORMATS.set(zone, format);
  }
  const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]));
  const name = (parts.get('weekday') ?? '').toLowerCase();
  return {
    day: DAYS.findIndex((one) => one === name),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}
