import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { failureOfRun, REASON, until } from '../../support/offboarding-runs';
import { freshId } from '../../support/offboarding';
import { BYSTANDERS, goneAtPlaid, openSweepPlace } from '../../support/sweep-runs';
import type { SweepPlace } from '../../support/sweep-runs';

let place: SweepPlace;

beforeEach(async () => {
  place = await openSweepPlace();
  await place.startWorker();
});

afterEach(() => place.close());

/** All payloads of a history in JSON, as text that can be searched. */
function decodedPayloads(history: string): string {
  return [...history.matchAll(/"data":\s*"([^"]*)"/g)]
    .map(([, data = '']) => Buffer.from(data, 'base64').toString())
    .join('\n');
}

describe('a sweep in chunks', () => {
  it('offboards every user of a file at both providers and no other user, sealed, with counts that add up', async () => {
    const file = await place.users(150);
    const handle = await place.start({ source: { file } });
    const result = await handle.result();
    expect(result).toMatchObject({
      sweepId: handle.workflowId,
      status: 'completed',
      counts: { total: 150, accepted: 150, pending: 0, failed: 0, unknown: 0 },
      duplicates: 0,
      rejected: 0,
    });
    expect(goneAtPlaid(place)).toEqual({ gone: 150, left: BYSTANDERS, irreversibleRepeats: 0 });
    for (const app of Object.values(place.simulators.batch.state().apps)) expect(app.touched).toHaveLength(150);
    const { sweeps } = place.ledger;
    await expect(sweeps.verify({ sweepId: handle.workflowId, expectedRoot: result.merkleRoot })).resolves.toMatchObject(
      { ok: true },
    );
    await expect(sweeps.read(handle.workflowId)).resolves.toMatchObject({
      status: 'completed',
      total: 150,
      merkleRoot: result.merkleRoot,
    });
  });

  it('puts no id into its history, and few events', async () => {
    const prefix = freshId('canary');
    const file = await place.users(300, { prefix });
    const handle = await place.start({ source: { file } });
    await handle.result();
    const history = await handle.fetchHistory();
    const text = historyToJSON(history);
    expect(text).not.toContain(prefix);
    expect(decodedPayloads(text)).not.toContain(prefix);
    expect(history.events?.length).toBeLessThan(80);
  });

  it('sends bulk deletions and no single ones to Batch', async () => {
    const handle = await place.start({ source: { file: await place.users(120) } });
    await handle.result();
    const endpoints = place.simulators.batch
      .calls()
      .calls.map(({ endpoint, app, users }) => `${endpoint} ${app ?? ''} ${users}`);
    expect(endpoints.sort()).toEqual(['customDataBulkDelete android 120', 'customDataBulkDelete ios 120']);
  });

  it('tries a user again in a later round whom Plaid refuses for a while', async () => {
    const file = await place.users(110, { prefix: 'later' });
    place.simulators.plaid.faults.add({
      endpoint: 'userItemsGet',
      user: 'later-7',
      kind: 'rateLimit',
      times: 1,
      retryAfter: { form: 'seconds', seconds: 8 },
    });
    const handle = await place.start({ source: { file }, granularity: 'chunk' });
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { accepted: 110 } });
    expect(goneAtPlaid(place).gone).toBe(110);
  });

  it.each(['chunk', 'user'] as const)(
    'leaves out the products when they are excluded, granularity %s',
    async (granularity) => {
      place.simulators.plaid.faults.add({ endpoint: 'userProductsTerminate', kind: 'unknownErrorCode' });
      const handle = await place.start({
        source: { file: await place.users(12) },
        exclude: ['plaid.products'],
        granularity,
      });
      await expect(handle.result()).resolves.toMatchObject({
        status: 'completed',
        counts: { total: 12, accepted: 12, failed: 0 },
      });
      expect(
        place.simulators.plaid.calls().calls.filter(({ endpoint }) => endpoint === 'userProductsTerminate'),
      ).toEqual([]);
    },
  );

  it('changes nothing in a dry run', async () => {
    const handle = await place.start({ source: { file: await place.users(101) }, dryRun: true });
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { total: 101, skipped: 101 } });
    expect(goneAtPlaid(place).gone).toBe(0);
    expect(place.simulators.batch.figures().calls.total).toBe(0);
  });

  it('counts each user once under the worst outcome, and is partial', async () => {
    const file = await place.users(105, { prefix: 'some' });
    place.simulators.plaid.faults.add({ endpoint: 'userProductsTerminate', user: 'some-3', kind: 'unknownErrorCode' });
    const handle = await place.start({ source: { file } });
    await expect(handle.result()).resolves.toMatchObject({
      status: 'partial',
      counts: { total: 105, failed: 1, accepted: 104 },
    });
  });

  it('leaves a user on hold alone, also one held while it runs, and is completed', async () => {
    const file = await place.users(200, { prefix: 'hold' });
    const held = place.hasher.subject('plaid', 'sandbox', 'hold-199');
    await place.ledger.addHold({ holdId: 'case', subjects: [held] });
    const handle = await place.start({ source: { file } });
    await expect(handle.result()).resolves.toMatchObject({
      status: 'completed',
      counts: { total: 200, held: 1, accepted: 199 },
    });
    expect(place.simulators.plaid.state().touched).not.toContain('hold-199');
  });
});

