import fc from 'fast-check';
import { targetUser } from 'temporal-http-tasks/internal/policy/source-spec';
import { toUser } from 'temporal-http-tasks/internal/sources/to-user';

const text = fc.oneof(
  fc.constantFrom(undefined, '', 'usr_1', 'ü', 'a'.repeat(200), 'a1'.repeat(101), '1'.repeat(1_023), '1'.repeat(1_024)),
  fc.string({ unit: 'grapheme', maxLength: 250 }),
);

it('a user of a row is what the schema makes of its cells', () => {
  fc.assert(
    fc.property(text, text, text, text, (plaid_user_id, batch_user_id, reference, account) => {
      const made = toUser({ plaid_user_id, batch_user_id, reference, account }, { items: 'joined' });
      if ('problem' in made) return;
      expect(targetUser.parse(made.user)).toEqual(made.user);
      const given = { plaidUserId: plaid_user_id, batchUserId: batch_user_id, reference, account };
      expect(made.user).toEqual(Object.fromEntries(Object.entries(given).filter(([, value]) => value)));
    }),
    { numRuns: 2_000 },
  );
});
