import { bulkParts, halvesOf } from 'temporal-http-tasks/internal/activities/sweep/bulk-call';
import type { BulkUser } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';

function user(batchUserId: string, seq = 0): BulkUser {
  return { seq, user: { batchUserId }, subjects: [], unsettled: false };
}

const MOST_BULK_BYTES = 1_000_000;

/** The parts of a call whose body is a bare list. */
function partsOf(users: readonly BulkUser[], mostBytes = MOST_BULK_BYTES, most = 10_000): BulkUser[][] {
  const idOf = ({ user: { batchUserId = '' } }: BulkUser): string => batchUserId;
  return bulkParts(users, idOf, { most, mostBytes, frameBytes: 2, bytesPerId: 1 });
}

function bodyOf(part: readonly BulkUser[]): string {
  return JSON.stringify(part.map(({ user: { batchUserId } }) => batchUserId));
}

describe('the parts of a bulk call', () => {
  it.each([
    ['short ids', Array.from({ length: 10_000 }, (_, index) => `user-${index}@example.org`), 1],
    ['the longest ids of four bytes a character', Array.from({ length: 1_000 }, () => '🧨'.repeat(1_023)), 5],
    ['ids that JSON has to escape', Array.from({ length: 1_000 }, () => '\u0001'.repeat(1_023)), 7],
    ['one id', ['only'], 1],
    ['nobody', [], 0],
  ])('hold %s in as few calls as the bytes allow, each of them once and in order', (_name, ids, calls) => {
    const parts = partsOf(ids.map(user));
    expect(parts).toHaveLength(calls);
    expect(parts.flat().map(({ seq }) => seq)).toEqual(ids.map((_, index) => index));
    for (const part of parts) expect(Buffer.byteLength(bodyOf(part))).toBeLessThanOrEqual(MOST_BULK_BYTES);
  });

  it('fill a body to the last byte', () => {
    const three = [user('aa', 0), user('bb', 1), user('cc', 2)];
    // ["aa","bb"] has eleven bytes, and every id is counted with a comma behind it.
    expect(partsOf(three, 12).map(bodyOf)).toEqual(['["aa","bb"]', '["cc"]']);
    expect(partsOf(three, 11).map(bodyOf)).toEqual(['["aa"]', '["bb"]', '["cc"]']);
    expect(partsOf([user('longer than the limit')], 5).map(bodyOf)).toEqual(['["longer than the limit"]']);
  });

  it('have at most as many IDs as the step allows', () => {
    const users = Array.from({ length: 7 }, (_, seq) => user(`user-${seq}`, seq));
    expect(partsOf(users, MOST_BULK_BYTES, 3).map((part) => part.length)).toEqual([3, 3, 1]);
  });

  it('are halved so that no user is lost, down to one', () => {
    expect(halvesOf([1, 2, 3].map((seq) => user('x', seq))).map((half) => half.map(({ seq }) => seq))).toEqual([
      [1, 2],
      [3],
    ]);
    expect(halvesOf([user('x', 1), user('y', 2)]).map((half) => half.length)).toEqual([1, 1]);
  });
});
