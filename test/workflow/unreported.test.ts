import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { callsFor, offboard, seedUser, stepLines } from '../support/offboarding-runs';

// A call that succeeded and was recorded, and whose worker was lost before Temporal learned of it, is attempted again.

let place: Place;
const reported = new Set<string>();

beforeAll(async () => {
  place = await openPlace({ plaid: { repeatedRemovals: 'process' } });
  await place.startWorker({
    worker: {
      interceptors: {
        activity: [
          ({ info }) => ({
            inbound: {
              execute: async (input, next) => {
                const result = await next(input);
                const first = !reported.has(`${info.workflowExecution?.runId} ${info.activityType}`);
                reported.add(`${info.workflowExecution?.runId} ${info.activityType}`);
                if (first && info.activityType === 'plaid.userItemsRemove')
                  throw new Error('The worker is lost before it reports.');
                return result;
              },
            },
          }),
        ],
      },
    },
  });
});

afterAll(() => place.close());

it('does not send a removal again that was carried out and recorded, and says that it is removed', async () => {
  const seeded = seedUser(place);
  const result = await offboard(place, { user: seeded.user });
  expect(callsFor(place, seeded.plaidUserId).filter((call) => call === 'userItemsRemove')).toHaveLength(1);
  expect(place.simulators.plaid.state().repeats.irreversible).toEqual([]);
  expect(result.status).toBe('completed');
  expect(stepLines(result)[0]).toBe('plaid.items removed');
});
