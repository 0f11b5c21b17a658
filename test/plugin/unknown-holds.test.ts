import type { LogMetadata } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';

let place: Place;
const warnings: [string, LogMetadata | undefined][] = [];

beforeAll(async () => {
  place = await openPlace();
  // To which a host's worker logs.
  Runtime.instance().logger.warn = (message, meta) => void warnings.push([message, meta]);
});

afterAll(() => place.close());

it("are counted in the log of a host's worker when it starts, until they are set again", async () => {
  const subject = place.hasher.subject('plaid', 'production', 'usr_1');
  await place.ledger.addHold({ holdId: 'old', subjects: [subject] });
  await place.startWorker();
  const ofHolds = () => warnings.filter(([message]) => message.includes('unknown environment'));
  expect(ofHolds()).toEqual([
    [
      expect.stringContaining('1 hold of this ledger covers one unknown environment only'),
      expect.objectContaining({ holds: 1 }),
    ],
  ]);
  await place.ledger.addHold({ holdId: 'old', subjects: [subject], environments: { plaid: ['production'] } });
  await place.startWorker();
  expect(ofHolds()).toHaveLength(1);
});
