import fc from 'fast-check';
import { MAX_RETRY_AFTER_MS, MIN_RETRY_AFTER_MS, parseRetryAfter } from 'temporal-http-tasks/internal/http/classify';

const NOW = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');

describe('Retry-After', () => {
  it.each<[string, string | string[] | undefined, number | undefined]>([
    ['seconds', '120', 120_000],
    ['seconds with white space around', '  7 ', 7_000],
    ['fractions of a second, rounded up to a millisecond', '2.5001', 2_501],
    ['zero as the shortest delay', '0', MIN_RETRY_AFTER_MS],
    ['less than a second as the shortest delay', '0.2', MIN_RETRY_AFTER_MS],
    ['absurdly many seconds as the longest delay', '99999999', MAX_RETRY_AFTER_MS],
    ['a number too large for any clock as the longest delay', '9'.repeat(400), MAX_RETRY_AFTER_MS],
    ['an HTTP date', 'Wed, 21 Oct 2026 07:28:30 GMT', 30_000],
    ['an HTTP date in the old RFC 850 form', 'Wednesday, 21-Oct-26 07:28:30 GMT', 30_000],
    ['an HTTP date in the form of asctime', 'Wed Oct 21 07:28:30 2026', 30_000],
    ['a date in the past as the shortest delay', 'Tue, 20 Oct 2026 07:28:00 GMT', MIN_RETRY_AFTER_MS],
    ['a date far ahead as the longest delay', 'Thu, 21 Oct 2027 07:28:00 GMT', MAX_RETRY_AFTER_MS],
    ['the first of several headers', ['3', '90'], 3_000],
    ['no header as no delay', undefined, undefined],
    ['an empty header as no delay', '', undefined],
    ['a negative number as no delay', '-5', undefined],
    ['a number with a sign as no delay', '+5', undefined],
    ['a unit as no delay', '5s', undefined],
    ['an exponent as no delay', '1e3', undefined],
    ['hexadecimal as no delay', '0x10', undefined],
    ['words that Date.parse would take for a date as no delay', 'soon 1', undefined],
    ['an ISO date as no delay', '2026-10-21T07:28:30Z', undefined],
    ['an impossible date as no delay', 'Wed, 99 Oct 2026 07:28:30 GMT', undefined],
    ['Infinity as no delay', 'Infinity', undefined],
  ])('reads %s', (_what, header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected);
  });

  it('returns a whole delay within its bounds, or none, for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.double().map(String), fc.integer().map(String), fc.date().map(String)),
        (header) => {
          const delay = parseRetryAfter(header, NOW);
          return (
            delay === undefined ||
            (Number.isInteger(delay) && delay >= MIN_RETRY_AFTER_MS && delay <= MAX_RETRY_AFTER_MS)
          );
        },
      ),
    );
  });

  it('never asks for less when more seconds are named', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        return parseRetryAfter(String(less), NOW)! <= parseRetryAfter(String(more), NOW)!;
      }),
    );
  });

  it('reads every date that toUTCString writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), (seconds) => {
        return parseRetryAfter(new Date(NOW + seconds * 1_000).toUTCString(), NOW) === seconds * 1_000;
      }),
    );
  });
});
