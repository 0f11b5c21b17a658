import { randomUUID } from 'node:crypto';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { printJson, say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { billedActions, historyOf } from '../cost/billed-actions';
import { figure } from '../figures';
import type { Figures } from '../figures';
import { measureOnLocalStack } from '../on-local-stack';
import { printFigureTable } from '../print-figures';
import { SweepStand, perSecond } from '../sweep/sweep-stand';
import { PEER_QUEUE, providersOf, startPeerWorker } from './peer-worker';

/** Users of a sweep in chunks, and of each peer, which are slower. */
export interface PeersBenchSize {
  users: number;
  peers: number;
}

/** Runs of a client that starts a workflow for each user. */
const AT_A_TIME = 32;
const WARM_UP_USERS = 50;

const WORDS: Readonly<Record<string, string>> = {
  sweep: 'a sweep in chunks',
  sweepOfActivityPerCall: 'a sweep against a workflow for each user with an activity for each call',
  sweepOfChildPerUser: 'a sweep against a parent with such a child for each user',
  sweepOfActivityPerUser: 'a sweep against a workflow with an activity for each user',
  sweepOfOneActivity: 'a sweep against one activity that makes all calls, and records nothing',
  actionsSweep: 'actions that Temporal Cloud bills: a sweep in chunks',
  actionsActivityPerCall: 'actions of a workflow for each user with an activity for each call',
  actionsChildPerUser: 'actions of a parent with such a child for each user',
  actionsActivityPerUser: 'actions of a workflow with an activity for each user',
};

/** Compares a sweep with other ways to do the same with Temporal, prints the figures, and returns 0 if all keep their limits. */
export async function runPeersBench(
  io: Io,
  { size, json }: { size: PeersBenchSize; json: boolean },
): Promise<ExitCode> {
  return measureOnLocalStack(
    io,
    async (stack) => ({ figures: await figuresOf(io, stack, size) }),
    ({ figures }) => {
      if (json) printJson(io, { node: process.version, size, figures });
      else printFigureTable(io, figures, WORDS);
    },
  );
}

async function figuresOf(io: Io, stack: LocalStack, { users, peers }: PeersBenchSize): Promise<Figures> {
  const { address, client, simulators } = stack;
  const worker = await startPeerWorker({ address, providers: providersOf(simulators) });
  try {
    const stand = new SweepStand(stack);
    await stand.sweep(users);
    say(io, `A sweep over ${users} users, and four other ways over ${peers}`);
    const sweep = await stand.sweep(users);
    const perCall = await timedPeer(stack, peers, (ids) => startEach(stack, ids));
    const perChild = await timedPeer(stack, peers, (ids) => execute(stack, 'childPerUser', ids));
    const perUser = await timedPeer(stack, peers, (ids) => execute(stack, 'activityPerUser', ids));
    const alone = await timedPeer(stack, users, (ids) => execute(stack, 'oneActivity', ids));
    const ours = perSecond(users, sweep.usersMs);
    const actionsOf = async (workflowId: string): Promise<number> => billedActions(await historyOf(client, workflowId));
    const ofCall = await actionsOf(perCall.workflowId);
    // A child's start is among the two actions of its parent.
    const ofParent = (await actionsOf(perChild.workflowId)) + peers * (ofCall - 1);
    return {
      sweep: figure(ours, 'users/s', { atLeast: 50 }),
      sweepOfActivityPerCall: figure(ours / perCall.usersPerSecond, '×', { atLeast: 10 }),
      sweepOfChildPerUser: figure(ours / perChild.usersPerSecond, '×', { atLeast: 10 }),
      sweepOfActivityPerUser: figure(ours / perUser.usersPerSecond, '×', { atLeast: 2 }),
      sweepOfOneActivity: figure(ours / alone.usersPerSecond, '×', { atLeast: 0.4 }),
      actionsSweep: figure(((await actionsOf(sweep.result.sweepId)) * 1_000) / users, 'per 1,000 users', { atMost: 5 }),
      actionsActivityPerCall: figure(ofCall * 1_000, 'per 1,000 users', { atLeast: 5_000 }),
      actionsChildPerUser: figure((ofParent * 1_000) / peers, 'per 1,000 users', { atLeast: 5_000 }),
      actionsActivityPerUser: figure(((await actionsOf(perUser.workflowId)) * 1_000) / peers, 'per 1,000 users', {
        atLeast: 1_000,
      }),
    };
  } finally {
    await worker.end();
  }
}

interface Timed {
  usersPerSecond: number;
  workflowId: string;
}

/** Times a way of offboarding, after a short one that warms it up. */
async function timedPeer(
  { simulators: { plaid } }: LocalStack,
  users: number,
  offboard: (ids: string[]) => Promise<string>,
): Promise<Timed> {
  const seeded = (count: number): string[] => {
    const prefix = `usr_${randomUUID().slice(0, 8)}_`;
    plaid.seed({ generate: { count, prefix, itemsPerUser: 1 } });
    return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  };
  await offboard(seeded(WARM_UP_USERS));
  const ids = seeded(users);
  const startedAt = performance.now();
  const workflowId = await offboard(ids);
  return { usersPerSecond: perSecond(users, performance.now() - startedAt), workflowId };
}

async function execute({ client }: LocalStack, workflow: string, ids: string[]): Promise<string> {
  const workflowId = `peer-${randomUUID()}`;
  await client.workflow.execute(workflow, { workflowId, taskQueue: PEER_QUEUE, args: [ids] });
  return workflowId;
}

/** @returns One of the runs. */
async function startEach({ client }: LocalStack, ids: string[]): Promise<string> {
  const left = ids.values();
  let last = '';
  const lane = async (): Promise<void> => {
    for (const id of left) {
      last = `peer-${id}`;
      await client.workflow.execute('activityPerCall', { workflowId: last, taskQueue: PEER_QUEUE, args: [id] });
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  return last;
}
