import { ApplicationFailure } from '@temporalio/common';
import { requireOwnSweep, requireRunOf } from '../callers';
import { createChunkActivity } from './chunk-activity';
import { openChildren, recordChildren } from './children';
import { closeTargets } from './close-targets';
import type { SweepActivities } from './contract';
import { endSweep } from './end-sweep';
import { openSweep } from './open-sweep';
import { planChunks } from './plan-chunks';
import { refuseUnknownKey, setOwnRate } from './own-rates';
import { recordUpdate } from './record-update';
import { runBulk } from './bulk-run';
import type { SweepDependencies } from './sweep-dependencies';
import { withSweep } from './sweep-work';
import { takeSnapshot } from './take-snapshot';

/** Creates the activities of `offboardUsers`, by their permanent names. Each first verifies the caller. */
export function createSweepActivities(dependencies: SweepDependencies): SweepActivities {
  const { ledger, callers } = dependencies;
  const own = (sweepId: string) => requireOwnSweep(callers, (id) => ledger.sweeps.read(id), sweepId);
  const runChunk = createChunkActivity(dependencies);
  return {
    'httpTasks.openSweep': async (input) =>
      openSweep(dependencies, input, await requireRunOf(callers, 'offboardUsers')),
    'httpTasks.takeSnapshot': async (input) => takeSnapshot(dependencies, input, await own(input.sweepId)),
    'httpTasks.planChunks': async (input) => planChunks(dependencies, input, await own(input.sweepId)),
    'httpTasks.runChunk': async (input) => runChunk(input, await own(input.sweepId)),
    'httpTasks.runBulk': async (input) => runBulk(dependencies, input, await own(input.sweepId)),
    'httpTasks.closeTargets': async (input) => closeTargets(dependencies, input, await own(input.sweepId)),
    'httpTasks.endSweep': async (input) => endSweep(dependencies, input, await own(input.sweepId)),
    'httpTasks.setSweepStatus': async (change) => {
      await own(change.sweepId);
      await withSweep(() => ledger.sweeps.setStatus(change));
    },
    'httpTasks.setRate': async (wish) => {
      const { firstRunId } = await requireRunOf(callers, 'offboardUsers');
      refuseUnknownKey(dependencies.services, wish);
      await withSweep(async () => {
        const sweep = await ledger.sweeps.readClaimedBy(firstRunId);
        if (!sweep) throw notOpened();
        await setOwnRate(ledger, sweep, wish);
      });
    },
    'httpTasks.recordUpdate': async (input) => recordUpdate(dependencies, await own(input.sweepId), input),
    'httpTasks.openChildren': async (input) => openChildren(dependencies, input, await own(input.sweepId)),
    'httpTasks.recordChildren': async (input) => (await own(input.sweepId), recordChildren(dependencies, input)),
  };
}

/**
 * A rate in the input is set concurrently with the activity that opens the sweep, and may arrive first; it is retried.
 */
function notOpened(): ApplicationFailure {
  const message = 'The sweep of this run is not open yet, so its rate cannot be set. It is retried.';
  return ApplicationFailure.create({
    type: 'Task.Unavailable',
    message,
    details: [{ type: 'Task.Unavailable', service: 'http-tasks', message }],
  });
}
