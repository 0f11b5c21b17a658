import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { readProvider } from '@temporal-http-tasks/openapi';
import { completeStepUpdate, progressQuery } from 'temporal-http-tasks/workflow';
import { silenceTemporal } from '../support/quiet-runtime';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { startOffboarding, until } from '../support/offboarding-runs';
import { workflowBundle } from '../support/workflow-bundle';
import { CourierHouse, writeCourierFile } from '../workflow/providers/courier-house';
import { historyNames, readHistory } from './histories';
import { localActivitiesIn, queriedDuringLocalActivities } from './queried-histories';

// Queries that arrive while a local activity runs; docs/decisions/0105.

type History = Awaited<ReturnType<typeof readHistory>>;

const SINCE = 'next-with-patches-from-the-start/';

beforeAll(() => {
  silenceTemporal();
});

async function replay(history: History): Promise<void> {
  await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history);
}

async function namesSince(kind: string): Promise<string[]> {
  return (await historyNames()).filter((name) => name.startsWith(`${SINCE}${kind}`));
}

it('no sweep has a local activity', async () => {
  const names = await namesSince('offboard-users-');
  expect(names.length).toBeGreaterThanOrEqual(12);
  for (const name of names) expect([name, localActivitiesIn(await readHistory(name))]).toEqual([name, 0]);
});

it('a run of one user that was queried during every local activity replays', async () => {
  const names = await namesSince('offboard-user-');
  expect(names.length).toBeGreaterThanOrEqual(6);
  for (const name of names) {
    const history = await readHistory(name);
    const queried = queriedDuringLocalActivities(history);
    expect(localActivitiesIn(queried)).toBeGreaterThanOrEqual(2);
    expect(queried.events!.length).toBeGreaterThan(history.events!.length);
    await expect(replay(queried).then(() => name)).resolves.toBe(name);
  }
});

// Once it replays, the SDK has been fixed, and local activities may be used in sweeps again.
it.each(['offboard-user-held', 'offboard-users-in-chunks'])(
  'the SDK does not find patches behind such a query: %s before patches were recorded at the start',
  async (kind) => {
    const history = await readHistory(`next-with-fewer-activities/${kind}`);
    await expect(replay(queriedDuringLocalActivities(history))).rejects.toThrow(DeterminismViolationError);
  },
);

describe('on a server', () => {
  let place: Place;
  const house = new CourierHouse();

  beforeAll(async () => {
    place = await openPlace({ env: { COURIER_TOKEN: 'courier-key', COURIER_BASE_URL: await house.start() } });
  });

  afterAll(async () => {
    await place.close();
    await house.close();
  });

  it('runs that were queried while their hold is checked replay', async () => {
    const plugin = { providers: [await readProvider(writeCourierFile())] };
    const worker = await place.startWorker({ plugin });
    const runs = await Promise.all(
      Array.from({ length: 10 }, () => {
        const ids = { contactId: freshId('c'), personId: freshId('p') };
        house.contacts.set(ids.contactId, []);
        return startOffboarding(place, { user: { ids: { courier: ids } }, include: ['courier.archive'] });
      }),
    );
    for (const run of runs) {
      await until('the run waits for a person', async () => (await run.query(progressQuery)).waiting?.length === 1);
    }
    await worker.stop();
    // The server gives the queries to the worker with the workflow tasks of the updates, which begin a local activity each.
    const reports = runs.map((run) =>
      run.executeUpdate(completeStepUpdate, { args: [{ step: 'courier.archive', by: 'Archive', outcome: 'removed' }] }),
    );
    for (const run of runs) {
      await until('the update waits', async () => (await run.describe()).raw.pendingWorkflowTask !== null);
    }
    // Slow enough for a local activity to end meanwhile; what they return does not matter.
    const traces = Promise.allSettled(runs.map((run) => run.query('__stack_trace')));
    await place.startWorker({ plugin });
    await Promise.all([...reports, traces]);
    for (const run of runs) {
      expect(await run.result()).toMatchObject({ status: 'completed' });
      await replay(await run.fetchHistory());
    }
  });
});
