import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { HttpTasksPlugin } from 'temporal-http-tasks/internal/plugin';
import { startSimulators } from '@temporal-http-tasks/testing';
import { environmentOf, freshId } from '../support/offboarding';
import { freePort, scrape, valueOf } from '../support/observing';
import { until } from '../support/offboarding-runs';
import { quiet } from '../support/quiet-runtime';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { workflowBundle } from '../support/workflow-bundle';

it("records into a host's own runtime, which may be installed after the plugin was made, and reports the ledger's lag", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-host-'));
  const simulators = await startSimulators({ plaid: { users: { users: [{ userId: 'usr_1', items: ['item_1'] }] } } });
  const taskQueue = freshTaskQueue('host');
  const plugin = new HttpTasksPlugin({
    env: environmentOf(simulators, { taskQueue, ledgerUrl: `file:${join(folder, 'ledger.db')}` }),
  });
  expect(plugin.ledgerLagMs).toBeUndefined();

  const port = await freePort();
  Runtime.install({
    logger: quiet,
    telemetryOptions: {
      logging: { filter: 'off', forward: {} },
      metrics: { prometheus: { bindAddress: `127.0.0.1:${port}` }, globalTags: { host: 'ours' } },
    },
  });
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle: await workflowBundle(),
    plugins: [plugin],
  });
  const client = new Client({ connection: await Connection.connect({ address: temporalAddress() }) });
  await worker.runUntil(async () => {
    const args = [{ task: 'plaid.userItemsGet', input: { user_id: 'usr_1' } }];
    await client.workflow.execute('runHttpTask', { taskQueue, workflowId: freshId('host'), args });
    await until('the call is counted', async () => {
      const { samples } = await scrape(port);
      return valueOf(samples, 'http_tasks_calls', { task: 'plaid.userItemsGet', outcome: 'ok', host: 'ours' }) === 1;
    });
    expect(plugin.ledgerLagMs).toBeGreaterThanOrEqual(0);
  });
  expect(plugin.ledgerLagMs).toBeUndefined();

  await connection.close();
  await client.connection.close();
  await simulators.close();
  await rm(folder, { recursive: true, force: true });
});
