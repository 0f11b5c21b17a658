import fc from 'fast-check';
import {
  beginOf,
  dueDate,
  isRequest,
  monthsBefore,
  requestFacts,
  requestOfUser,
} from 'temporal-http-tasks/internal/policy/legal-clock';
import { claimsOf, readDay, readDueDate } from 'temporal-http-tasks/internal/policy/request-claims';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { checkRequest, requestFields } from 'temporal-http-tasks/internal/policy/request-fields';
import { offboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { z } from 'zod';

const DAY_MS = 86_400_000;

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const utcDay = fc
  .integer({ min: Date.UTC(2000, 0, 1) / DAY_MS, max: Date.UTC(2099, 11, 31) / DAY_MS })
  .map((days) => days * DAY_MS);
/** Moments with an offset, as texts. */
const moment = fc
  .tuple(utcDay, fc.integer({ min: 0, max: 86_399 }), fc.integer({ min: -15 * 60 - 59, max: 15 * 60 + 59 }))
  .map(([dayMs, second, offset]) => {
    const local = new Date(dayMs + second * 1_000).toISOString().slice(0, 19);
    const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
    const pad = (number: number): string => String(number).padStart(2, '0');
    return { text: `${local}${offset < 0 ? '-' : '+'}${pad(hours)}:${pad(minutes)}`, dayMs, offsetMs: offset * 60_000 };
  });
const holidays = fc.uniqueArray(utcDay, { maxLength: 20 }).map((days) => new Set(days.map(day)));

/** Walks the calendar day by day: the last day of the month `months` later whose date is not after that of the receipt. */
function sameDate(receiptMs: number, months: number): number {
  const receipt = new Date(receiptMs);
  const wanted = receipt.getUTCFullYear() * 12 + receipt.getUTCMonth() + months;
  let found = receiptMs;
  for (let ms = receiptMs; ; ms += DAY_MS) {
    const at = new Date(ms);
    const month = at.getUTCFullYear() * 12 + at.getUTCMonth();
    if (month > wanted) return found;
    if (month === wanted && at.getUTCDate() <= receipt.getUTCDate()) found = ms;
  }
}

it.each([
  ['2026-03-05', '2026-04-07', ['2026-04-06']],
  ['2026-03-05', '2026-04-06', []],
  ['2026-08-31', '2026-09-30', []],
  ['2026-01-31', '2026-03-02', []],
  ['2024-01-31', '2024-02-29', []],
  ['2025-11-25', '2025-12-25', []],
  ['2025-11-25', '2025-12-29', ['2025-12-25', '2025-12-26']],
  ['2026-11-30', '2026-12-30', []],
  ['2026-12-31', '2027-02-01', []],
])('gdpr: received on %s, due by the end of %s with the holidays %j', (receivedAt, due, off) => {
  const found = dueDate({ law: 'gdpr', receivedAt }, { holidays: new Set(off) });
  expect(found?.toISOString()).toBe(`${due}T23:59:59.000Z`);
});

it.each([
  ['2026-01-31', '2026-04-30'],
  ['2026-11-30', '2027-03-01'],
  ['2026-03-05', '2026-06-05'],
])('gdpr: received on %s and extended, due by the end of %s', (receivedAt, due) => {
  expect(dueDate({ law: 'gdpr', receivedAt }, { extended: true })?.toISOString()).toBe(`${due}T23:59:59.000Z`);
});

it.each([
  ['2026-01-01', '2026-02-15', '2026-04-01'],
  ['2024-01-16', '2024-03-01', '2024-04-15'],
  ['2026-12-25', '2027-02-08', '2027-03-25'],
])('ccpa: received on %s, due by the end of %s, extended of %s', (receivedAt, due, extended) => {
  expect(dueDate({ law: 'ccpa', receivedAt })?.toISOString()).toBe(`${due}T23:59:59.000Z`);
  expect(dueDate({ law: 'ccpa', receivedAt }, { extended: true })?.toISOString()).toBe(`${extended}T23:59:59.000Z`);
});

it('the day of receipt is that of its offset, and the last hour is too', () => {
  // Still 31 January in New York, already 1 February in Berlin.
  const due = (receivedAt: string) => dueDate({ law: 'gdpr', receivedAt })?.toISOString();
  expect(due('2026-01-31T23:30:00-05:00')).toBe('2026-03-03T04:59:59.000Z');
  expect(due('2026-02-01T05:30:00+01:00')).toBe('2026-03-02T22:59:59.000Z');
  expect(due('2026-02-01T04:30:00Z')).toBe('2026-03-02T23:59:59.000Z');
});

describe('in a time zone', () => {
  const due = (receivedAt: string, timeZone: string, law: 'gdpr' | 'ccpa' = 'gdpr', more = {}) =>
    dueDate({ law, receivedAt }, { timeZone, ...more })?.toISOString();

  it.each<[zone: string, receivedAt: string, due: string]>([
    // Clocks go forward on 29 March and back on 25 October.
    ['Europe/Berlin', '2026-03-05T10:00:00+01:00', '2026-04-07T21:59:59.000Z'],
    ['Europe/Berlin', '2026-10-06T10:00:00+02:00', '2026-11-06T22:59:59.000Z'],
    ['Europe/Berlin', '2026-06-09T10:00:00+02:00', '2026-07-09T21:59:59.000Z'],
    // By half an hour, forward on 4 October and back on 5 April.
    ['Australia/Lord_Howe', '2026-09-09T10:00:00+10:30', '2026-10-09T12:59:59.000Z'],
    ['Australia/Lord_Howe', '2026-03-10T10:00:00+11:00', '2026-04-10T13:29:59.000Z'],
    // Offsets of half and quarter hours.
    ['Asia/Kolkata', '2026-03-10T10:00:00+05:30', '2026-04-10T18:29:59.000Z'],
    ['Asia/Kathmandu', '2026-03-10', '2026-04-10T18:14:59.000Z'],
    ['America/St_Johns', '2026-02-10T10:00:00-03:30', '2026-03-11T02:29:59.000Z'],
    // The due day itself has 23 or 25 hours.
    ['America/New_York', '2026-01-09', '2026-02-10T04:59:59.000Z'],
  ])('%s: received at %s, due by %s', (zone, receivedAt, expected) => {
    expect(due(receivedAt, zone, 'gdpr', { holidays: new Set(['2026-04-06']) })).toBe(expected);
  });

  it('ends a day whose last hour is there twice with the second, and one whose first is missing with its own last', () => {
    // Clocks in Asuncion went from 24:00 back to 23:00 on 23 March 2024, in Beirut from 0:00 to 1:00 on 31 March 2024.
    expect(requestFacts({ dueAt: '2024-03-23' }, { timeZone: 'America/Asuncion' })).toEqual({
      dueAt: '2024-03-24T03:59:59.000Z',
    });
    expect(requestFacts({ dueAt: '2024-03-30' }, { timeZone: 'Asia/Beirut' })).toEqual({
      dueAt: '2024-03-30T21:59:59.000Z',
    });
    expect(requestFacts({ dueAt: '2024-03-31' }, { timeZone: 'Asia/Beirut' })).toEqual({
      dueAt: '2024-03-31T20:59:59.000Z',
    });
    expect(requestFacts({ dueAt: '2011-12-29' }, { timeZone: 'Pacific/Apia' })).toEqual({
      dueAt: '2011-12-30T09:59:59.000Z',
    });
  });

  it('takes the day of receipt from the zone, and a day as it is', () => {
    expect(due('2026-01-31T23:30:00-05:00', 'Europe/Berlin', 'ccpa')).toBe('2026-03-18T22:59:59.000Z');
    for (const zone of ['Pacific/Auckland', 'America/Los_Angeles', 'UTC'])
      expect(due('2026-06-10', zone, 'ccpa')).toMatch(
        zone === 'Pacific/Auckland' ? /^2026-07-25T11:59/ : /^2026-07-2[56]T/,
      );
    expect(due('2026-06-10', 'America/Los_Angeles', 'ccpa')).toBe('2026-07-26T06:59:59.000Z');
    expect(requestFacts({ dueAt: '2026-07-01' }, { timeZone: 'America/Los_Angeles' }).dueAt).toBe(
      '2026-07-02T06:59:59.000Z',
    );
    expect(requestFacts({ dueAt: '2026-07-01T12:00:00+02:00' }, { timeZone: 'America/Los_Angeles' }).dueAt).toBe(
      '2026-07-01T10:00:00.000Z',
    );
  });

  it('begins with the second after the day before, for what is due before it', () => {
    const begins = (text: string, timeZone?: string) => beginOf(text, { timeZone })?.toISOString();
    expect(begins('2026-12-24')).toBe('2026-12-24T00:00:00.000Z');
    expect(begins('2026-12-24', 'America/Los_Angeles')).toBe('2026-12-24T08:00:00.000Z');
    // The clocks change at its beginning, and during the day before.
    expect(begins('2024-03-31', 'Asia/Beirut')).toBe('2024-03-30T22:00:00.000Z');
    expect(begins('2026-03-30', 'Europe/Berlin')).toBe('2026-03-29T22:00:00.000Z');
    expect(begins('2026-12-24T01:00:00+05:00', 'America/Los_Angeles')).toBe('2026-12-23T20:00:00.000Z');
    expect(begins('2026-02-30', 'Europe/Berlin')).toBeUndefined();
  });

  it('is always the last second of the day there, whatever the zone and day', () => {
    const zones = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
    const clock = (zone: string, ms: number): string =>
      new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' }).format(ms);
    fc.assert(
      fc.property(zones, utcDay, (zone, dayMs) => {
        const dueAt = day(dayMs);
        // Two zones have left out one day each.
        fc.pre(!['2011-12-30', '2011-12-31'].includes(dueAt));
        const ms = Date.parse(requestFacts({ dueAt }, { timeZone: zone }).dueAt!);
        expect(clock(zone, ms).slice(0, 10)).toBe(dueAt);
        expect(clock(zone, ms + 1_000).slice(0, 10) > dueAt).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

it('gdpr: the period ends with the same date of the last month or its last day, or the next working day, whatever the day and offset', () => {
  fc.assert(
    fc.property(moment, holidays, fc.boolean(), ({ text, dayMs, offsetMs }, off, extended) => {
      const due = dueDate({ law: 'gdpr', receivedAt: text }, { holidays: off, extended })!;
      const local = new Date(due.getTime() + offsetMs);
      expect(local.toISOString().slice(11)).toBe('23:59:59.000Z');
      const last = Date.parse(`${local.toISOString().slice(0, 10)}T00:00:00Z`);
      const isOff = (ms: number): boolean => [0, 6].includes(new Date(ms).getUTCDay()) || off.has(day(ms));
      const named = sameDate(dayMs, extended ? 3 : 1);
      expect(isOff(last)).toBe(false);
      expect(last).toBeGreaterThanOrEqual(named);
      for (let ms = named; ms < last; ms += DAY_MS) expect(isOff(ms)).toBe(true);
      // Never less than the law gives: 28 days in the shortest month, and the day of receipt is not one of them.
      expect(last - dayMs).toBeGreaterThanOrEqual(28 * DAY_MS);
    }),
  );
});

it('ccpa: exactly so many calendar days after the day of receipt', () => {
  fc.assert(
    fc.property(moment, fc.boolean(), ({ text, dayMs, offsetMs }, extended) => {
      const due = dueDate({ law: 'ccpa', receivedAt: text }, { extended })!;
      expect(due.getTime() + offsetMs).toBe(dayMs + ((extended ? 90 : 45) + 1) * DAY_MS - 1_000);
    }),
  );
});

it('an extension never shortens, and more holidays never do', () => {
  fc.assert(
    fc.property(moment, holidays, fc.constantFrom('gdpr' as const, 'ccpa' as const), ({ text }, off, law) => {
      const due = (rules: Parameters<typeof dueDate>[1]): number =>
        dueDate({ law, receivedAt: text }, rules)!.getTime();
      expect(due({ extended: true })).toBeGreaterThan(due({ holidays: off }) - 1);
      expect(due({ holidays: off })).toBeGreaterThanOrEqual(due({}));
    }),
  );
});

it('without a law there is no date but the one that is given', () => {
  expect(dueDate({ law: 'none', receivedAt: '2026-03-05' })).toBeUndefined();
  expect(requestFacts({ receivedAt: '2026-03-05' })).toEqual({ receivedAt: '2026-03-05' });
  expect(requestFacts({ receivedAt: '2026-03-05', law: 'gdpr', dueAt: '2026-03-20' })).toEqual({
    receivedAt: '2026-03-05',
    law: 'gdpr',
    dueAt: '2026-03-20T23:59:59.000Z',
  });
  expect(readDueDate('2026-03-20T12:00:00+02:00')?.toISOString()).toBe('2026-03-20T10:00:00.000Z');
});

it('a row without a receipt has no request of its own, and one without a law has that of the sweep', () => {
  expect(requestOfUser({}, { law: 'gdpr' })).toBeUndefined();
  expect(requestOfUser({ receivedAt: '2026-08-31' }, { law: 'gdpr' })).toMatchObject({
    dueAt: '2026-09-30T23:59:59.000Z',
  });
  expect(requestOfUser({ receivedAt: '2026-08-31', law: 'none' }, { law: 'gdpr' })).not.toHaveProperty('dueAt');
});

it('does not count who asked as a request with a clock', () => {
  expect(claimsOf({})).toBeUndefined();
  expect(isRequest({ requestedBy: 'Alice' })).toBe(false);
  expect(isRequest({ receivedAt: '2026-03-05' })).toBe(true);
});

it('goes back by calendar months', () => {
  expect(monthsBefore(new Date('2026-03-31T10:00:00Z'), 1).toISOString()).toBe('2026-02-28T10:00:00.000Z');
  expect(monthsBefore(new Date('2026-11-29T23:00:00Z'), 24).toISOString()).toBe('2024-11-29T23:00:00.000Z');
});

it.each(['2026-02-30', '2026-3-5', '2026-03-05T12:00:00', 'yesterday', '', '2026-03-05T25:00:00Z', '1772668800'])(
  'no day: %j',
  (text) => {
    expect(readDay(text)).toBeUndefined();
    expect(requestFields.receivedAt.safeParse(text).success).toBe(false);
    expect(requestFields.dueAt.safeParse(text).success).toBe(false);
  },
);

const USER = { user: { plaidUserId: 'usr_1' }, reason: { code: 'OTHER' } };
const SWEEP = { source: { query: 'requests' }, reason: { code: 'OTHER' } };
const problems = (schema: z.ZodType, input: unknown): string[] =>
  (schema.safeParse(input).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

it('the inputs refuse what cannot be', () => {
  const tomorrow = new Date(Date.now() + 3 * DAY_MS).toISOString();
  for (const [fields, expected] of [
    [{ law: 'gdpr' }, /^receivedAt: is required with law gdpr/],
    [{ receivedAt: tomorrow }, /^receivedAt: must not be in the future/],
    [{ receivedAt: '1999-12-31' }, /^receivedAt: must not be before the year 2000/],
    [{ receivedAt: '2015-03-05', dueAt: '2015-03-04' }, /^dueAt: must not be before receivedAt/],
    [{ dueAt: '2099-01-01' }, /^dueAt: must be at most ten years/],
    [{ requestedBy: '' }, /^requestedBy: must not be empty/],
    [{ law: 'hipaa' }, /^law: /],
  ] as const) {
    expect(problems(offboardUserInput, { ...USER, ...fields })).toEqual([expect.stringMatching(expected)]);
    // The rows of a source may say when their requests were received.
    if (!('law' in fields && fields.law === 'gdpr'))
      expect(problems(offboardUsersInput, { ...SWEEP, ...fields })).toEqual([expect.stringMatching(expected)]);
  }
  const whole = { requestedBy: 'Alice', receivedAt: '2015-03-05T12:00:00+01:00', law: 'gdpr', dueAt: '2015-04-01' };
  expect(problems(offboardUserInput, { ...USER, ...whole })).toEqual([]);
  expect(problems(offboardUsersInput, { ...SWEEP, ...whole })).toEqual([]);
  expect(problems(offboardUsersInput, { ...SWEEP, law: 'gdpr' })).toEqual([]);
  const inline = (user: object) => ({ ...SWEEP, source: { inline: [{ plaidUserId: 'usr_1', ...user }] } });
  expect(problems(offboardUsersInput, inline({ receivedAt: '2015-03-05', law: 'ccpa' }))).toEqual([]);
  expect(problems(offboardUsersInput, inline({ law: 'ccpa' }))).toEqual([
    'source.inline.0.receivedAt: is required with law ccpa',
  ]);
});

it('the check of the fields together can be used alone', () => {
  const schema = z.strictObject(requestFields).superRefine((given, context) => checkRequest(given, context));
  expect(problems(schema, { law: 'ccpa' })).toHaveLength(1);
});
