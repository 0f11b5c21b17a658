import type { WorkflowFailedError } from '@temporalio/client';
import { refreshDueDateUpdate } from 'temporal-http-tasks/internal/workflows/internal-activity';
import { sweepProgressQuery } from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import { goneAtPlaid, openSweepPlace, untilProgress } from '../support/sweep-runs';
import type { SweepPlace } from '../support/sweep-runs';
import { offboard, REASON, seedUser, startOffboarding, until } from '../support/offboarding-runs';
import { freshId } from '../support/offboarding';

let place: SweepPlace;

beforeAll(async () => {
  place = await openSweepPlace({ env: { HTTP_TASKS_PUBLIC_HOLIDAYS: '2015-04-06' } });
  await place.startWorker();
});

afterAll(() => place.close());

const registered = async (workflowId: string) =>
  (await place.ledger.requests.list({ afterId: 0, limit: 1_000 })).filter((one) => one.workflowId === workflowId);

/** The first leaf of the log about a run or sweep, once it is sealed. */
async function sealedAbout(kind: 'run' | 'sweep', ref: string): Promise<Record<string, unknown>> {
  await place.ledger.log.seal();
  const [leaf] = await place.ledger.log.find({ kind, ref });
  return JSON.parse(leaf?.content ?? '{}') as Record<string, unknown>;
}

it('a run is found by its due date, is in the register with its end, and its head quotes who asked and when', async () => {
  const { user } = seedUser(place);
  const claims = { requestedBy: 'Alice', receivedAt: '2015-03-05', law: 'gdpr' } as const;
  const handle = await startOffboarding(place, { user: { ...user, reference: 'case-7' }, ...claims });
  const { status, runId } = await handle.result();
  expect(status).toBe('completed');
  const { workflowId } = handle;
  // Easter Monday is a holiday of this worker.
  const dueAt = '2015-04-07T23:59:59.000Z';
  expect(await registered(workflowId)).toMatchObject([
    { kind: 'run', reference: 'case-7', ...claims, dueAt, reason: REASON.code, outcome: 'completed', done: true },
  ]);
  const head = await sealedAbout('run', `${workflowId}\n${runId}\n`);
  expect(head).toMatchObject({ ...claims, dueAt, reason: REASON.code });
  expect(await handle.query('progress')).toMatchObject({ dueAt });
  const query = `WorkflowId = '${workflowId}' AND OffboardingDueBy < '2015-04-08T00:00:00.000Z'`;
  await until('it is found', async () => {
    for await (const _ of place.client.workflow.list({ query })) return true;
    return false;
  });
});

it('a run without a request leaves nothing in the register, and a dry run neither', async () => {
  const before = (await place.ledger.requests.list({ afterId: 0, limit: 1_000 })).length;
  await offboard(place, { user: seedUser(place).user, requestedBy: 'Alice' });
  await offboard(place, { user: seedUser(place).user, receivedAt: '2015-03-05', law: 'ccpa', dryRun: true });
  expect(await place.ledger.requests.list({ afterId: 0, limit: 1_000 })).toHaveLength(before);
});

it('a refused request is not carried out', async () => {
  const { user, plaidUserId } = seedUser(place);
  const claims = { receivedAt: '2015-03-06', law: 'ccpa' } as const;
  const subjects = [place.hasher.subject('plaid', 'sandbox', plaidUserId)];
  const request = (await place.ledger.requests.record({
    workflowId: freshId('recorded'),
    firstRun: '',
    facts: claims,
    subjects,
    environments: { plaid: ['sandbox'] },
  }))!;
  await place.ledger.requests.refuse({ id: request.id, by: 'Alice', reason: 'not proven', now: new Date() });
  expect((await offboard(place, { user, ...claims })).status).toBe('held');
});

it.each(['user', 'chunk'] as const)(
  'a sweep by %s: rows with a receipt are requests, and so is the sweep',
  async (granularity) => {
    const users = [seedUser(place), seedUser(place), seedUser(place)];
    const receipts = ['2015-03-04T10:00:00+01:00', undefined, '2015-03-02'];
    const inline = users.map(({ user }, at) => ({ ...user, ...(receipts[at] && { receivedAt: receipts[at] }) }));
    const handle = await place.start({
      source: { inline },
      granularity,
      law: 'gdpr',
      receivedAt: '2015-03-10',
      requestedBy: 'Alice',
    });
    // 2 April; the sweep as a whole is due on the 10th.
    const dueAt = '2015-04-02T23:59:59.000Z';
    expect(await handle.result()).toMatchObject({ status: 'completed', dueAt });
    const { workflowId } = handle;
    expect(await registered(workflowId)).toMatchObject([
      { kind: 'sweep', dueAt: '2015-04-10T23:59:59.000Z', requestedBy: 'Alice', outcome: 'completed', done: true },
      // The 4th is a Saturday and the 6th a holiday.
      { kind: 'user', seq: 0, dueAt: '2015-04-07T22:59:59.000Z', outcome: 'accepted', done: true },
      { kind: 'user', seq: 2, dueAt, outcome: 'accepted', done: true },
    ]);
    const { head = '{}' } = (await place.ledger.sweeps.read(workflowId))!;
    expect((JSON.parse(head) as { request: unknown }).request).toEqual({
      requestedBy: 'Alice',
      receivedAt: '2015-03-10',
      law: 'gdpr',
      requests: 2,
      dueAt,
    });
  },
);

it('an extension is seen by a sweep in progress', async () => {
  const claims = { receivedAt: new Date().toISOString(), law: 'ccpa' } as const;
  const sweep = await place.start({ source: { inline: [seedUser(place).user] }, approval: true, ...claims });
  await untilProgress(sweep, 'it waits', ({ status }) => status === 'waitingForApproval');
  const [request] = await registered(sweep.workflowId);
  const { dueAt } = await place.ledger.requests.extend({
    id: request!.id,
    by: 'Alice',
    reason: 'many providers',
    now: new Date(),
  });
  expect(Date.parse(dueAt!) - Date.parse(request!.dueAt!)).toBe(45 * 86_400_000);
  expect(await sweep.executeUpdate(refreshDueDateUpdate)).toEqual({ dueAt });
  expect(await sweep.query(sweepProgressQuery)).toMatchObject({ dueAt });
  await sweep.cancel();
  await expect(sweep.result()).rejects.toThrow();
});

it('refuses a law without a receipt, and a receipt that is yet to come', async () => {
  const { user } = seedUser(place);
  const gone = goneAtPlaid(place);
  for (const fields of [{ law: 'gdpr' as const }, { receivedAt: '2099-01-01' }]) {
    const error: unknown = await offboard(place, { user, ...fields }).catch((reason: unknown) => reason);
    expect((error as WorkflowFailedError).cause).toMatchObject({ type: 'Task.InvalidInput' });
  }
  expect(goneAtPlaid(place)).toEqual(gone);
});
