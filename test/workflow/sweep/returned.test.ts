import type { SourceSpec } from 'temporal-http-tasks/internal/policy/source-spec';
import type { offboardUser } from 'temporal-http-tasks/internal/workflows/offboard-user';
import { freshId } from '../../support/offboarding';
import { REASON } from '../../support/offboarding-runs';
import { openSweepPlace } from '../../support/sweep-runs';
import type { SweepPlace } from '../../support/sweep-runs';

type InlineUser = NonNullable<SourceSpec['inline']>[number];

let place: SweepPlace;

beforeEach(async () => {
  place = await openSweepPlace();
  await place.startWorker();
});

afterEach(() => place.close());

const AN_HOUR_MS = 3_600_000;

function inAnHour(sign: 1 | -1): string {
  return new Date(Date.now() + sign * AN_HOUR_MS).toISOString();
}

/** A user known by the same text at both providers. */
function both(id: string, closedAt?: string): InlineUser {
  return { plaidUserId: id, batchUserId: id, ...(closedAt !== undefined && { closedAt }) };
}

/** Makes the providers know exactly these users, each at Plaid with its Items. */
function providersKnow(atPlaid: Record<string, string[]>, atBatch: string[]): void {
  const { plaid, batch } = place.simulators;
  plaid.reset();
  batch.reset();
  plaid.seed({ users: Object.entries(atPlaid).map(([userId, items]) => ({ userId, items })) });
  if (atBatch.length > 0) batch.seed({ users: atBatch });
}

async function sweep(inline: InlineUser[], options: { granularity: 'user' | 'chunk'; removeUser?: boolean }) {
  const { granularity, removeUser } = options;
  const handle = await place.start({
    source: { inline },
    skipDone: true,
    granularity,
    ...(removeUser && { plaid: { removeUser } }),
  });
  return handle.result();
}

/** The users about whom Plaid was asked anything, and those whom Batch was asked to delete under every app's key. */
function asked(): { atPlaid: string[]; atBatch: string[] } {
  const { plaid, batch } = place.simulators;
  const atBatch = Object.values(batch.state().apps).map(({ touched }) => new Set(touched));
  const everywhere = [...(atBatch[0] ?? [])].filter((id) => atBatch.every((touched) => touched.has(id)));
  return {
    atPlaid: [...new Set(plaid.calls().calls.map(({ user }) => user ?? ''))].sort(),
    atBatch: everywhere.sort(),
  };
}

