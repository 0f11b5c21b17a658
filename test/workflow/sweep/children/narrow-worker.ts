// The package's own worker, with room for two activities and a name, so that a test knows what was given to whom.
import { NativeConnection } from '@temporalio/worker';
import { readSettings } from '../../../../src/config/settings';
import { CATALOGUE_SERVICES } from '../../../../src/providers/catalogue-services';
import { createHttpTasksWorker } from '../../../../src/worker';

const { TEMPORAL_ADDRESS: address, TEST_WORKER_IDENTITY: identity, TEST_WORKFLOW_BUNDLE: codePath = '' } = process.env;

async function runNarrowWorker(): Promise<void> {
  const connection = await NativeConnection.connect({ address });
  const worker = await createHttpTasksWorker({
    settings: readSettings(process.env, CATALOGUE_SERVICES),
    connection,
    onReady: () => process.stdout.write('{"msg":"polling"}\n'),
    worker: { identity, maxConcurrentActivityTaskExecutions: 2, workflowBundle: { codePath } },
  });
  await worker.run();
  await connection.close();
}

void runNarrowWorker();
