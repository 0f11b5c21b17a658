import { Refusal } from '../program/errors';

const MOST_CALLS = 60_000_000;
const PER_MINUTE = { '': 1, '/min': 1, '/s': 60 } as const;

/** Parses a rate: `600` and `600/min` are calls a minute, `10/s` calls a second. @throws Refusal */
export function callsPerMinute(
  text: string,
  { name, field, or = '' }: { name: string; field: string; or?: string },
): number {
  const [, number, unit = ''] = /^(\d{1,8}(?:\.\d{1,6})?)(\/min|\/s)?$/.exec(text) ?? [];
  if (number === undefined)
    throw new Refusal(
      'Usage',
      `${name} must be a number of calls a minute such as 600, or a second such as 10/s${or}, not "${text}".`,
      field,
    );
  const calls = Number(number) * PER_MINUTE[unit as keyof typeof PER_MINUTE];
  if (calls >= 1 && calls <= MOST_CALLS) return calls;
  const most = MOST_CALLS.toLocaleString('en');
  throw new Refusal('Usage', `${name} must be from 1 to ${most} calls a minute, not ${calls}.`, field);
}
