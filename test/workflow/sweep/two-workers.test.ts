import path from 'node:path';
import { Runtime } from '@temporalio/worker';
import type { ChunkProgress } from 'temporal-http-tasks/internal/activities/sweep/contract';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import { freshPostgresUrl } from '../../support/postgres';
import { until } from '../../support/offboarding-runs';
import { BYSTANDERS, goneAtPlaid, openSweepPlace } from '../../support/sweep-runs';
import type { SweepHandle, SweepPlace } from '../../support/sweep-runs';
import { startWorkerProcess } from '../../support/worker-process';
import type { WorkerProcess } from '../../support/worker-process';
import { workflowBundle } from '../../support/workflow-bundle';

// Three whole chunks, and two workers with room for two activities each: neither can take all of them, and each has one that
// lasts longer than it takes until its first heartbeat can be seen.
const USERS = 6_000;
const LATENCY_MS = 250;

let place: SweepPlace;
const workers = new Set<WorkerProcess>();

beforeAll(async () => {
  place = await openSweepPlace({ ledgerUrl: await freshPostgresUrl(), env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '20000' } });
});

afterAll(async () => {
  await Promise.all([...workers].map((worker) => worker.stop()));
  await place.close();
  // It ends by itself with the last worker of its process, and here no worker is of this one.
  await Runtime.instance().shutdown();
});

async function startWorker(identity: string): Promise<WorkerProcess> {
  const { codePath } = await workflowBundle();
  const env = { TEST_WORKER_IDENTITY: identity, TEST_WORKFLOW_BUNDLE: codePath };
  const worker = await startWorkerProcess(place, env, path.join(__dirname, 'children/narrow-worker.ts'));
  workers.add(worker);
  return worker;
}

/** How many users the chunks in progress have opened, by the worker that has them, as of their last heartbeats. */
async function openedBy(handle: SweepHandle): Promise<Record<string, number>> {
  const { raw } = await handle.describe();
  const opened: Record<string, number> = {};
  for (const { activityType, lastWorkerIdentity, heartbeatDetails } of raw.pendingActivities ?? []) {
    const data = heartbeatDetails?.payloads?.[0]?.data;
    if (activityType?.name !== 'httpTasks.runChunk' || !data) continue;
    const progress = JSON.parse(Buffer.from(data).toString()) as ChunkProgress;
    opened[lastWorkerIdentity ?? ''] = (opened[lastWorkerIdentity ?? ''] ?? 0) + progress.opened;
  }
  return opened;
}

/** The steps on which each user has a final outcome, by seq. */
function finalOutcomes(receipts: readonly Receipt[]): string[][] {
  const words = Array.from({ length: USERS }, (): string[] => []);
  for (const { seq, phase, step } of receipts) if (phase === 'settled') words[seq]?.push(step);
  return words.map((steps) => steps.sort());
}

it('two workers over one Postgres ledger share a sweep; one is killed amidst it, and every user is counted once and nothing repeated blindly', async () => {
  place.simulators.plaid.configure({ latencyMs: LATENCY_MS });
  const [first] = await Promise.all([startWorker('first'), startWorker('second')]);
  const handle = await place.start({ source: { file: await place.users(USERS) } });
  await until('both are at work', async () => {
    const { first: byFirst = 0, second: bySecond = 0 } = await openedBy(handle);
    return byFirst > 0 && bySecond > 0;
  });
  workers.delete(first);
  await first.kill();
  const left = await place.ledger.sweeps.count(handle.workflowId);
  expect(left.open).toBeGreaterThan(0);
  expect(left.pending).toBeGreaterThan(0);
  place.simulators.plaid.configure({ latencyMs: 0 });
  await startWorker('first again');

  const result = await handle.result();
  expect(result).toMatchObject({ status: 'completed', counts: { total: USERS, accepted: USERS, pending: 0 } });
  expect(goneAtPlaid(place)).toEqual({ gone: USERS, left: BYSTANDERS, irreversibleRepeats: 0 });
  for (const app of Object.values(place.simulators.batch.state().apps)) expect(app.touched).toHaveLength(USERS);
  const { sweeps } = place.ledger;
  await expect(sweeps.verify({ sweepId: handle.workflowId, expectedRoot: result.merkleRoot })).resolves.toMatchObject({
    ok: true,
  });
  const words = finalOutcomes(
    await sweeps.readReceipts({ sweepId: handle.workflowId, afterSeq: -1, limit: 1_000_000 }),
  );
  expect(words).toEqual(words.map(() => ['batch.android', 'batch.ios', 'plaid.items', 'plaid.products']));
});