describe.each(['user', 'chunk'] as const)('a second sweep with skipDone and a granularity of %s', (granularity) => {
  it('leaves out only who was closed before the first one, and removes what came back', async () => {
    const ids = ['older', 'newer', 'unsaid', 'idle'];
    const everybody = Object.fromEntries(ids.map((id) => [id, [`${id}-first`]]));
    providersKnow(everybody, [...ids, 'batch-older', 'batch-newer', 'batch-unsaid']);
    const first = [
      ...ids.map((id) => both(id)),
      ...['batch-older', 'batch-newer', 'batch-unsaid'].map((batchUserId) => ({ batchUserId })),
    ];
    await expect(sweep(first, { granularity })).resolves.toMatchObject({ status: 'completed', counts: { skipped: 0 } });

    // All but one register again under the same IDs.
    const returned = { newer: ['newer-second'], unsaid: ['unsaid-second'], idle: [], older: [] };
    providersKnow(returned, ['newer', 'unsaid', 'batch-newer', 'batch-unsaid']);
    const second: InlineUser[] = [
      both('older', inAnHour(-1)),
      both('newer', inAnHour(1)),
      both('unsaid'),
      both('idle'),
      { batchUserId: 'batch-older', closedAt: inAnHour(-1) },
      { batchUserId: 'batch-newer', closedAt: inAnHour(1) },
      { batchUserId: 'batch-unsaid' },
    ];
    await expect(sweep(second, { granularity })).resolves.toMatchObject({
      status: 'completed',
      counts: { total: 7, skipped: 2, accepted: 5, notFound: 0, failed: 0, unknown: 0 },
    });
    expect(place.simulators.plaid.state().items.left).toEqual([]);
    // What a user costs of whom nothing is left and who cannot be left out.
    const ofIdle = place.simulators.plaid.calls().calls.filter(({ user }) => user === 'idle');
    expect(ofIdle.map(({ endpoint }) => endpoint)).toEqual(['userItemsGet', 'userProductsTerminate']);
    expect(asked()).toEqual({
      atPlaid: ['idle', 'newer', 'unsaid'],
      atBatch: ['batch-newer', 'batch-unsaid', 'idle', 'newer', 'unsaid'],
    });
  });

  it('reports a user whom an earlier sweep removed at Plaid as already gone', async () => {
    const ids = ['removed', 'no-items'];
    providersKnow({ removed: ['item'], 'no-items': [] }, []);
    const users = ids.map((plaidUserId) => ({ plaidUserId }));
    await expect(sweep(users, { granularity, removeUser: true })).resolves.toMatchObject({
      status: 'completed',
      counts: { removed: 2 },
    });
    for (let times = 0; times < 2; times += 1) {
      await expect(sweep(users, { granularity, removeUser: true })).resolves.toMatchObject({
        status: 'completed',
        counts: { total: 2, skipped: 0, alreadyGone: 2, notFound: 0 },
      });
    }
    await expect(sweep([{ plaidUserId: 'never-there' }], { granularity })).resolves.toMatchObject({
      counts: { notFound: 1 },
    });
  });

  it('takes up who came back with one of two IDs, was on hold, or was asked about some Items', async () => {
    const ids = ['half', 'held', 'some'];
    providersKnow(Object.fromEntries(ids.map((id) => [id, [`${id}-1`, `${id}-2`]])), ids);
    await place.ledger.addHold({ holdId: 'case', subjects: [place.hasher.subject('plaid', 'sandbox', 'held')] });
    const first: InlineUser[] = [{ plaidUserId: 'half' }, both('held'), { plaidUserId: 'some', itemIds: ['some-1'] }];
    await expect(sweep(first, { granularity })).resolves.toMatchObject({ counts: { held: 1 } });
    await place.ledger.removeHolds({ holdId: 'case' });
    const before = inAnHour(-1);
    const second: InlineUser[] = [
      both('half', before),
      both('held', before),
      { plaidUserId: 'some', closedAt: before },
      { plaidUserId: 'some', itemIds: ['some-2'], closedAt: before },
    ];
    await expect(sweep(second, { granularity })).resolves.toMatchObject({
      status: 'completed',
      counts: { total: 3, skipped: 0 },
      duplicates: 1,
    });
    expect(place.simulators.plaid.state().items.left).toEqual([]);
    expect(asked().atBatch).toEqual(['half', 'held']);
  });
});

it('compares with runs of single users too', async () => {
  providersKnow({ single: ['item'] }, ['single']);
  const started = await place.client.workflow.start<typeof offboardUser>('offboardUser', {
    taskQueue: place.taskQueue,
    workflowId: freshId('single'),
    args: [{ user: { plaidUserId: 'single', batchUserId: 'single' }, reason: REASON }],
  });
  await expect(started.result()).resolves.toMatchObject({ status: 'completed' });
  providersKnow({ single: ['item-again'] }, ['single']);
  await expect(sweep([both('single', inAnHour(-1))], { granularity: 'chunk' })).resolves.toMatchObject({
    counts: { skipped: 1 },
  });
  expect(asked()).toEqual({ atPlaid: [], atBatch: [] });
  await expect(sweep([both('single', inAnHour(1))], { granularity: 'chunk' })).resolves.toMatchObject({
    counts: { skipped: 0, accepted: 1 },
  });
  expect(place.simulators.plaid.state().items.left).toEqual([]);
});
