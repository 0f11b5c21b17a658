import { randomUUID } from 'node:crypto';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import { WORKFLOWS } from 'temporal-http-tasks/internal/workflow-modules';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { median } from './figures';
import { createPeerActivities } from './peers/peer-activities';
import { PEER_QUEUE, providersOf, startPeerWorker } from './peers/peer-worker';

/** How much is measured. */
export interface BenchSize {
  /** Users one after the other, for the latency. */
  sequential: number;
  /** Concurrent users and all users, for the throughput. */
  concurrency: number;
  concurrent: number;
}

/** The raw measurements. */
export interface Measurements {
  offboardMs: number;
  plainMs: number;
  bareMs: number;
  offboardUsersPerSecond: number;
  bareUsersPerSecond: number;
  calls: number;
}

/**
 * Factor between the users of the bare loop and of the workflow: with fewer the bare loop would be too short to
 * measure.
 */
const BARE_FACTOR = 10;
const WARM_UP = 3;

type Offboard = (user: BenchUser) => Promise<unknown>;

/**
 * Measures `offboardUser`, a workflow that makes the same calls by plain activities, and a bare loop, against the same
 * simulators together. For the latency they alternate, so that other load on the machine affects all.
 */
export async function measure(
  stack: LocalStack,
  { sequential, concurrency, concurrent }: BenchSize,
): Promise<Measurements> {
  const users = new BenchUsers(stack);
  const bare = createBareLoop(stack.simulators);
  const peer = await startPeerWorker({ address: stack.address, providers: providersOf(stack.simulators) });
  try {
    const byWorkflow = workflowOffboard(stack);
    const byPlain = plainOffboard(stack);
    const all = [byWorkflow, byPlain, bare.offboard];
    for (const offboard of all) for (const user of users.next(WARM_UP)) await offboard(user);
    const calls = await sameCalls(stack, users, all);
    const latencies = all.map((): number[] => []);
    for (let round = 0; round < sequential; round += 1) {
      for (const [at, user] of users.next(all.length).entries())
        latencies[at]?.push(await timed(() => all[at]?.(user) ?? Promise.resolve()));
    }
    const [offboardMs = NaN, plainMs = NaN, bareMs = NaN] = latencies.map(median);
    return {
      calls,
      offboardMs,
      plainMs,
      bareMs,
      offboardUsersPerSecond: await throughput(users.next(concurrent), concurrency, byWorkflow),
      bareUsersPerSecond: await throughput(users.next(concurrent * BARE_FACTOR), concurrency, bare.offboard),
    };
  } finally {
    await Promise.all([bare.close(), peer.end()]);
  }
}

/**
 * Returns the size of the package's workflow bundle as a worker builds it, in bytes: in total, and without its source
 * map.
 */
export async function bundleSize(): Promise<{ bundleBytes: number; codeBytes: number }> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    logger: QUIET,
  });
  const mapAt = code.lastIndexOf('//# sourceMappingURL=');
  return {
    bundleBytes: Buffer.byteLength(code),
    codeBytes: Buffer.byteLength(mapAt === -1 ? code : code.slice(0, mapAt)),
  };
}

const nothing = (): void => undefined;
const QUIET = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Users who are seeded on demand, so that none is offboarded twice. */
class BenchUsers {
  constructor(private readonly stack: LocalStack) {}

  next(count: number): BenchUser[] {
    const ids = Array.from({ length: count }, () => randomUUID());
    const users = ids.map((id) => ({ plaidUserId: `usr_${id}`, batchUserId: id }));
    const { plaid, batch } = this.stack.simulators;
    plaid.seed({
      users: users.map(({ plaidUserId }) => ({ userId: plaidUserId, items: [`${plaidUserId}-1`, `${plaidUserId}-2`] })),
    });
    batch.seed({ users: ids });
    return users;
  }
}

function workflowOffboard({ client, taskQueue }: LocalStack): Offboard {
  return (user) => {
    const args = [{ user, reason: { code: 'USER_OFFBOARDING' } }];
    return client.workflow.execute('offboardUser', { workflowId: `bench-${randomUUID()}`, taskQueue, args });
  };
}

/** Offboards by a workflow that records nothing, with an activity for each call. */
function plainOffboard({ client, simulators }: LocalStack): Offboard {
  const appKeys = Object.values(simulators.batch.appKeys);
  return (user) =>
    client.workflow.execute('activityPerCallOfBoth', {
      workflowId: `peer-${randomUUID()}`,
      taskQueue: PEER_QUEUE,
      args: [user, appKeys],
    });
}

/** Returns how many calls a user takes. Verifies that all ways make as many; otherwise the comparison is meaningless. */
async function sameCalls({ simulators }: LocalStack, users: BenchUsers, all: readonly Offboard[]): Promise<number> {
  const made = (): number => simulators.plaid.figures().calls.total + simulators.batch.figures().calls.total;
  const counts: number[] = [];
  for (const [at, user] of users.next(all.length).entries()) {
    const before = made();
    await all[at]?.(user);
    counts.push(made() - before);
  }
  const [calls = NaN] = counts;
  if (counts.some((count) => count !== calls))
    throw new Error(`offboardUser and its peers made ${counts.join(', ')} calls; they cannot be compared.`);
  return calls;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function throughput(users: readonly BenchUser[], concurrency: number, offboard: Offboard): Promise<number> {
  const queue = users.values();
  const lane = async (): Promise<void> => {
    for (const user of queue) await offboard(user);
  };
  const ms = await timed(() => Promise.all(Array.from({ length: concurrency }, lane)));
  return (users.length / ms) * 1_000;
}

/** A user that both simulators know, with Items. */
interface BenchUser {
  plaidUserId: string;
  batchUserId: string;
}

/** Makes the calls of one offboarding and nothing else: no retry, no record, no check of the response. */
interface BareLoop {
  offboard: (user: BenchUser) => Promise<unknown>;
  close: () => Promise<void>;
}

/** Returns a loop with the calls that `offboardUser` makes when nothing fails, over connections that are kept alive. */
function createBareLoop(simulators: Simulators): BareLoop {
  const { activities, close } = createPeerActivities(providersOf(simulators));
  const appKeys = Object.values(simulators.batch.appKeys);
  return {
    offboard: async ({ plaidUserId, batchUserId }) => {
      await activities.offboard(plaidUserId);
      for (const key of appKeys) await activities.deleteData(key, batchUserId);
    },
    close,
  };
}
