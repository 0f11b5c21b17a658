import { randomUUID } from 'node:crypto';
import type { SimulatorsOptions } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { CommandFailure } from '../errors';
import { withInterruption } from '../interruption';
import type { Interruption } from '../interruption';
import type { ExitCode, Io } from '../io';
import { withLocalStack } from '../local-stack';
import type { LocalStack } from '../local-stack';
import { withLedger } from '../open-ledger';
import { printJson, say } from '../output';
import { readUserFile } from '../read-user-file';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import type { ProviderState as CourierState } from '@temporal-http-tasks/testing/internal/simulators/described/control';
import { castFrom } from './cast';
import type { CastMember } from './cast';
import { COURIER_FILE, courierFaults, courierSeeds, withCourier } from './courier';
import { planFaults } from './fault-plan';
import { sayKept } from './kept';
import { showProgress } from './progress';
import { readControl, readFaults, readProviderState } from './provider-state';
import { printCompensations, printFaults, printOutcomes } from './report';
import { runUsers } from './run-users';
import { seedsFor } from './seeds';
import { startsIn } from './starts';
import { judge } from './verdict';
import type { RunOfUser } from './problem';
import { printVerdict } from './verdict-report';
import { environmentsCovered, subjectsEverywhere } from '../user-everywhere';

/** What the demo was asked for. */
export interface DemoOptions {
  users: string;
  seed: number;
  concurrency: number;
  keep: boolean;
  json: boolean;
}

/** Longer than any answer takes here, and short, so that a stalled one costs little. */
const TOTAL_TIMEOUT_MS = '2500';
const READ_LAG_MS = 400;
const BATCH_DELAY_MS = 500;
const LATENCY_MS = 15;

/** Runs the demo; answers 0 only if the verdict holds. */
export async function runDemo(io: Io, options: DemoOptions): Promise<ExitCode> {
  const cast = withCourier(castFrom(await readUserFile(options.users, '--users')));
  const courier = await readProviderFile(COURIER_FILE);
  const { bystanders, ...seeds } = seedsFor(cast);
  const faults = planFaults(cast, options.seed);
  const simulators: SimulatorsOptions = {
    plaid: {
      users: seeds.plaid,
      faults: faults.plaid,
      latencyMs: LATENCY_MS,
      readLag: { ms: READ_LAG_MS },
      // Plaid refuses a second removal. Here it is carried out and counted, so that a blind repetition would be seen.
      repeatedRemovals: 'process',
    },
    batch: { users: seeds.batch, faults: faults.batch, latencyMs: LATENCY_MS, processingDelayMs: BATCH_DELAY_MS },
  };
  const held = cast.filter(({ onHold }) => onHold);
  return withInterruption(async (interruption) =>
    withLocalStack(
      {
        env: io.env,
        simulators,
        providers: [
          {
            file: courier,
            options: {
              users: courierSeeds(cast),
              faults: courierFaults(cast),
              latencyMs: LATENCY_MS,
              unknownIds: 'absent',
            },
          },
        ],
        withUi: options.keep,
        workerEnv: { HTTP_TASKS_TOTAL_TIMEOUT_MS: TOTAL_TIMEOUT_MS, HTTP_TASKS_ALLOW_SENSITIVE: 'user_token' },
        report: (line) => say(io, line),
        beforeWorker: (settings) => putOnHold(io, settings, held),
        signal: interruption.signal,
      },
      (stack) => play(io, options, { cast, bystanders, stack, interruption }),
    ),
  );
}

interface Scene {
  cast: readonly CastMember[];
  bystanders: number;
  stack: LocalStack;
  interruption: Interruption;
}

async function play(io: Io, { json, keep, concurrency, seed }: DemoOptions, scene: Scene): Promise<ExitCode> {
  const { cast, bystanders, stack, interruption } = scene;
  say(
    io,
    `Off-boarding ${cast.length} users, ${concurrency} at a time, under the faults of seed ${seed}; ${bystanders.toLocaleString('en')} bystanders look on`,
  );
  const runs = await followRuns(io, concurrency, scene);
  const { plaid, batch } = stack.simulators;
  const [courier] = stack.others;
  const urls = { plaid: plaid.url, batch: batch.url };
  const state = await readProviderState(urls);
  const atCourier = courier && (await readControl<CourierState>(courier.url, 'state'));
  const faults = await readFaults({ ...urls, ...(courier && { courier: courier.url }) });
  const judged = judge(runs, state.plaid, state.batch, atCourier);
  if (json) {
    printJson(io, {
      verdict: judged.verdict,
      problems: judged.problems,
      bystanders,
      seed,
      runs: runs.map(runDocument),
      faults,
    });
  } else {
    printOutcomes(io, runs);
    printCompensations(io, runs);
    printFaults(io, faults);
    printVerdict(io, judged, bystanders);
  }
  if (keep) {
    sayKept(io, stack, await startsIn(stack, cast));
    await interruption.wished;
    say(io, 'Stopping worker, simulators and server');
  }
  return judged.verdict.ok ? 0 : 1;
}

async function followRuns(io: Io, concurrency: number, { cast, stack, interruption }: Scene): Promise<RunOfUser[]> {
  const { client, taskQueue, settings, simulators, others } = stack;
  const progress = showProgress(io, cast.length, [simulators.plaid, simulators.batch, ...others]);
  try {
    const first = await Promise.race([
      runUsers(cast, {
        client,
        taskQueue,
        subjectKey: settings['HTTP_TASKS_SUBJECT_KEY'] ?? '',
        concurrency,
        onEnd: (run) => progress.ended(run),
        signal: interruption.signal,
      }),
      interruption.wished,
    ]);
    if (first !== 'interrupted') return first;
  } finally {
    progress.stop();
  }
  throw new CommandFailure(
    'Interrupted',
    'Stopped before all runs had ended, so there is no verdict. Worker, simulators and server are ended.',
  );
}

/** Holds have to stand before anything is sent. */
async function putOnHold(
  io: Io,
  settings: Readonly<Record<string, string>>,
  held: readonly CastMember[],
): Promise<void> {
  await withLedger({ ...io, env: settings }, async ({ ledger, hasher }) => {
    for (const { input } of held) {
      const subjects = subjectsEverywhere(input.user, hasher).map(({ subject }) => subject);
      await ledger.addHold({
        holdId: randomUUID(),
        subjects,
        environments: environmentsCovered(input.user),
        reason: 'the demo',
      });
    }
  });
}

function runDocument({ member, result }: RunOfUser): object {
  const { label, line } = member;
  if (!result) return { user: label, line, status: null };
  const { workflowId, runId, status, steps, compensations } = result;
  return { user: label, line, workflowId, runId, status, steps, compensations };
}
