import { join } from 'node:path';
import { Resource } from '@opentelemetry/resources';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { OpenTelemetryPlugin } from '@temporalio/interceptors-opentelemetry';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
import { quiet, silenceTemporal } from '../support/quiet-runtime';
import { historyNames, readHistory } from './histories';

it('replays every recorded history with traces on: they were recorded without', async () => {
  silenceTemporal();
  const plugin = new OpenTelemetryPlugin({ resource: Resource.default(), spanProcessor: new SimpleSpanProcessor(new InMemorySpanExporter()) });
  const workflowBundle = await bundleWorkflowCode({ workflowsPath: join(__dirname, '../../src/workflow.ts'), logger: quiet, plugins: [plugin] });
  expect(workflowBundle.code).toContain('_tracer-data');
  const names = await historyNames();
  expect(names.length).toBeGreaterThan(0);
  const failed: string[] = [];
  for (const name of names) {
    await Worker.runReplayHistory({ workflowBundle, plugins: [plugin] }, await readHistory(name)).catch((error: unknown) => failed.push(`${name}: ${String(error)}`));
  }
  expect(failed).toEqual([]);
}, 120_000);
