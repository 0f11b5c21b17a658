import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { readPrebuiltWorkflows } from '@temporal-http-tasks/cli/internal/worker-process/prebuilt-workflows';
import { silenceTemporal } from '../support/quiet-runtime';
import { historyNames, readHistory } from './histories';

it('replays every recorded history with the bundle that the build made for traces: they were recorded without', async () => {
  silenceTemporal();
  const { bundle: workflowBundle } = await readPrebuiltWorkflows(
    { encrypted: false, traced: true },
    join(__dirname, '../../packages/cli/dist/prebuilt'),
  );
  expect(workflowBundle?.code).toContain('_tracer-data');
  const names = await historyNames();
  expect(names.length).toBeGreaterThan(0);
  const failed: string[] = [];
  for (const name of names) {
    await Worker.runReplayHistory({ workflowBundle }, await readHistory(name)).catch((error: unknown) =>
      failed.push(`${name}: ${String(error)}`),
    );
  }
  expect(failed).toEqual([]);
});
