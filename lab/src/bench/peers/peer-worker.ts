import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { createPeerActivities } from './peer-activities';
import type { PeerProviders } from './peer-activities';

/** The task queue of the peers' worker. */
export const PEER_QUEUE = 'peers';

interface PeerWorkerInput {
  address: string;
  providers: PeerProviders;
}

/** Returns where the calls of the peers go. */
export function providersOf({ plaid, batch }: Simulators): PeerProviders {
  return {
    plaid: { url: plaid.url, clientId: plaid.clientId, secret: plaid.secret },
    batch: { url: batch.url, restApiKey: batch.restApiKey },
  };
}

/** Starts a worker for the peers in a process of its own, as ours has one; resolves when it polls. */
export async function startPeerWorker(input: PeerWorkerInput): Promise<{ pid: number; end: () => Promise<void> }> {
  const child = fork(__filename, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const exited = once(child, 'exit');
  child.send(input);
  const first = await Promise.race([once(child, 'message'), exited.then(() => undefined)]);
  if (!first || child.pid === undefined) throw new Error("The peers' worker ended before it polled.");
  return {
    pid: child.pid,
    end: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function serve({ address, providers }: PeerWorkerInput): Promise<void> {
  const { activities, close } = createPeerActivities(providers);
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection,
    taskQueue: PEER_QUEUE,
    workflowsPath: join(__dirname, 'workflows.js'),
    activities: { ...activities },
  });
  const running = worker.run();
  process.send?.('polling');
  await running;
  await Promise.all([connection.close(), close()]);
}

if (require.main === module) {
  process.once('message', (input: PeerWorkerInput) => {
    serve(input).then(
      () => process.exit(),
      () => process.exit(1),
    );
  });
}
