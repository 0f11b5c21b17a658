const DAY_MS = 86_400_000;

const FORMATS = new Map<string, Intl.DateTimeFormat>();

/** Returns whether a text is the name of a time zone, such as Europe/Berlin. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Returns the offset from UTC of a time zone at a moment, in milliseconds. */
export function offsetAt(zone: string, atMs: number): number {
  let format = FORMATS.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    FORMATS.set(zone, format);
  }
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0;
  const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return local - Math.floor(atMs / 1_000) * 1_000;
}

/**
 * Returns the last second of a day in a time zone, also where the clocks change on that day. Of an hour that is there
 * twice, it is in the second; a day that a zone has left out ends when it would have begun.
 *
 * @param dayMs The day's midnight as if the zone were UTC.
 */
export function endOfDay(zone: string, dayMs: number): number {
  const localMs = dayMs + DAY_MS - 1_000;
  const [before, after] = [offsetAt(zone, localMs - DAY_MS), offsetAt(zone, localMs + DAY_MS)];
  const found = [before, after].map((offset) => localMs - offset).filter((ms) => ms + offsetAt(zone, ms) === localMs);
  return found.length > 0 ? Math.max(...found) : localMs - Math.max(before, after);
}
