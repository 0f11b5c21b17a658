import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { freePort } from '@temporal-http-tasks/testing/internal/temporal-server/start';
import { printJson, say } from '@temporal-http-tasks/cli/internal/terminal/output';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { figure, median } from '../figures';
import type { Figures } from '../figures';
import { measureOnLocalStack } from '../on-local-stack';
import { printFigureTable } from '../print-figures';
import { measureSweep, seedSweep } from '../sweep/measured-sweep';
import { SweepStand } from '../sweep/sweep-stand';
import { billedActions, historyOf } from './billed-actions';
import { cpuMsOf } from './cpu-time';

/** How much is measured. */
export interface CostBenchSize {
  /** Users of each sweep without a limit. */
  users: number;
  /** Users of the sweep under a limit. */
  limited: number;
}

/** The rate of the sweep under a limit. */
const CALLS_A_MINUTE = 2_000;
const MINUTE_MS = 60_000;
const PAIRS = 3;
/** Maximum number of IDs in a bulk call of Batch. */
const MOST_IDS = 10_000;
const AT_A_TIME = 64;

const WORDS: Readonly<Record<string, string>> = {
  callsByHand: 'calls for each user by hand: list, remove, terminate, and bulk calls',
  callsUnsure: 'calls of a sweep with verifyRemovals: unsure',
  callsOfByHand: 'these against those by hand',
  callsAll: 'calls of a sweep that looks again at every removal',
  callsUnderLimit: `calls with unsure under ${CALLS_A_MINUTE} calls a minute`,
  actionsPerThousandUsers: 'actions that Temporal Cloud bills for a sweep, without heartbeats',
  actionsUnderLimit: `the same under ${CALLS_A_MINUTE} calls a minute`,
  actionsSingle: 'actions that Temporal Cloud bills for offboardUser, for one user',
  heartbeatsUnderLimit: `heartbeats in a minute under ${CALLS_A_MINUTE} calls a minute`,
  cpuOfBareLoop: "processor time of the worker against the bare loop's, four calls for each user",
};

/** Counts what a user costs, prints the figures, and returns 0 only if all of them keep their limits. */
export async function runCostBench(io: Io, { size, json }: { size: CostBenchSize; json: boolean }): Promise<ExitCode> {
  const metrics = `127.0.0.1:${await freePort()}`;
  return measureOnLocalStack(
    io,
    async (stack) => ({ figures: await figuresOf(io, stack, { size, metrics }) }),
    ({ figures }) => {
      if (json) printJson(io, { node: process.version, size, figures });
      else printFigureTable(io, figures, WORDS);
    },
    { workerEnv: { HTTP_TASKS_METRICS_ADDRESS: metrics } },
  );
}

async function figuresOf(
  io: Io,
  stack: LocalStack,
  { size, metrics }: { size: CostBenchSize; metrics: string },
): Promise<Figures> {
  const { users, limited } = size;
  say(io, `Counting the calls for ${users} users at Plaid and Batch`);
  const hand = await callsOf(stack, users, (prefix) => offboardByHand(stack.simulators, prefix, users));
  const all = await sweepOf(stack, users, {});
  const unsure = await sweepOf(stack, users, { verifyRemovals: 'unsure' });
  say(io, `A sweep over ${limited} users under ${CALLS_A_MINUTE} calls a minute`);
  const before = await heartbeatsOf(metrics);
  const beganAtMs = performance.now();
  const slow = await sweepOf(stack, limited, { verifyRemovals: 'unsure', rate: CALLS_A_MINUTE });
  const minutes = (performance.now() - beganAtMs) / MINUTE_MS;
  const heartbeats = (await heartbeatsOf(metrics)) - before;
  say(io, 'Counting the actions of single runs');
  const single = await actionsOfSingle(stack);
  const cpu = await cpuOfBareLoop(io, stack, users);
  return {
    callsByHand: figure(hand, 'calls', { atMost: 3.1 }),
    callsUnsure: figure(unsure.calls, 'calls', { atMost: 3.1 }),
    callsOfByHand: figure(unsure.calls / hand, '×', { atMost: 1 }),
    callsAll: figure(all.calls, 'calls', { atMost: 4.1 }),
    callsUnderLimit: figure(slow.calls, 'calls', { atMost: 3.1 }),
    actionsPerThousandUsers: figure((unsure.actions * 1_000) / users, 'actions', { atMost: 5 }),
    actionsUnderLimit: figure((slow.actions * 1_000) / limited, 'actions', { atMost: 5 }),
    actionsSingle: figure(single, 'actions', { atMost: 15 }),
    heartbeatsUnderLimit: figure(heartbeats / minutes, 'heartbeats', { atMost: 25 }),
    cpuOfBareLoop: figure(cpu, '×', { atMost: 2.5 }),
  };
}

