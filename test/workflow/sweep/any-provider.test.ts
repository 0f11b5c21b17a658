import { WorkflowUpdateFailedError } from '@temporalio/client';
import { completeStepUpdate } from 'temporal-http-tasks/internal/workflows/sweep/handlers';
import { CourierServer } from '../../activities/sweep/courier/courier-server';
import { courierAt } from '../../activities/sweep/courier/courier-place';
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
