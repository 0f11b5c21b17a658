import { Worker } from '@temporalio/worker';
import type { NativeConnection } from '@temporalio/worker';
import { HttpTasksPlugin } from 'temporal-http-tasks';
import { ticketCreate, ticketGet } from './tickets';

/** A worker that runs the tasks of the ticket desk besides the catalogue's. It needs `DESK_API_KEY` too, and reports it if it is missing. */
export async function createDeskWorker(
  connection: NativeConnection,
  {
    taskQueue = 'desk',
    env = process.env,
  }: { taskQueue?: string; env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<Worker> {
  return Worker.create({
    connection,
    taskQueue,
    workflowsPath: require.resolve('./workflows'),
    plugins: [new HttpTasksPlugin({ env, tasks: [ticketCreate, ticketGet] })],
  });
}
