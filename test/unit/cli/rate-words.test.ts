import { callsPerMinute } from '@temporal-http-tasks/cli/internal/rate/calls-per-minute';
import { Refusal } from '@temporal-http-tasks/cli/internal/program/errors';
import { rateDocument, rateInShort, rateSentence } from '@temporal-http-tasks/evidence/internal/rate-words';
import type { RateRow } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';

function row(changes: Partial<RateRow> = {}): RateRow {
  return { service: 'plaid', keySlot: '', sweeps: [], callsPerSecond: 200, sweepCallsPerSecond: 10, ...changes };
}

const s300 = { sweepId: 's300', limitPerMinute: 300 };
const s900 = { sweepId: 's900', limitPerMinute: 900 };

describe('the limit that counts', () => {
  it.each<[string, Partial<RateRow>, string]>([
    [
      'the lowest rate of the running sweeps',
      { sweeps: [s300, s900], sweepCallsPerSecond: 4.8 },
      'Plaid is limited to 300 calls/min by the sweep s300',
    ],
    [
      'a standing limit below it',
      { sweeps: [s900], standingPerMinute: 600, limitPerMinute: 600 },
      'Plaid is limited to 600 calls/min by the standing limit (http-tasks rate clear plaid)',
    ],
    [
      'a sweep below the standing limit',
      { sweeps: [s300], standingPerMinute: 600, limitPerMinute: 600, sweepCallsPerSecond: 4.8 },
      'Plaid is limited to 300 calls/min by the sweep s300',
    ],
    [
      'what the provider documents',
      { service: 'batch', keySlot: 'ios', limitPerMinute: 600, sweepCallsPerSecond: 9.5 },
      'Batch (ios) is limited to 600 calls/min by the limit that it documents',
    ],
    [
      'what was learned',
      { learnedPerSecond: 18, sweepCallsPerSecond: 9 },
      'Plaid is limited to 540 calls/min for now, learned from its refusals',
    ],
    [
      'nothing yet',
      { sweepCallsPerSecond: 40 },
      'Plaid has no known limit: rising from 600 calls/min, now 2,400 calls/min',
    ],
    [
      'a limit after refusals',
      { standingPerMinute: 600, sweepCallsPerSecond: 5 },
      'Plaid is limited to 600 calls/min by the standing limit (http-tasks rate clear plaid); now 300 calls/min, after refusals',
    ],
  ])('is worded: %s', (_, changes, sentence) => expect(rateSentence(row(changes))).toBe(sentence));

  it('is data too, and short for a line of progress', () => {
    const limited = row({ sweeps: [s300], standingPerMinute: 600, limitPerMinute: 600, sweepCallsPerSecond: 4.8 });
    expect(rateDocument(limited)).toEqual({
      service: 'plaid',
      callsPerMinute: 300,
      by: 'sweep',
      sweepId: 's300',
      callsPerMinuteNow: 288,
      standing: 600,
    });
    expect(rateInShort(limited)).toBe('plaid 300 calls/min (sweep s300)');
    expect(rateInShort(row({ service: 'batch', keySlot: 'ios' }))).toBe('batch.ios 600 calls/min (rising)');
  });

  it('shows no control character of a name', () => {
    expect(rateSentence(row({ sweeps: [{ sweepId: 'a\u001b[31m', limitPerMinute: 1 }] }))).not.toContain('\u001b');
  });
});

describe('a rate as people write it', () => {
  const names = { name: 'CALLS', field: 'calls' };

  it.each([
    ['600', 600],
    ['600/min', 600],
    ['10/s', 600],
    ['0.5/s', 30],
  ])('%s is %d calls a minute', (text, calls) => expect(callsPerMinute(text, names)).toBe(calls));

  it.each(['', 'abc', '-1', '10/h', '1e3', '10 /s', ' 10'])('"%s" is refused', (text) =>
    expect(() => callsPerMinute(text, names)).toThrow(Refusal),
  );
});
