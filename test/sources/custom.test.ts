import { CustomSource } from 'temporal-http-tasks/internal/sources/open-source';
import { NO_PLACEHOLDERS } from 'temporal-http-tasks/internal/sources/id-rules';
import type { Source } from 'temporal-http-tasks/internal/sources/source';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { UserColumns } from 'temporal-http-tasks/internal/sources/user-columns';
import { courierWith } from '../unit/providers/courier';
import { failureOf, rowsOf } from './reading';

/** A source of a host whose only row has this user. */
function sourceOf(user: object, known?: UserColumns): Source {
  return new CustomSource(
    {
      kind: 'custom',
      describe: () => 'a source of the host',
      async *rows() {
        yield { position: '0', line: 1, user };
      },
    },
    NO_PLACEHOLDERS,
    known,
  );
}

describe("a source of the host's own", () => {
  it('may have rows that carry more than a user has, and nothing where an ID is missing', async () => {
    for (const more of [
      { name: 'A. Person' },
      { plaidUserId: null },
      { plaidUserId: '' },
      { plaidUserId: undefined, created: 7 },
    ]) {
      expect(await rowsOf(sourceOf({ ...more, batchUserId: 'b-1' }))).toEqual([
        { line: 1, user: { batchUserId: 'b-1' } },
      ]);
    }
  });

  it('may not have an ID under another name, which would be left out', async () => {
    for (const name of ['plaidUserID', 'plaid_user_id', 'itemId', 'custom_id']) {
      const failure = await failureOf(rowsOf(sourceOf({ batchUserId: 'b-1', [name]: 'canary' })));
      expect(failure.message).toContain(`${name}: unknown field`);
      expect(failure.message).not.toContain('canary');
    }
  });

  it.each([
    ['in an object', { attributes: { plaid_user_id: 'canary' } }, 'attributes.plaid_user_id'],
    ['in a list', { accounts: [{ batchUserId: 'canary' }] }, 'accounts.batchUserId'],
  ])('may not have an ID %s, which would be left out', async (_where, more, place) => {
    const failure = await failureOf(rowsOf(sourceOf({ batchUserId: 'b-1', ...more })));
    expect(failure.message).toContain(`the field ${place} would be ignored`);
    expect(failure.message).not.toContain('canary');
  });

  it('may not have an ID of a provider under a name of its own', async () => {
    const known = new UserColumns(new ProviderSet([courierWith()]), ['parcel']);
    for (const name of ['courierContactId', 'contactId', 'parcel_id'])
      await expect(rowsOf(sourceOf({ batchUserId: 'b-1', [name]: 'canary' }, known))).rejects.toThrow(
        `${name}: unknown field`,
      );
    expect(await rowsOf(sourceOf({ batchUserId: 'b-1', city: 'x' }, known))).toHaveLength(1);
  });

  it('has its IDs checked like those of other sources', async () => {
    expect(await rowsOf(sourceOf({ batchUserId: 'null' }))).toEqual([
      { line: 1, problem: 'batchUserId is a placeholder and not an ID' },
    ]);
  });
});
