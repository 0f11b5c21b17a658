/** A date and a time of day with the offset from UTC, as ISO 8601 and Postgres write them. */
const INSTANT = new RegExp(
  [
    /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)/,
    /[Tt ](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,]\d{1,9})?)?/,
    / ?(?:(?<utc>[Zz]|UTC|GMT)|(?<sign>[+-])(?<offsetHour>\d\d)(?::?(?<offsetMinute>\d\d))?)$/,
  ]
    .map(({ source }) => source)
    .join(''),
);

/** What {@link instantMs} reads, for messages. */
export const INSTANT_RULE =
  'must be a date and time with an offset from UTC, such as 2026-03-28T12:00:00Z or 2026-03-28 12:00:00+01; without an offset the moment is not known';

/** A moment, and the offset from UTC with which it was written. */
export interface Instant {
  /** Since 1970, rounded down to the second. */
  atMs: number;
  offsetMs: number;
}

/**
 * Returns the moment that a text names, in milliseconds since 1970, rounded down to the second; undefined when it is not
 * a date and time of day with an offset, or does not exist in the calendar.
 */
export function instantMs(text: string): number | undefined {
  return readInstant(text)?.atMs;
}

/** Returns the same with its offset. */
export function readInstant(text: string): Instant | undefined {
  const parts = INSTANT.exec(text)?.groups;
  if (!parts) return undefined;
  const number = (name: string): number => Number(parts[name] ?? 0);
  const [year, month, day, hour, minute, second] = [
    number('year'),
    number('month'),
    number('day'),
    number('hour'),
    number('minute'),
    number('second'),
  ];
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  local.setUTCHours(hour, minute, second);
  const exists =
    local.getUTCMonth() === month - 1 && local.getUTCDate() === day && hour <= 23 && minute <= 59 && second <= 59;
  const [offsetHour, offsetMinute] = [number('offsetHour'), number('offsetMinute')];
  if (!exists || offsetHour > 15 || offsetMinute > 59) return undefined;
  const sizeMs = (offsetHour * 60 + offsetMinute) * 60_000;
  const offsetMs = parts['sign'] === '-' ? 0 - sizeMs : sizeMs;
  return { atMs: local.getTime() - offsetMs, offsetMs };
}
