import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { printJson, say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { historyOf } from '../cost/billed-actions';
import { figure, median } from '../figures';
import type { Figures } from '../figures';
import { measureOnLocalStack } from '../on-local-stack';
import { printFigureTable } from '../print-figures';
import { measureSweep, seedSweep } from '../sweep/measured-sweep';
import { simulateRates } from './simulated-rates';

/** How much is measured. */
export interface LimitBenchSize {
  /** Users of each simulated sweep. */
  simulated: number;
  /** Users of the real sweep, whose limit is `scale` times as high. */
  users: number;
  scale: number;
}

/** The provider's limit. */
const LIMIT = { callsAMinute: 2_000, burst: 100 };
const CALLS_A_USER = 4;
/** Live runs before the real sweep, and between two of them during the sweep. */
const LIVE = { before: 20, pauseMs: 1_000 };
const PERCENTILE = 0.95;

const WORDS: Readonly<Record<string, string>> = {
  givenOfLimit: "a sweep under a given limit against the limit's own time, simulated clock",
  refusedGiven: 'calls that were refused meanwhile',
  liveWaitGiven: 'waiting of a live call meanwhile, 95th percentile',
  givenOfLimitTwo: 'the first with two workers',
  learnedOfLimit: 'a sweep that learns the limit against its own time, simulated clock',
  refusedLearned: 'calls that were refused meanwhile',
  liveWaitLearned: 'waiting of a live call meanwhile, 95th percentile',
  learnedOfLimitTwo: 'a sweep that learns it with two workers',
  realOfLimit: "a real sweep under a given limit, scaled, against the limit's own time",
  realCalls: 'its calls for each user',
  realRefused: 'its calls that were refused',
  realLiveWait: 'added waiting of a live call meanwhile, 95th percentile',
};

/** Measures how a limit is used, prints the figures, and returns 0 only if all of them keep their limits. */
export async function runLimitBench(
  io: Io,
  { size, json }: { size: LimitBenchSize; json: boolean },
): Promise<ExitCode> {
  const simulated = await simulatedFigures(io, size);
  return measureOnLocalStack(
    io,
    async (stack) => ({ figures: { ...simulated, ...(await realFigures(io, stack, size)) } }),
    ({ figures }) => {
      if (json) printJson(io, { node: process.version, size: { ...size, ...LIMIT }, figures });
      else printFigureTable(io, figures, WORDS);
    },
  );
}

async function simulatedFigures(io: Io, { simulated }: LimitBenchSize): Promise<Figures> {
  say(io, `Simulating sweeps over ${simulated} users under ${LIMIT.callsAMinute} calls a minute`);
  const calls = simulated * CALLS_A_USER;
  const given = await simulateRates({ ...LIMIT, calls, processes: 1, given: true });
  const givenTwo = await simulateRates({ ...LIMIT, calls, processes: 2, given: true });
  const learned = await simulateRates({ ...LIMIT, calls, processes: 1, given: false });
  const learnedTwo = await simulateRates({ ...LIMIT, calls, processes: 2, given: false });
  return {
    givenOfLimit: figure(given.ofLimit, '×', { atMost: 1.05 }),
    refusedGiven: figure(given.refused, '%', { atMost: 2 }),
    liveWaitGiven: figure(given.liveWaitMs, 'ms', { atMost: 500 }),
    givenOfLimitTwo: figure(givenTwo.ofLimit, '×', { atMost: 1.05 }),
    learnedOfLimit: figure(learned.ofLimit, '×', { atMost: 1.1 }),
    refusedLearned: figure(learned.refused, '%', { atMost: 2 }),
    liveWaitLearned: figure(learned.liveWaitMs, 'ms', { atMost: 500 }),
    learnedOfLimitTwo: figure(learnedTwo.ofLimit, '×', { atMost: 1.1 }),
  };
}

async function realFigures(io: Io, stack: LocalStack, { users, scale }: LimitBenchSize): Promise<Figures> {
  const { plaid } = stack.simulators;
  say(io, `Offboarding ${LIVE.before} users, without a sweep`);
  const alone: number[] = [];
  for (let run = 0; run < LIVE.before; run += 1) alone.push(...(await offboardLive(stack)));
  say(io, `A sweep over ${users} users under ${LIMIT.callsAMinute * scale} calls a minute`);
  const callsAMinute = LIMIT.callsAMinute * scale;
  const sweepId = await seedSweep(stack, `usr_${randomUUID().slice(0, 8)}_`, users);
  const before = plaid.figures().calls;
  const burst = LIMIT.burst * scale;
  plaid.configure({ rateLimits: { '*': { perSecond: callsAMinute / 60, burst } } });
  await setStandingLimit(stack, callsAMinute);
  const sweeping = measureSweep(stack, sweepId);
  const ended = sweeping.then(
    () => true,
    () => true,
  );
  const beside: number[] = [];
  let liveRuns = 0;
  while (!(await Promise.race([ended, delay(LIVE.pauseMs, false)]))) {
    beside.push(...(await offboardLive(stack)));
    liveRuns += 1;
  }
  const { usersMs } = await sweeping;
  const after = plaid.figures().calls;
  plaid.configure({ rateLimits: {} });
  const made = after.total - before.total;
  const accepted = after.processed - before.processed;
  const usual = median(alone);
  const added = beside.map((ms) => Math.max(0, ms - usual)).sort((a, b) => a - b);
  return {
    realOfLimit: figure(usersMs / (((accepted - burst) / callsAMinute) * 60_000), '×', { atMost: 1.05 }),
    realCalls: figure((made - liveRuns * CALLS_A_USER) / users, 'calls', { atMost: 4.1 }),
    realRefused: figure(((made - accepted) / made) * 100, '%', { atMost: 2 }),
    realLiveWait: figure(added[Math.floor(added.length * PERCENTILE)] ?? Number.NaN, 'ms', { atMost: 500 }),
  };
}

async function setStandingLimit({ settings }: LocalStack, limitPerMinute: number): Promise<void> {
  const url = settings.HTTP_TASKS_LEDGER_URL ?? '';
  const ledger = await openLedger({ url, subjectKey: settings.HTTP_TASKS_SUBJECT_KEY ?? '' });
  try {
    await ledger.rates.setLimit({ service: 'plaid', keySlot: '', limitPerMinute });
  } finally {
    await ledger.close();
  }
}

/** Offboards a user with one Item at Plaid. Returns the duration of each call's activity, with its waiting and retries. */
async function offboardLive({ simulators: { plaid }, client, taskQueue }: LocalStack): Promise<number[]> {
  const plaidUserId = `usr_live_${randomUUID()}`;
  plaid.seed({ users: [{ userId: plaidUserId, items: [`${plaidUserId}-1`] }] });
  const workflowId = `bench-${plaidUserId}`;
  const args = [{ user: { plaidUserId }, reason: { code: 'USER_OFFBOARDING' }, batch: { mode: 'skip' } }];
  await client.workflow.execute('offboardUser', { workflowId, taskQueue, args });
  const scheduled = new Map<string, number>();
  const durations: number[] = [];
  for (const event of await historyOf(client, workflowId)) {
    const atMs = Number(event.eventTime?.seconds ?? 0) * 1_000 + (event.eventTime?.nanos ?? 0) / 1e6;
    const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (name?.startsWith('plaid.')) scheduled.set(String(event.eventId), atMs);
    const beganAtMs = scheduled.get(String(event.activityTaskCompletedEventAttributes?.scheduledEventId));
    if (beganAtMs !== undefined) durations.push(atMs - beganAtMs);
  }
  return durations;
}
