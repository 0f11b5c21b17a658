import fc from 'fast-check';
import { instantMs } from 'temporal-http-tasks/internal/policy/instant';

const NOON = Date.UTC(2026, 2, 28, 12, 0, 0);

it.each([
  '2026-03-28T12:00:00Z',
  '2026-03-28t12:00:00z',
  '2026-03-28T12:00Z',
  '2026-03-28 12:00:00+00',
  '2026-03-28 12:00:00.999999+00',
  '2026-03-28 12:00:00,5 UTC',
  '2026-03-28 12:00:00 +0000',
  '2026-03-28T17:30:00+05:30',
  '2026-03-28 08:00:00-04',
  '2026-03-29 00:00:00+12',
])('reads %s as the same moment', (text) => {
  expect(instantMs(text)).toBe(NOON);
});

it.each([
  '',
  'infinity',
  '2026-03-28',
  '2026-03-28 12:00:00',
  '2026-03-28T12:00:00',
  '28.03.2026 12:00:00+00',
  'Sat Mar 28 12:00:00 2026 UTC',
  '1774699200',
  '1774699200000',
  '2026-02-30T12:00:00Z',
  '2026-13-01T12:00:00Z',
  '2026-00-10T12:00:00Z',
  '2026-03-28T24:00:00Z',
  '2026-03-28T12:60:00Z',
  '2026-03-28T12:00:60Z',
  '2026-03-28T12:00:00+24:00',
  '2026-03-28T12:00:00+01:75',
  '2026-03-28 12:00:00 CET',
  '2026-03-28T12:00:00[Europe/Paris]',
  ' 2026-03-28T12:00:00Z',
  '2026-03-28T12:00:00Z\n',
  '0044-03-15 12:00:00+00 BC',
])('does not read %j', (text) => {
  expect(instantMs(text)).toBeUndefined();
});

it('reads what JavaScript writes, to the second', () => {
  const dates = fc.date({
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(dates, (date) =>
      expect(instantMs(date.toISOString())).toBe(Math.floor(date.getTime() / 1_000) * 1_000),
    ),
  );
});
