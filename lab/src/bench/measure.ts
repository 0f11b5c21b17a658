import { randomUUID } from 'node:crypto';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import { WORKFLOWS } from 'temporal-http-tasks/internal/workflow-modules';
import { Pool } from 'undici';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { median } from './figures';

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
 * Measures `offboardUser` and the bare loop against the same simulators together. For the latency they alternate, so
 * that other load on the machine affects both.
 */
export async function measure(
  stack: LocalStack,
  { sequential, concurrency, concurrent }: BenchSize,
): Promise<Measurements> {
  const users = new BenchUsers(stack);
  const bare = createBareLoop(stack.simulators);
  try {
    const byWorkflow = workflowOffboard(stack);
    for (const user of users.next(WARM_UP)) await byWorkflow(user);
    for (const user of users.next(WARM_UP)) await bare.offboard(user);
    const calls = await sameCalls(stack, users, byWorkflow, bare);
    const offboardMs: number[] = [];
    const bareMs: number[] = [];
    for (const [one = NO_USER, other = NO_USER] of pairs(users.next(sequential * 2))) {
      offboardMs.push(await timed(() => byWorkflow(one)));
      bareMs.push(await timed(() => bare.offboard(other)));
    }
    return {
      calls,
      offboardMs: median(offboardMs),
      bareMs: median(bareMs),
      offboardUsersPerSecond: await throughput(users.next(concurrent), concurrency, byWorkflow),
      bareUsersPerSecond: await throughput(users.next(concurrent * BARE_FACTOR), concurrency, (user) =>
        bare.offboard(user),
      ),
    };
  } finally {
    await bare.close();
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
const NO_USER: BenchUser = { plaidUserId: '', batchUserId: '' };

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

/** Verifies that both make the same calls; otherwise the comparison is meaningless. */
async function sameCalls(
  { simulators }: LocalStack,
  users: BenchUsers,
  byWorkflow: Offboard,
  bare: BareLoop,
): Promise<number> {
  const made = (): number => simulators.plaid.figures().calls.total + simulators.batch.figures().calls.total;
  const [one = NO_USER, other = NO_USER] = users.next(2);
  const before = made();
  await byWorkflow(one);
  const byOurs = made() - before;
  const byBare = await bare.offboard(other);
  if (byOurs !== byBare)
    throw new Error(`offboardUser made ${byOurs} calls and the bare loop ${byBare}; they cannot be compared.`);
  return byOurs;
}

function* pairs<T>(values: readonly T[]): Generator<T[]> {
  for (let at = 0; at < values.length; at += 2) yield values.slice(at, at + 2);
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
  /** Returns the number of calls it made. */
  offboard(user: BenchUser): Promise<number>;
  close(): Promise<void>;
}

/**
 * Returns a loop with the calls that `offboardUser` makes when nothing fails, over kept-alive connections as its worker
 * uses.
 */
function createBareLoop({ plaid, batch }: Simulators): BareLoop {
  const plaidPool = new Pool(plaid.url);
  const batchPool = new Pool(batch.url);
  const plaidHeaders = {
    'content-type': 'application/json',
    'plaid-client-id': plaid.clientId,
    'plaid-secret': plaid.secret,
  };
  const post = async (path: string, body: object): Promise<unknown> =>
    read(await plaidPool.request({ method: 'POST', path, headers: plaidHeaders, body: JSON.stringify(body) }));
  const remove = async (key: string, id: string): Promise<unknown> =>
    read(
      await batchPool.request({
        method: 'DELETE',
        path: `/1.0/${key}/data/users/${encodeURIComponent(id)}`,
        headers: { 'x-authorization': batch.restApiKey },
      }),
    );
  return {
    offboard: async ({ plaidUserId: user_id, batchUserId }) => {
      const { items } = (await post('/user/items/get', { user_id })) as { items: { item_id: string }[] };
      await post('/user/items/remove', { user_id, item_ids: items.map(({ item_id }) => item_id) });
      await post('/user/items/get', { user_id });
      await post('/user/products/terminate', { user_id, reason_code: 'USER_OFFBOARDING' });
      const keys = Object.values(batch.appKeys);
      for (const key of keys) await remove(key, batchUserId);
      return 4 + keys.length;
    },
    close: async () => {
      await Promise.all([plaidPool.close(), batchPool.close()]);
    },
  };
}

async function read(response: Awaited<ReturnType<Pool['request']>>): Promise<unknown> {
  const body = await response.body.json();
  if (response.statusCode !== 200) throw new Error(`The simulator returned ${response.statusCode}.`);
  return body;
}
