import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { silenceTemporal } from '../support/quiet-runtime';
import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { seedUser, startOffboarding } from '../support/offboarding-runs';
import { workflowBundle } from '../support/workflow-bundle';
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

// When it replays, the SDK is mended, and local activities may be used in sweeps again.
it.each(['offboard-user-held', 'offboard-users-in-chunks'])(
  'the SDK does not find patches behind such a query: %s before patches were recorded at the start',
  async (kind) => {
    const history = await readHistory(`next-with-fewer-activities/${kind}`);
    await expect(replay(queriedDuringLocalActivities(history))).rejects.toThrow(DeterminismViolationError);
  },
);

describe('on a server', () => {
  let place: Place;

  beforeAll(async () => {
    place = await openPlace();
  });

  afterAll(() => place.close());

  it('runs that were queried before a worker took them replay', async () => {
    // A hold ends a run right behind its preparation, with nothing but local activities.
    const users = Array.from({ length: 30 }, () => seedUser(place));
    const subjects = users.map(({ plaidUserId }) => place.hasher.subject('plaid', 'sandbox', plaidUserId));
    await place.ledger.addHold({ holdId: 'queried', subjects });
    const runs = await Promise.all(users.map(({ user }) => startOffboarding(place, { user })));
    // The server keeps a query until a worker takes the first workflow task.
    const asked = Promise.all(runs.map((run) => run.query<{ status: string }>('progress')));
    await place.startWorker();
    await asked;
    for (const run of runs) {
      expect(await run.result()).toMatchObject({ status: 'held' });
      await replay(await run.fetchHistory());
    }
  });
});
