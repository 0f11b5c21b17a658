import { join } from 'node:path';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
import { quiet, silenceTemporal } from '../support/quiet-runtime';
import { historyNames, readHistory } from './histories';

it('replays every recorded history with traces on: they were recorded without', async () => {
  silenceTemporal();
  const src = join(__dirname, '../../src');
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(src, 'workflow.ts'),
    workflowInterceptorModules: [join(src, 'workflows/trace-headers.ts')],
    logger: quiet,
  });
  expect(workflowBundle.code).toContain('_tracer-data');
  const names = await historyNames();
  expect(names.length).toBeGreaterThan(0);
  const failed: string[] = [];
  for (const name of names) {
    await Worker.runReplayHistory({ workflowBundle }, await readHistory(name)).catch((error: unknown) => failed.push(`${name}: ${String(error)}`));
  }
  expect(failed).toEqual([]);
}, 120_000);
