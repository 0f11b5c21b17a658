import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { startPostgres } from './postgres-server';

interface Stoppable {
  stop(): Promise<void>;
}

// Set-up and tear-down are loaded apart and share only the process.
const holder = globalThis as typeof globalThis & { httpTasksTestServers?: Stoppable[] };

/**
 * Starts the one Temporal server and the one Postgres of this test run and passes their addresses to every test by
 * environment. Rejects when either cannot be had: a test that needs it must not pass unseen.
 */
export async function startServers(): Promise<void> {
  const started: Stoppable[] = [];
  holder.httpTasksTestServers = started;
  const results = await Promise.allSettled([
    startTemporal(started),
    startPostgres().then((postgres) => {
      started.push(postgres);
      process.env['HTTP_TASKS_TEST_POSTGRES_URL'] = postgres.url;
    }),
  ]);
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (reasons.length === 0) return;
  await stopServers();
  const messages = reasons.map((reason) => (reason instanceof Error ? reason.message : String(reason)));
  throw new AggregateError(reasons, `The test run's servers did not start.\n${messages.join('\n')}`);
}

async function startTemporal(started: Stoppable[]): Promise<void> {
  const { path } = await findTemporalServer();
  const server = await startTemporalServer({ binary: path });
  started.push(server);
  process.env['HTTP_TASKS_TEST_TEMPORAL_ADDRESS'] = server.address;
}

/** Ends what {@link startServers} started. */
export async function stopServers(): Promise<void> {
  const started = holder.httpTasksTestServers ?? [];
  holder.httpTasksTestServers = [];
  await Promise.all(started.map((server) => server.stop()));
}