describe('a sweep with a child workflow for each user', () => {
  it('is the default for few users, and puts no id into any history', async () => {
    const prefix = freshId('canary');
    const handle = await place.start({ source: { file: await place.users(12, { prefix }) } });
    const result = await handle.result();
    expect(result).toMatchObject({ status: 'completed', counts: { total: 12, accepted: 12, pending: 0 } });
    expect(goneAtPlaid(place)).toEqual({ gone: 12, left: BYSTANDERS, irreversibleRepeats: 0 });
    expect(historyToJSON(await handle.fetchHistory())).not.toContain(prefix);
    const child = place.client.workflow.getHandle(`${handle.workflowId}/3-0.1`);
    const payloads = decodedPayloads(historyToJSON(await child.fetchHistory()));
    expect(payloads).toContain('{{target.plaidUserId}}');
    // An Item's id reveals its user's in these simulators, and Items are named in a run's own history.
    expect(payloads.replaceAll(/"item_ids?":[^}\]]*/g, '')).not.toContain(prefix);
    await expect(
      place.ledger.sweeps.verify({ sweepId: handle.workflowId, expectedRoot: result.merkleRoot }),
    ).resolves.toMatchObject({ ok: true });
  });

  it('files and follows GDPR requests', async () => {
    place.simulators.batch.configure({ gdpr: { delayMs: 200 } });
    const handle = await place.start({
      source: { file: await place.users(3) },
      granularity: 'user',
      batch: { mode: 'gdpr' },
    });
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { total: 3 } });
  });

  it.each(['gdpr', 'both'] as const)('files and follows GDPR requests in chunks, mode %s', async (mode) => {
    place.simulators.batch.configure({ gdpr: { delayMs: 200 } });
    const filed = (): number => place.simulators.batch.figures().calls.byEndpoint.gdprRequestCreate?.received ?? 0;
    const before = filed();
    const handle = await place.start({ source: { file: await place.users(3, { prefix: mode }) }, batch: { mode } });
    await expect(handle.result()).resolves.toMatchObject({
      status: 'completed',
      counts: { total: 3, [mode === 'gdpr' ? 'removed' : 'accepted']: 3 },
    });
    // One request of each user under each app key, although users wait for them in several rounds.
    expect(filed() - before).toBe(3 * (place.env.BATCH_API_KEYS?.split(',').length ?? 0));
  });
});

describe('a wrong sweep', () => {
  it.each([
    ['source', {}],
    ['redriveOf', { source: { inline: [{ plaidUserId: 'a' }] }, redriveOf: 'x' }],
    ['source.file', { source: { file: 'not-there.csv' } }],
    ['snapshot', { snapshot: 'never-taken' }],
    ['redriveOf', { redriveOf: 'never-ran' }],
    ['tolerance', { source: { inline: [{ plaidUserId: 'a' }] }, tolerance: '101%' }],
    ['maxUsers', { source: { inline: [{ plaidUserId: 'a' }, { plaidUserId: 'b' }] }, maxUsers: 1 }],
  ])('is refused immediately, naming %s', async (field, input) => {
    const handle = await place.start(input);
    const failure = await failureOfRun(handle.result());
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', retryable: false });
    expect(failure.detail.field ?? failure.message).toContain(field.split('.')[0]);
    expect(place.simulators.plaid.figures().calls.total).toBe(0);
  });

  it('is refused when a file contains no user', async () => {
    const handle = await place.start({ source: { file: await place.users(0) } });
    await expect(failureOfRun(handle.result())).resolves.toMatchObject({ type: 'Task.InvalidInput' });
    await until(
      'the ledger says so',
      async () => (await place.ledger.sweeps.read(handle.workflowId))?.status === 'failed',
    );
  });

  it('fails as a whole when no user could be offboarded, so that a Schedule sees it', async () => {
    const file = await place.users(4, { prefix: 'no' });
    place.simulators.plaid.faults.add({ endpoint: '*', kind: 'unknownErrorCode' });
    const handle = await place.start({
      source: { file },
      batch: { mode: 'skip' },
      granularity: 'chunk',
      reason: REASON,
    });
    await expect(failureOfRun(handle.result())).resolves.toMatchObject({
      type: 'Offboarding.Failed',
      detail: { status: 'failed', counts: { failed: 4 } },
    });
  });
});
