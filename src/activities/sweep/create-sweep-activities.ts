import { createChunkActivity } from './chunk-activity';
import { openChildren, recordChildren } from './children';
import { closeTargets } from './close-targets';
import type { SweepActivities } from './contract';
import { endSweep } from './end-sweep';
import { openSweep } from './open-sweep';
import { planChunks } from './plan-chunks';
import { runBulk } from './run-bulk';
import type { SweepDependencies } from './sweep-dependencies';
import { withSweep } from './sweep-work';
import { takeSnapshot } from './take-snapshot';

/** The activities of `offboardUsers`, by their permanent names. */
export function createSweepActivities(dependencies: SweepDependencies): SweepActivities {
  const { ledger } = dependencies;
  return {
    'httpTasks.openSweep': (input) => openSweep(dependencies, input),
    'httpTasks.takeSnapshot': (input) => takeSnapshot(dependencies, input),
    'httpTasks.planChunks': (input) => planChunks(dependencies, input),
    'httpTasks.runChunk': createChunkActivity(dependencies),
    'httpTasks.runBulk': (input) => runBulk(dependencies, input),
    'httpTasks.closeTargets': (input) => closeTargets(dependencies, input),
    'httpTasks.endSweep': (input) => endSweep(dependencies, input),
    'httpTasks.setSweepStatus': (change) => withSweep(() => ledger.sweeps.setStatus(change)),
    'httpTasks.setRate': ({ callsPerMinute, ...key }) =>
      withSweep(() => ledger.rates.setRate({ ...key, ...(callsPerMinute !== null && { limitPerMinute: callsPerMinute }) })),
    'httpTasks.openChildren': (input) => openChildren(dependencies, input),
    'httpTasks.recordChildren': (input) => recordChildren(dependencies, input),
  };
}
