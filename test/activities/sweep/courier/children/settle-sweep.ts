// Works through a sweep at the courier as a worker does, until no user is left who could be tried.
import { COURIER_STEPS } from '../../../../unit/providers/courier';
import { courierAt, openCourierPlace, settle } from '../courier-place';

const [origin = '', ledgerUrl = '', sweepId = ''] = process.argv.slice(2);

async function settleSweep(): Promise<void> {
  const place = await openCourierPlace(courierAt(origin, COURIER_STEPS), ledgerUrl);
  process.stdout.write('began\n');
  await settle(place, sweepId);
  process.stdout.write('finished\n');
}

void settleSweep().finally(() => process.exit());
