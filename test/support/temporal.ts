import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';

/** `host:port` of this run's Temporal dev server, started by jest's global set-up. */
export function temporalAddress(): string {
  const address = process.env['HTTP_TASKS_TEST_TEMPORAL_ADDRESS'];
  if (address === undefined) throw new Error('HTTP_TASKS_TEST_TEMPORAL_ADDRESS is not set: did the global set-up run?');
  return address;
}

/** A task queue that no other test uses, so that no other test's worker takes its tasks. */
export function freshTaskQueue(name = 'test'): string {
  return `${name}-${randomUUID()}`;
}

/** Connects a client to this run's server. Close it at the end: `await client.connection.close()`. */
export async function connectClient(): Promise<Client> {
  return new Client({ connection: await Connection.connect({ address: temporalAddress() }) });
}
