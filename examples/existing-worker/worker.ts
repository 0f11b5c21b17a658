import { NativeConnection, Worker } from '@temporalio/worker';
import { HttpTasksPlugin } from 'temporal-http-tasks';
import * as activities from './activities';

/** A worker as it was before, with one more line: the plugin. Settings come from the environment unless given. */
export async function createAccountsWorker(
  connection: NativeConnection,
  {
    taskQueue = 'accounts',
    env = process.env,
  }: { taskQueue?: string; env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<Worker> {
  return Worker.create({
    connection,
    taskQueue,
    workflowsPath: require.resolve('./workflows'),
    activities,
    plugins: [new HttpTasksPlugin({ env })],
  });
}

async function main(): Promise<void> {
  const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS ?? 'localhost:7233' });
  try {
    const worker = await createAccountsWorker(connection);
    await worker.run();
  } finally {
    await connection.close();
  }
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
