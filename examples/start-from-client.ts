import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import type { OffboardUserInput } from 'temporal-http-tasks';
import type { offboardUser } from 'temporal-http-tasks/workflow';

/**
 * Starts an offboarding and waits for its end. A run in which nothing could be done throws, with the result in the
 * details of its failure.
 */
export async function offboardFromClient(
  client: Client,
  input: OffboardUserInput,
  { workflowId, taskQueue = 'http-tasks' }: { workflowId: string; taskQueue?: string },
): Promise<string> {
  const handle = await client.workflow.start<typeof offboardUser>('offboardUser', {
    workflowId,
    taskQueue,
    args: [input],
  });
  try {
    const { status, steps, compensations } = await handle.result();
    const lines = steps.map(({ step, outcome }) => `${step}: ${outcome}`);
    const left = compensations.map(({ step, remedy }) => `${step}: ${remedy}`);
    return [status, ...lines, ...left].join('\n');
  } catch (error) {
    if (error instanceof WorkflowFailedError) return `failed: ${error.cause?.message}`;
    throw error;
  }
}

async function main(): Promise<void> {
  const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS ?? 'localhost:7233' });
  try {
    const input: OffboardUserInput = {
      user: { plaidUserId: 'usr_123', batchUserId: 'alice' },
      reason: { code: 'USER_OFFBOARDING' },
      dryRun: true,
    };
    console.log(await offboardFromClient(new Client({ connection }), input, { workflowId: 'offboard-alice' }));
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
