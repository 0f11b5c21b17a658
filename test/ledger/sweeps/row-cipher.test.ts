import fc from 'fast-check';
import { SweepKeys } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-key';
import type { SweepKey } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-key';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import { SUBJECT_KEY } from '../databases';
import { userNumber } from './users';

const keys = new SweepKeys(SUBJECT_KEY);

function newKey(sweepId = 'sweep'): SweepKey {
  return keys.open(sweepId, keys.create(sweepId));
}

/** The texts of users that are encrypted together. */
async function encrypted(key: SweepKey, first: number, users: readonly TargetUser[]): Promise<string[]> {
  const rows = users.map((one) => ({ user: one, subjects: [] }));
  const bytes = await key.encryptUsers(first, rows, LINES);
  const all = Buffer.from(bytes).toString('latin1');
  return all === '' ? [] : all.split('\n');
}

const LINES = { begin: '', withSubjects: false, between: '\n', end: '', none: '' };

/** Number of users of a block that is encrypted in a thread, and of one that is not. */
const MANY = 1_500;
const FEW = 10;

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('\n', '\r', '"', '\\', '.', '\u2028', '\ud800', 'é', '😀') }),
  fc.string({ minLength: 1_300, maxLength: 1_700 }),
);
const user: fc.Arbitrary<TargetUser> = fc.record(
  { plaidUserId: text, reference: text },
  { requiredKeys: ['plaidUserId'] },
);

describe('the IDs of users that are encrypted together', () => {
  it('are read one by one, without the others', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(user, { minLength: 1, maxLength: 8 }), fc.nat(), async (users, first) => {
        const key = newKey('sweep – "é"');
        const texts = await encrypted(key, first, users);
        expect(texts).toHaveLength(users.length);
        // Each is the only text of its bytes.
        for (const one of texts) {
          const sealed = one.split('.')[3] ?? '';
          expect(Buffer.from(sealed, 'base64url').toString('base64url')).toBe(sealed);
        }
        for (const [index, one] of texts.entries())
          expect(key.decryptUser(first + index, one)).toEqual(JSON.parse(JSON.stringify(users[index])));
      }),
      { numRuns: 50 },
    );
    const key = newKey();
    expect(await encrypted(key, 0, [])).toEqual([]);
    for (const count of [MANY, FEW]) {
      const texts = await encrypted(
        key,
        5,
        Array.from({ length: count }, (_, index) => userNumber(index)),
      );
      expect(texts.map((one, index) => key.decryptUser(index + 5, one))).toEqual(
        texts.map((_, index) => userNumber(index)),
      );
    }
  });

  it('are a text in the form of the database, with the hashes of each user or without', async () => {
    const key = newKey();
    const form = { begin: '<', withSubjects: true, between: '|', end: '>', none: '<>' };
    for (const count of [MANY, FEW]) {
      const rows = Array.from({ length: count }, (_, index) => ({
        user: userNumber(index),
        subjects: Array.from({ length: 1 + (index % 3) }, (_same, place) => `hash${index}of${place}`),
      }));
      const bytes = await key.encryptUsers(9, rows, form);
      const [, inside = ''] = /^<(.*)>$/su.exec(Buffer.from(bytes).toString('latin1')) ?? [];
      const read = inside.split('|').map((one, index) => {
        const [subjects = '', ids = ''] = one.split(' ');
        return { user: key.decryptUser(9 + index, ids), subjects: subjects.split(',') };
      });
      expect(read).toEqual(rows);
    }
    expect(Buffer.from(await key.encryptUsers(9, [], form)).toString('latin1')).toBe('<>');
  });

  it('cannot be read with any character changed, as those of another user, or in another sweep', async () => {
    const wrapped = keys.create('sweep');
    const key = keys.open('sweep', wrapped);
    const [one = '', other = ''] = await encrypted(key, 7, [userNumber(1), userNumber(2)]);
    for (const [at, character] of [...one].entries())
      for (const changed of [character === 'A' ? 'B' : 'A', '.', '', '0'].filter((to) => to !== character))
        expect(() => key.decryptUser(7, one.slice(0, at) + changed + one.slice(at + 1))).toThrow();
    const last = (row: string): number => row.lastIndexOf('.');
    for (const wrong of [
      other,
      one.slice(0, last(one)) + other.slice(last(other)),
      other.slice(0, last(other)) + one.slice(last(one)),
      one.slice(0, -1),
      `${one}A`,
      `${one}.${one}`,
      '',
      '.',
    ])
      expect(() => key.decryptUser(7, wrong)).toThrow();
    expect(() => key.decryptUser(8, one)).toThrow('authenticate');
    expect(() => newKey().decryptUser(7, one)).toThrow('authenticate');
    expect(key.decryptUser(7, one)).toEqual(userNumber(1));
    expect(key.decryptUser(8, other)).toEqual(userNumber(2));
  });

  it('look different each time, also equal ones of one block, and nothing of them is in the texts', async () => {
    const key = newKey();
    const users = Array.from({ length: FEW }, () => userNumber(1));
    const texts = [...(await encrypted(key, 0, users)), ...(await encrypted(key, 0, users))];
    const ciphertexts = texts.map((one) => one.split('.')[3] ?? '');
    expect(new Set(ciphertexts).size).toBe(2 * FEW);
    // The key stream would be the same where two of them, combined byte by byte, are all zeros.
    const bytes = ciphertexts.map((one) => Buffer.from(one, 'base64url'));
    for (const [index, some] of bytes.entries())
      for (const others of bytes.slice(index + 1))
        expect(some.filter((byte, at) => byte === others[at]).length).toBeLessThan(some.length / 4);
    const plain = Buffer.from(JSON.stringify(userNumber(1)));
    for (const some of bytes) expect(some.includes(plain.subarray(0, 8))).toBe(false);
  });

  it('are read next to those that earlier versions encrypted one by one', async () => {
    const key = newKey();
    const alone = key.encryptUser(3, userNumber(3));
    expect(alone).not.toContain('.');
    expect(key.decryptUser(3, alone)).toEqual(userNumber(3));
    expect(() => key.decryptUser(3, `.${alone}`)).toThrow('authenticate');
    const [together = ''] = await encrypted(key, 3, [userNumber(3)]);
    expect(() => key.decryptUser(3, together.slice(1))).toThrow();
  });
});
