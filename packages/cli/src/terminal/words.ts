import { inWords } from '@temporal-http-tasks/evidence/internal/report/words';

export { inWords };

/** Writes dates in the order and with the digits of ISO 8601, in the time zone of this machine. */
const LOCAL = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' });

/** Returns a time (ISO 8601, or a Date) in the time zone of this machine, to the second: `2026-11-29 21:05:12`. */
export function localTime(time: string | Date): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : LOCAL.format(date);
}

/** Why a sweep pauses or was cancelled, by the name in its status. */
const PAUSES: Readonly<Record<string, string>> = {
  request: 'on request',
  stopped: 'all calls are stopped',
  tolerance: 'too many users failed',
  notApproved: 'not approved in time',
};

/** Returns why a sweep pauses or was cancelled, in words; types of failures and their details stay as they are. */
export function pauseWords(because: string): string {
  return PAUSES[because] ?? inWords(because);
}

const AGES: readonly [unit: string, seconds: number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
];

/** Returns how long ago a time was, in its largest unit: `3 min ago`; `just now` below a minute and in the future. */
export function timeAgo(time: string | Date, now: number = Date.now()): string {
  const seconds = (now - new Date(time).getTime()) / 1_000;
  const [unit, size] = AGES.find(([, least]) => seconds >= least) ?? [];
  return size === undefined ? 'just now' : `${Math.floor(seconds / size)} ${unit} ago`;
}

/** With thousands separators, in every locale the same. */
export function count(number: number): string {
  return number.toLocaleString('en-US');
}

/** A number with its noun. */
export function counted(number: number, one: string, many: string): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