/** Returns the calls at both providers for each user. */
async function callsOf(
  { simulators: { plaid, batch } }: LocalStack,
  users: number,
  offboard: (prefix: string) => Promise<unknown>,
): Promise<number> {
  plaid.reset();
  batch.reset();
  const prefix = `usr_${randomUUID().slice(0, 8)}_`;
  plaid.seed({ generate: { count: users, prefix, itemsPerUser: 1 } });
  batch.seed({ users: Array.from({ length: users }, (_, index) => `${prefix}${index}`) });
  await offboard(prefix);
  return (plaid.figures().calls.total + batch.figures().calls.total) / users;
}

async function sweepOf(
  stack: LocalStack,
  users: number,
  more: Partial<OffboardUsersInput>,
): Promise<{ calls: number; actions: number }> {
  let sweepId = '';
  const calls = await callsOf(stack, users, async (prefix) => {
    sweepId = await seedSweep(stack, prefix, users, { atBatch: true });
    await measureSweep(stack, sweepId, { batch: { mode: 'customData' }, ...more });
  });
  return { calls, actions: billedActions(await historyOf(stack.client, sweepId)) };
}

async function actionsOfSingle({ simulators: { plaid, batch }, client, taskQueue }: LocalStack): Promise<number> {
  const id = randomUUID();
  const plaidUserId = `usr_${id}`;
  plaid.seed({ users: [{ userId: plaidUserId, items: [`${plaidUserId}-1`] }] });
  batch.seed({ users: [id] });
  const workflowId = `bench-${id}`;
  const user = { plaidUserId, batchUserId: id };
  const args = [{ user, reason: { code: 'USER_OFFBOARDING' } }];
  await client.workflow.execute('offboardUser', { workflowId, taskQueue, args });
  return billedActions(await historyOf(client, workflowId));
}

/** Returns the median of interleaved pairs; processor time depends little on what else the machine does. */
async function cpuOfBareLoop(io: Io, stack: LocalStack, users: number): Promise<number> {
  const stand = new SweepStand(stack);
  const ratios: number[] = [];
  for (let pair = 1; pair <= PAIRS; pair += 1) {
    say(io, `Processor time of a sweep and a bare loop over ${users} users each: pair ${pair} of ${PAIRS}`);
    const before = cpuMsOf(stack.workerPid);
    await stand.sweep(users);
    const ofWorker = cpuMsOf(stack.workerPid) - before;
    const { cpuMs } = await stand.bareRun(users);
    ratios.push(ofWorker / cpuMs);
  }
  return median(ratios);
}

/**
 * Offboards users `<prefix>0` to `<prefix>N-1` as a script written by hand would: list, remove and terminate for each at
 * Plaid, then bulk calls for all at Batch. Checks nothing and records nothing.
 */
async function offboardByHand({ plaid, batch }: Simulators, prefix: string, users: number): Promise<void> {
  const ids = Array.from({ length: users }, (_, index) => `${prefix}${index}`);
  const atPlaid = new Pool(plaid.url, { connections: AT_A_TIME });
  const atBatch = new Pool(batch.url);
  const send = async (pool: Pool, path: string, headers: Record<string, string>, body: unknown): Promise<unknown> => {
    const response = await pool.request({
      method: pool === atBatch ? 'DELETE' : 'POST',
      path,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const parsed = await response.body.json();
    if (response.statusCode >= 300) throw new Error(`The simulator returned ${response.statusCode}.`);
    return parsed;
  };
  const plaidKey = { 'plaid-client-id': plaid.clientId, 'plaid-secret': plaid.secret };
  const left = ids.values();
  const lane = async (): Promise<void> => {
    for (const user_id of left) {
      const { items } = (await send(atPlaid, '/user/items/get', plaidKey, { user_id })) as {
        items: { item_id: string }[];
      };
      await send(atPlaid, '/user/items/remove', plaidKey, { user_id, item_ids: items.map(({ item_id }) => item_id) });
      await send(atPlaid, '/user/products/terminate', plaidKey, { user_id, reason_code: 'USER_OFFBOARDING' });
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, lane));
    for (const key of Object.values(batch.appKeys)) {
      for (let from = 0; from < ids.length; from += MOST_IDS)
        await send(
          atBatch,
          `/1.0/${key}/data/users`,
          { 'x-authorization': batch.restApiKey },
          ids.slice(from, from + MOST_IDS),
        );
    }
  } finally {
    await Promise.all([atPlaid.close(), atBatch.close()]);
  }
}

/** Returns the number of heartbeats that a worker has sent to the server so far, from its Prometheus metrics. */
async function heartbeatsOf(metricsAddress: string): Promise<number> {
  const text = await (await fetch(`http://${metricsAddress}/metrics`)).text();
  const counts = [...text.matchAll(/^temporal_request(?:_total)?\{([^}]*)\} (\d+)/gm)];
  if (counts.length === 0) throw new Error("The worker's metrics contain no requests to the server.");
  return counts
    .filter(([, labels = '']) => labels.includes('operation="RecordActivityTaskHeartbeat"'))
    .reduce((sum, [, , count]) => sum + Number(count), 0);
}
