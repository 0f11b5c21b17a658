import { WorkflowUpdateFailedError } from '@temporalio/client';
import { approveUpdate, completeStepUpdate } from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import type { StepDefinition } from 'temporal-http-tasks';
import { CourierServer } from '../../activities/sweep/courier/courier-server';
import { courierAt } from '../../activities/sweep/courier/courier-place';
import { freshId } from '../../support/offboarding';
import { until } from '../../support/offboarding-runs';
import { openSweepPlace, untilProgress } from '../../support/sweep-runs';
import type { SweepPlace } from '../../support/sweep-runs';
import { COURIER_STEPS } from '../../unit/providers/courier';

let server: CourierServer;
let place: SweepPlace;

beforeAll(async () => {
  server = await CourierServer.start();
  place = await openSweepPlace({ env: { COURIER_TOKEN: 'courier-token-of-tests' } });
  await place.startWorker({ plugin: { providers: [courierAt(server.origin, COURIER_STEPS)] } });
});

afterAll(async () => {
  await place.close();
  await server.close();
});

it('a sweep of a provider of its own waits for people by the update completeStep, and says who waits for what', async () => {
  server.seed(3);
  const inline = [0, 1, 2].map((number) => ({
    ids: { courier: { contactId: `c-${number}`, personId: `p-${number}`, deviceIds: [`d-${number}-1`] } },
  }));
  const handle = await place.start({ source: { inline }, providers: ['courier'], granularity: 'chunk' });
  const waiting = await untilProgress(handle, 'people are waited for', ({ waitingForPerson = [] }) =>
    waitingForPerson.some(({ users }) => users === 3),
  );
  expect(waiting).toMatchObject({
    status: 'running',
    counts: { total: 3, pending: 3 },
    waitingForPerson: [{ step: 'courier.archive', title: 'Archive', users: 3 }],
    titles: { bulk: [], others: ['Courier Mail'] },
  });
  const report = { step: 'courier.archive', by: 'A. Person', outcome: 'removed', evidence: 'T-1' } as const;
  const stray = handle.executeUpdate(completeStepUpdate, { args: [{ ...report, step: 'courier.topics' }] });
  await expect(stray).rejects.toThrow(WorkflowUpdateFailedError);
  await handle.executeUpdate(completeStepUpdate, { args: [report] });
  const result = await handle.result();
  expect(result).toMatchObject({ status: 'completed', counts: { total: 3, removed: 3, pending: 0 } });
  expect(server.repeats).toEqual([]);
  expect(server.contacts.size).toBe(0);
  const { sweeps } = place.ledger;
  const verified = await sweeps.verify({ sweepId: handle.workflowId, expectedRoot: result.merkleRoot ?? '' });
  expect(verified).toMatchObject({ ok: true });
});

it('a hold that comes while the request of a user is followed lets it be followed to its end, and holds the rest', async () => {
  server.seed(2);
  server.holdsErasures = true;
  const inline = [0, 1].map((number) => ({
    ids: { courier: { personId: `held-${number}`, contactId: `c-${number}` } },
  }));
  const choices = { providers: ['courier'], exclude: ['courier.topics', 'courier.contact', 'courier.devices'] };
  const handle = await place.start({ source: { inline }, ...choices, granularity: 'chunk' });
  const filed = () => server.erasures.filter(({ person }) => person.startsWith('held-')).length;
  await until('both requests are filed and wait for another round', async () => {
    if (filed() < 2) return false;
    const { pending, open } = await place.ledger.sweeps.count(handle.workflowId);
    return pending === 2 && open === 0;
  });
  const subjects = [place.hasher.subject('courier', 'sandbox', 'held-1')];
  await place.ledger.addHold({ holdId: freshId('hold'), subjects });
  server.finishErasures();
  await untilProgress(handle, 'one waits for a person', ({ waitingForPerson = [] }) =>
    waitingForPerson.some(({ users }) => users === 1),
  );
  const report = { step: 'courier.archive', by: 'A. Person', outcome: 'removed' } as const;
  await handle.executeUpdate(completeStepUpdate, { args: [report] });
  expect(await handle.result()).toMatchObject({ status: 'completed', counts: { total: 2, removed: 1, held: 1 } });
  const receipts = await place.ledger.sweeps.readReceipts({ sweepId: handle.workflowId, afterSeq: 0, limit: 100 });
  const ends = receipts.flatMap(({ phase, step, outcome }) => (phase === 'settled' ? [`${step} ${outcome}`] : []));
  expect(ends.slice(-2)).toEqual(['courier.erasure removed', 'courier.archive held']);
});

it.each(['user', 'chunk'] as const)(
  'a sweep keeps the steps that were approved when a worker with another definition continues it, by %s',
  async (granularity) => {
    server.seed(2);
    const filed = server.erasures.length;
    const own = await openSweepPlace({ env: { COURIER_TOKEN: 'courier-token-of-tests' } });
    try {
      const erasure = COURIER_STEPS.filter(({ step }) => step === 'erasure');
      const contact = COURIER_STEPS.flatMap(({ after: _, ...step }) => (step.step === 'contact' ? [step] : []));
      const opener = await own.startWorker({
        plugin: { providers: [courierAt(server.origin, contact)] },
      });
      const inline = [0, 1].map((number) => ({
        ids: { courier: { contactId: `c-${number}`, personId: `p-${number}` } },
      }));
      const handle = await own.start({ source: { inline }, providers: ['courier'], approval: true, granularity });
      await untilProgress(handle, 'it waits for approval', ({ status }) => status === 'waitingForApproval');
      await opener.stop();
      const renamed = contact.map((step) => ({ ...step, step: 'person' }));
      const changed = [...renamed, ...erasure] as StepDefinition[];
      await own.startWorker({ plugin: { providers: [courierAt(server.origin, changed)] } });
      await handle.executeUpdate(approveUpdate, { args: [{ total: 2, by: 'A. Person' }] });
      expect(await handle.result()).toMatchObject({ status: 'completed', counts: { total: 2, removed: 2 } });
      const receipts = await own.ledger.sweeps.readReceipts({ sweepId: handle.workflowId, afterSeq: -1, limit: 100 });
      const ends = receipts.flatMap(({ phase, step, outcome }) => (phase === 'settled' ? [`${step} ${outcome}`] : []));
      expect(ends).toEqual(['courier.contact removed', 'courier.contact removed']);
      expect(server.erasures).toHaveLength(filed);
    } finally {
      await own.close();
    }
  },
);
