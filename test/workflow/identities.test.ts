import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import {
  failureOfRun,
  offboard,
  seedBystanders,
  seedUser,
  stepLines,
  touchedBystanders,
} from '../support/offboarding-runs';

let plain: Place;
let allowing: Place;

beforeAll(async () => {
  [plain, allowing] = await Promise.all([
    openPlace({ plaid: { repeatedRemovals: 'process' } }),
    openPlace({ env: { HTTP_TASKS_ALLOW_SENSITIVE: 'user_token,user_id' }, plaid: { repeatedRemovals: 'process' } }),
  ]);
  seedBystanders(plain);
  await Promise.all([plain.startWorker(), allowing.startWorker()]);
});

afterAll(async () => {
  expect(touchedBystanders(plain)).toEqual([]);
  expect(plain.simulators.plaid.state().repeats.irreversible).toEqual([]);
  await Promise.all([plain.close(), allowing.close()]);
});

describe('a user token', () => {
  function seedToken(): { userId: string; token: string } {
    const [userId, token] = [freshId('older'), freshId('user-sandbox')];
    allowing.simulators.plaid.seed({
      users: [{ userId, userToken: token, tokenOnly: true, items: [freshId('item')] }],
    });
    return { userId, token };
  }

  it('is refused by name where histories are plain and it is not allowed, and nothing is sent', async () => {
    const before = plain.simulators.plaid.calls().total;
    const failure = await failureOfRun(offboard(plain, { user: { plaidUserToken: freshId('user-sandbox') } }));
    expect(failure).toMatchObject({
      type: 'Task.InvalidInput',
      retryable: false,
      detail: { field: 'user.plaidUserToken' },
    });
    expect(failure.message).toContain('HTTP_TASKS_ALLOW_SENSITIVE');
    expect(plain.simulators.plaid.calls().total).toBe(before);
  });

  it('is recognised and refused where it is given as a user id', async () => {
    const token = freshId('user-production');
    const failure = await failureOfRun(offboard(plain, { user: { plaidUserId: token } }));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', detail: { field: 'user.plaidUserId' } });
    expect(failure.message).not.toContain(token);
  });

  it('removes the Items where it is allowed, and says that products need a user id', async () => {
    const { userId, token } = seedToken();
    const result = await offboard(allowing, { user: { plaidUserToken: token }, plaid: { removeUser: true } });
    expect(result.status).toBe('completed');
    expect(stepLines(result)).toEqual([
      'plaid.items removed',
      'plaid.products skipped needsUserId',
      'plaid.user removed',
      'batch skipped noBatchId',
    ]);
    expect(allowing.simulators.plaid.state().removedUsers).toContain(userId);
    expect(JSON.stringify(result)).not.toContain(token);
  });

  it('works in place of a user id, products included, as it does for migrated users', async () => {
    const { userId, token } = seedToken();
    const result = await offboard(allowing, { user: { plaidUserId: token } });
    expect(result.status).toBe('completed');
    expect(stepLines(result)).toEqual(['plaid.items removed', 'plaid.products removed', 'batch skipped noBatchId']);
    expect(allowing.simulators.plaid.state().gone).toContain(userId);
  });
});

describe('an unusual id at Batch', () => {
  const tag = freshId('odd');
  const odd = [
    `${tag} with space`,
    ` ${tag} padded `,
    `${tag}%2F..%2Fbystander-1`,
    `${tag}/../bystander-1`,
    `../${tag}`,
    `${tag}?x=1#frag`,
    `${tag}\\windows`,
    `${tag}+plus&amp;`,
    `${tag}…ünï-名前-👩‍👩‍👧`,
    `${tag.toUpperCase()}`,
    `${tag}"'<>{}|^\``,
    `${tag};,:@=$!*()`,
    `${tag}\ttab`,
    `-${tag}`,
    'ж'.repeat(1_000),
  ];

  it('reaches exactly its user, under every app key', async () => {
    plain.simulators.batch.seed({ users: odd });
    const results = await Promise.all(odd.map((batchUserId) => offboard(plain, { user: { batchUserId } })));
    for (const result of results) {
      expect(stepLines(result).slice(2)).toEqual(['batch.ios accepted', 'batch.android accepted']);
      expect(result.status).toBe('completed');
    }
    for (const app of Object.values(plain.simulators.batch.state().apps)) {
      expect(new Set(app.touched.filter((id) => odd.includes(id)))).toEqual(new Set(odd));
      expect(app.unknown).toEqual([]);
      expect(app.touched.filter((id) => !odd.includes(id) && !['.', '..'].includes(id))).toEqual([]);
    }
  });

  it.each(['.', '..'])('that no URL can carry (%s) goes out as a bulk call of one', async (batchUserId) => {
    plain.simulators.batch.seed({ users: [batchUserId] });
    const result = await offboard(plain, { user: { batchUserId } });
    expect(result.steps.slice(2)).toEqual([
      { step: 'batch.ios', task: 'batch.customDataBulkDelete', outcome: 'accepted', token: expect.any(String) },
      { step: 'batch.android', task: 'batch.customDataBulkDelete', outcome: 'accepted', token: expect.any(String) },
    ]);
    const { ios, android } = plain.simulators.batch.state().apps;
    expect(ios?.gone).toContain(batchUserId);
    expect(android?.gone).toContain(batchUserId);
  });
});

it('takes unusual ids of users and Items at Plaid as they are', async () => {
  const ids = [' usr padded ', 'usr/../x', 'usr"quoted\\', 'usr-名前-👩‍👩‍👧', 'USR', 'usr', '__proto__', 'constructor'];
  plain.simulators.plaid.seed({ users: ids.map((userId) => ({ userId, items: [`item of ${userId}`] })) });
  const results = await Promise.all(ids.map((plaidUserId) => offboard(plain, { user: { plaidUserId } })));
  expect(results.map(({ status }) => status)).toEqual(ids.map(() => 'completed'));
  const { gone, touched } = plain.simulators.plaid.state();
  expect(gone).toEqual(expect.arrayContaining(ids));
  expect(touched.filter((id) => id.startsWith('bystander-'))).toEqual([]);
});

it('matches no id against another one that differs only in case or padding', async () => {
  const { plaidUserId, batchUserId } = seedUser(plain);
  const [otherPlaid, otherBatch] = [plaidUserId.toUpperCase(), ` ${batchUserId}`];
  plain.simulators.plaid.seed({ users: [{ userId: otherPlaid, items: [freshId('item')] }] });
  plain.simulators.batch.seed({ users: [otherBatch] });
  await offboard(plain, { user: { plaidUserId, batchUserId } });
  expect(plain.simulators.plaid.state().touched).not.toContain(otherPlaid);
  expect(plain.simulators.batch.state().apps.ios?.touched).not.toContain(otherBatch);
});

it("does not take a mistyped id at Batch for a deleted one because the ledger knows the user's id at Plaid", async () => {
  const { user } = seedUser(plain);
  expect((await offboard(plain, { user })).status).toBe('completed');
  const mistyped = { plaidUserId: user.plaidUserId, batchUserId: freshId('mistyped') };
  const result = await offboard(plain, { user: mistyped, batch: { mode: 'gdpr' } });
  expect(stepLines(result)).toEqual([
    'plaid.items alreadyGone',
    'plaid.products removed',
    'batch.ios notFound',
    'batch.android notFound',
  ]);
  expect(result.status).toBe('partial');
});
