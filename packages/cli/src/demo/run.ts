import { randomUUID } from 'node:crypto';
import type { ProviderState as CourierState } from '@temporal-http-tasks/testing/internal/simulators/described/control';
import type { SimulatorsOptions } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Client } from '@temporalio/client';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { prepareStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import type { PreparedStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { userPlaces } from 'temporal-http-tasks/internal/config/user-places';
import { offboardWorkflowId } from 'temporal-http-tasks/internal/starts/workflow-ids';
import { withLocalStack } from '../dev/local-stack';
import type { LocalStack } from '../dev/local-stack';
import { withLedger } from '../ledger/open-ledger';
import { startLines } from '../links/run';
import { resultOf } from '../offboard/result';
import { CommandFailure, Refusal } from '../program/errors';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { findProviders, providerPaths } from '../providers/find-providers';
import type { ExitCode, Io } from '../program/io';
import { withInterruption } from '../terminal/interruption';
import type { Interruption } from '../terminal/interruption';
import { printJson, say } from '../terminal/output';
import { environmentsCovered, subjectsEverywhere } from '../users/user-subjects';
import { readUserFile } from '../users/read-file';
import { demoUsersFrom, seedsFor } from './demo-users';
import type { DemoUser, RunOfUser } from './demo-users';
import { COURIER_FILE, courierFaults, courierSeeds, withCourier } from './courier';
import { planFaults } from './fault-plan';
import { printCompensations, printFaults, printOutcomes, printVerdict, showProgress } from './print';
import { readControl, readFaults, readProviderState } from './provider-state';
import { judge } from './verdict';

/** Shown below the settings for another terminal: your own key is not printed. */
export const KEY_AS_HERE = '# and HTTP_TASKS_ENCRYPTION_KEY as it is set in this one: payloads are encrypted under it';

/** Prints where to look while everything is running, and what to click. On stderr, since it is not part of the result. */
export function sayKept(
  io: Io,
  { uiUrl, encrypted, settings, simulators, workerLog }: LocalStack,
  starts: PreparedStarts,
): void {
  const lines = [
    '',
    `Everything is still running. The Temporal UI: ${uiUrl ?? ''}`,
    '  Workflows → any offboardUser: its history, the call that each step made, its result.',
    '  In one of them: User Metadata shows how it went; Queries returns progress and compensations.',
    '  To start something there, open one of these, enter an ID and press Start; unchanged, they delete nothing:',
    ...startLines(starts).map((line) => `    ${line}`),
    `  State of the providers: ${simulators.plaid.url}/__sim/state and ${simulators.batch.url}/__sim/state`,
    `  The worker's log: ${workerLog}`,
    '  To use the command line with it, paste into another terminal:',
    ...[...exportLines(settings), ...(encrypted ? [KEY_AS_HERE] : [])].map((line) => `    ${line}`),
    'Ctrl-C stops worker, simulators and server.',
  ];
  for (const line of lines) say(io, line);
}

/** Shell lines that give another terminal these settings. */
export function exportLines(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([name, value]) => `export ${name}=${quoted(value)}`);
}

/** Returns links to the UI's forms, whose examples name a user whom the simulators know. */
export async function startsIn(
  { client, uiUrl = '', taskQueue }: LocalStack,
  demoUsers: readonly DemoUser[],
): Promise<PreparedStarts> {
  const known = demoUsers.find(
    ({ plaid, input, onHold }) => plaid !== undefined && input.user.plaidUserId !== undefined && !onHold,
  );
  const { plaidUserId, batchUserId } = known?.input.user ?? {};
  const user =
    plaidUserId === undefined ? undefined : { plaidUserId, ...(batchUserId !== undefined && { batchUserId }) };
  return prepareStarts(client, { uiUrl, taskQueue }, user);
}

/** Maximum time of a run, so that a demo whose worker died does not wait forever. */
const LONGEST_RUN = '3 minutes';

/** Options of the users' runs. */
export interface RunUsersOptions {
  client: Client;
  taskQueue: string;
  subjectKey: string;
  /** Number of concurrent runs. */
  concurrency: number;
  /** Called for each run that ended, in that order. */
  onEnd(run: RunOfUser): void;
  /** Starts no further run once it is aborted. */
  signal: AbortSignal;
}

/** Offboards every user with a run of its own; returns the runs in the order of the users. A run without a result has none. */
export async function runUsers(demoUsers: readonly DemoUser[], options: RunUsersOptions): Promise<RunOfUser[]> {
  const runs: RunOfUser[] = [];
  const queue = demoUsers.entries();
  // Every lane takes the next user from the one queue they share.
  const lanes = Array.from({ length: options.concurrency }, async () => {
    for (const [index, member] of queue) {
      if (options.signal.aborted) return;
      const run = await runUser(member, options);
      runs[index] = run;
      options.onEnd(run);
    }
  });
  await Promise.all(lanes);
  return runs;
}

async function runUser(member: DemoUser, { client, taskQueue, subjectKey }: RunUsersOptions): Promise<RunOfUser> {
  const handle = await client.workflow.start('offboardUser', {
    workflowId: workflowIdFor(member.input, subjectKey),
    taskQueue,
    args: [member.input],
    workflowExecutionTimeout: LONGEST_RUN,
  });
  try {
    return { member, result: await resultOf(client, handle) };
  } catch (error) {
    // A run that was refused or ended without a result is judged by the verdict and does not end the demo.
    if (error instanceof CommandFailure || error instanceof Refusal) return { member };
    throw error;
  }
}

/** The worker of the demo has the default environment of each provider. */
function workflowIdFor(input: OffboardUserInput, subjectKey: string): string {
  return offboardWorkflowId(input, userPlaces({}, new ProviderSet()), createSubjectHasher(subjectKey));
}

/** The options of the demo. */
export interface DemoOptions {
  users: string;
  seed: number;
  concurrency: number;
  keep: boolean;
  json: boolean;
  /** Files and folders with further provider files, instead of HTTP_TASKS_PROVIDERS. */
  providers?: string | undefined;
}

/** Timeout of a response, in milliseconds: longer than any takes here, and short, so that a stalled one costs little. */
const TOTAL_TIMEOUT_MS = '2500';
const READ_LAG_MS = 400;
const BATCH_DELAY_MS = 500;
const LATENCY_MS = 15;

/** Runs the demo; returns 0 only if the verdict is ok. */
export async function runDemo(io: Io, options: DemoOptions): Promise<ExitCode> {
  const users = withCourier(demoUsersFrom(await readUserFile(options.users, '--users')));
  await refuseSecondCourier(io, options.providers);
  const paths = [COURIER_FILE, ...providerPaths(io, options.providers)];
  const [courier, ...more] = await findProviders(io, paths.join(','));
  if (!courier) throw new CommandFailure('Failed', `There is no provider file ${COURIER_FILE}.`);
  const { bystanders, ...seeds } = seedsFor(users);
  const faults = planFaults(users, options.seed);
  const simulators: SimulatorsOptions = {
    plaid: {
      users: seeds.plaid,
      faults: faults.plaid,
      latencyMs: LATENCY_MS,
      readLag: { ms: READ_LAG_MS },
      // Plaid refuses a second removal. Here it is carried out and counted, so that a blind repetition is detected.
      repeatedRemovals: 'process',
    },
    batch: { users: seeds.batch, faults: faults.batch, latencyMs: LATENCY_MS, processingDelayMs: BATCH_DELAY_MS },
  };
  const held = users.filter(({ onHold }) => onHold);
  return withInterruption(async (interruption) =>
    withLocalStack(
      {
        env: io.env,
        simulators,
        providers: [
          {
            file: courier,
            options: {
              users: courierSeeds(users),
              faults: courierFaults(users),
              latencyMs: LATENCY_MS,
              unknownIds: 'absent',
            },
          },
          ...more.map((file) => ({ file })),
        ],
        providerPaths: paths,
        withUi: options.keep,
        workerEnv: { HTTP_TASKS_TOTAL_TIMEOUT_MS: TOTAL_TIMEOUT_MS, HTTP_TASKS_ALLOW_SENSITIVE: 'user_token' },
        report: (line) => say(io, line),
        beforeWorker: (settings) => putOnHold(io, settings, held),
        signal: interruption.signal,
      },
      (stack) => play(io, options, { users, bystanders, stack, interruption }),
    ),
  );
}

/** The demo's own third provider has the name of the one in the documentation. */
async function refuseSecondCourier(io: Io, providers: string | undefined): Promise<void> {
  const { provider: own } = await readProviderFile(COURIER_FILE);
  const second = (await findProviders(io, providers)).find(({ provider }) => provider.name === own.name);
  if (second)
    throw new Refusal(
      'Usage',
      `The demo has a made-up provider of its own that is named ${own.name}. Rename that of ${second.file}, or ` +
        'try it with http-tasks dev --providers.',
      'providers',
    );
}

interface Scene {
  users: readonly DemoUser[];
  bystanders: number;
  stack: LocalStack;
  interruption: Interruption;
}

async function play(io: Io, { json, keep, concurrency, seed }: DemoOptions, scene: Scene): Promise<ExitCode> {
  const { users, bystanders, stack, interruption } = scene;
  say(
    io,
    `Offboarding ${users.length} users, ${concurrency} at a time, under the faults of seed ${seed}; ` +
      `${bystanders.toLocaleString('en')} bystanders must stay untouched`,
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
    sayKept(io, stack, await startsIn(stack, users));
    await interruption.wished;
    say(io, 'Stopping worker, simulators and server');
  }
  return judged.verdict.ok ? 0 : 1;
}

async function followRuns(io: Io, concurrency: number, { users, stack, interruption }: Scene): Promise<RunOfUser[]> {
  const { client, taskQueue, settings, simulators, others } = stack;
  const progress = showProgress(io, users.length, [simulators.plaid, simulators.batch, ...others]);
  try {
    const first = await Promise.race([
      runUsers(users, {
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

/** Holds have to be set before anything is sent. */
async function putOnHold(io: Io, settings: Readonly<Record<string, string>>, held: readonly DemoUser[]): Promise<void> {
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
