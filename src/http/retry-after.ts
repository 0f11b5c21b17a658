/** Shortest delay, in milliseconds, taken from a Retry-After: 0 or a date in the past must not cause a busy loop. */
export const MIN_RETRY_AFTER_MS = 1_000;
/** Longest delay, in milliseconds, taken from a Retry-After. Longer delays are shortened to this. */
export const MAX_RETRY_AFTER_MS = 600_000;

const SECONDS = /^\d+(\.\d+)?$/;
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = '\\d{2}:\\d{2}:\\d{2}';
/** The date forms of RFC 9110 that name their zone. `Date.parse` alone would also read a date into "soon 1". */
const HTTP_DATES = [
  new RegExp(`^${DAY}, \\d{2} ${MONTH} \\d{4} ${TIME} GMT$`),
  new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \\d{2}-${MONTH}-\\d{2} ${TIME} GMT$`),
];
const ASCTIME = new RegExp(`^${DAY} ${MONTH} [ \\d]\\d ${TIME} \\d{4}$`);

/**
 * Returns how many milliseconds a `Retry-After` header asks to wait, between one second and ten minutes. Reads seconds
 * (fractions are tolerated) and HTTP dates. Returns undefined, so that the usual backoff applies, if the header is
 * missing or is neither, for example negative.
 */
export function parseRetryAfter(header: string | string[] | undefined, nowMs: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (text === undefined || text === '') return undefined;
  if (SECONDS.test(text)) return clamp(Math.ceil(Number(text) * 1_000));
  const at = parseHttpDate(text);
  return at === undefined ? undefined : clamp(at - nowMs);
}

function parseHttpDate(text: string): number | undefined {
  const zoned = HTTP_DATES.some((form) => form.test(text)) ? text : ASCTIME.test(text) ? `${text} GMT` : undefined;
  const at = zoned === undefined ? Number.NaN : Date.parse(zoned);
  return Number.isNaN(at) ? undefined : at;
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS);
}
