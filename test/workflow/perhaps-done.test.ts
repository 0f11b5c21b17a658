import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { offboard, seedUser, stepLines } from '../support/offboarding-runs';

// A repeat-safe call is retried by Temporal, which hands only its last failure on; what went before must not be lost.

let place: Place;

beforeAll(async () => {
  place = await openPlace({ env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '30000' } });
  await place.startWorker();
});

afterAll(() => place.close());

it('a call that was lost and then refused until the deadline is unknown, not failed', async () => {
  const { user, batchUserId } = seedUser(place);
  const about = { endpoint: 'customDataDelete', user: batchUserId } as const;
  place.simulators.batch.faults.add([
    { ...about, kind: 'dropAfter', nth: 1 },
    { ...about, kind: 'maintenance' },
  ]);
  const { steps, status } = await offboard(place, { user, deadline: '12s', onFailure: 'stop' });
  expect(stepLines({ steps })).toEqual([
    'plaid.items removed',
    'plaid.products removed',
    'batch.ios unknown',
    'batch.android skipped stopped',
  ]);
  expect(status).toBe('partial');
});

it('a call that was in flight at the deadline is unknown, not failed', async () => {
  const { user, batchUserId } = seedUser(place);
  place.simulators.batch.faults.add({
    endpoint: 'customDataDelete',
    user: batchUserId,
    kind: 'stall',
    stallMs: 16_000,
  });
  const { steps, compensations } = await offboard(place, { user, deadline: '12s', onFailure: 'stop' });
  expect(stepLines({ steps }).slice(2)).toEqual(['batch.ios unknown', 'batch.android skipped stopped']);
  expect(compensations[2]).toMatchObject({ step: 'batch.ios', outcome: 'unknown' });
  expect(place.simulators.batch.state().apps.ios?.gone).toContain(batchUserId);
});
