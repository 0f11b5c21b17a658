import {
  identitiesOf,
  pairSubjects,
  subjectsOf,
  userSubjects,
} from 'temporal-http-tasks/internal/ledger/user-subjects';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { idsOf, inOrder, placeOf } from 'temporal-http-tasks/internal/policy/user-ids';

const hasher = createSubjectHasher('sixteen letters!');
const reason = { code: 'USER_OFFBOARDING' } as const;

function problemsOf(user: object, more: object = {}): string[] {
  const parsed = offboardUserInput.safeParse({ user, reason, ...more });
  return (
    parsed.error?.issues.map(
      ({ path, message }) => `${path.slice(path[0] === 'user' ? 1 : 0).join('.')}: ${message}`,
    ) ?? []
  );
}

describe('the IDs of a user', () => {
  it('have one form, whether they are given by fields of their own or by provider', () => {
    const old = { plaidUserId: 'usr_1', batchUserId: 'b_1', itemIds: ['i_1'] };
    const normal = { plaid: { userId: 'usr_1', itemIds: ['i_1'] }, batch: { userId: 'b_1' } };
    expect(idsOf(old)).toEqual(normal);
    expect(idsOf({ ids: normal })).toEqual(normal);
    expect(idsOf({ plaidUserToken: 't', ids: { courier: { contactId: 'c_1' } } })).toEqual({
      plaid: { userToken: 't' },
      courier: { contactId: 'c_1' },
    });
    expect([placeOf(old, 'plaid', 'userId'), placeOf({}, 'plaid', 'userId')]).toEqual([
      'plaidUserId',
      'ids.plaid.userId',
    ]);
  });

  it('keep names that every object has, and never reach its prototype', () => {
    const ids = JSON.parse('{"constructor": {"toString": "x"}}') as Record<string, Record<string, string>>;
    expect(identitiesOf(idsOf({ ids }))).toEqual([{ provider: 'constructor', id: 'toString', value: 'x' }]);
  });

  it.each<[string, object, string[], object?]>([
    ['one ID by provider', { ids: { courier: { contactId: 'c_1', deviceIds: ['d_1'] } } }, []],
    ['no ID', {}, [': at least one of plaidUserId, plaidUserToken, batchUserId and ids is required']],
    ['no provider', { ids: {} }, ['ids: must have at least one provider']],
    ['a provider without an ID', { ids: { courier: {} } }, ['ids.courier: must have at least one ID']],
    [
      'an empty ID',
      { ids: { courier: { contactId: '' } } },
      ['ids.courier.contactId: must be an ID of 1 to 4096 characters, as a text, or a list of 1 to 1000 of them'],
    ],
    [
      'an ID that is a number',
      { ids: { courier: { contactId: 7 } } },
      ['ids.courier.contactId: must be an ID of 1 to 4096 characters, as a text, or a list of 1 to 1000 of them'],
    ],
    [
      'one ID in both forms',
      { plaidUserId: 'u', batchUserId: 'b', ids: { plaid: { userId: 'u' }, batch: { userId: 'b' } } },
      [
        'plaidUserId: must be left out: ids.plaid.userId names the same ID',
        'batchUserId: must be left out: ids.batch.userId names the same ID',
      ],
    ],
    [
      'both IDs of a Plaid user, in any form',
      { plaidUserId: 'u', ids: { plaid: { userToken: 't' } } },
      ['ids.plaid.userToken: only one of plaidUserId and plaidUserToken may be given: Plaid rejects both together'],
    ],
    [
      'an ID that Batch cannot take',
      { ids: { batch: { userId: '\ud800' } } },
      ['ids.batch.userId: must be well-formed Unicode; it contains half of a surrogate pair'],
    ],
    [
      'Items in both forms',
      { ids: { plaid: { userId: 'u', itemIds: ['i'] } } },
      ['itemIds: must be left out: user.ids.plaid.itemIds names the same IDs'],
      { itemIds: ['i'] },
    ],
    ['Items of a user by provider', { ids: { plaid: { userId: 'u' } } }, [], { itemIds: ['i'] }],
    [
      'a user of a sweep with IDs',
      { sweepId: 's', seq: 0, ids: { courier: { contactId: 'c' } } },
      ['ids: must be left out: sweepId and seq already name the user'],
    ],
  ])('are checked: %s', (...[, user, expected, more]) => {
    expect(problemsOf(user, more)).toEqual(expected);
  });
});

describe('the hashes of a user', () => {
  it('come in an order that needs no definition: plaid, batch, then by name, and lists last', () => {
    expect(inOrder(['zebra', 'batch', 'courier', 'plaid'])).toEqual(['plaid', 'batch', 'courier', 'zebra']);
    const ids = {
      courier: { deviceIds: ['d_2', 'd_1', 'd_2'], personId: 'p', contactId: 'c' },
      batch: { userId: 'b' },
      plaid: { itemIds: ['i_1'], userId: 'u' },
    };
    const identities = identitiesOf(ids);
    expect(identities.map(({ provider, id, value }) => `${provider}.${id}=${value}`)).toEqual([
      'plaid.userId=u',
      'batch.userId=b',
      'courier.contactId=c',
      'courier.personId=p',
      'courier.deviceIds=d_2',
      'courier.deviceIds=d_1',
    ]);
    const subjects = subjectsOf(identities, (provider) => (provider === 'batch' ? 'default' : 'sandbox'), hasher);
    expect(subjects[2]).toBe(hasher.subject('courier', 'sandbox', 'c'));
    expect(pairSubjects({ ids }, subjects).map(({ id, subject }) => [id, subject])).toEqual(
      identities.map(({ id }, index) => [id, subjects[index]]),
    );
    expect(identitiesOf(ids, (_provider, id) => id.endsWith('Ids'))).toHaveLength(4);
  });

  it('are those of earlier releases for the first providers', () => {
    const user = { plaidUserId: 'u', batchUserId: 'b', itemIds: ['i'] };
    const expected = [hasher.subject('plaid', 'sandbox', 'u'), hasher.subject('batch', 'default', 'b')];
    expect(userSubjects(user, { plaid: 'sandbox' }, hasher)).toEqual(expected);
    expect(
      userSubjects({ ids: { batch: { userId: 'b' }, plaid: { userId: 'u' } } }, { plaid: 'sandbox' }, hasher),
    ).toEqual(expected);
  });
});
