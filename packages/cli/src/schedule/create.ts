import { ScheduleAlreadyRunning } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { DEFAULT_LEDGER_URL, readLedgerUrl } from 'temporal-http-tasks/internal/config/database-settings';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import type { RecordedEnvironment } from 'temporal-http-tasks/internal/ledger/worker-environments';
import { refuseForbiddenInput } from '../policy/forbidden';
import { hasWorker } from 'temporal-http-tasks/internal/operator/pollers';
import { offboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { CheckedSweepInput, OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { checkedSweepId } from '../sweep/sweep-options';
import { sourceName } from '../sweep/sweep-question';
import { SWEEP_WORKFLOW } from '../sweep/sweep-run';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import type { WorkerPlace } from '../temporal/worker-place';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { readProviders } from '../users/provider-ids';
import { confirmDeletion, notConfirmed, placeToAskAbout, removalFacts } from '../terminal/deletion-question';
import type { AskingOptions, Fact } from '../terminal/deletion-question';
import { localTime } from '../terminal/words';
import { print, printable, printJson, say } from '../terminal/output';
import { findSchedule, toScheduleDocument } from './document';
import { clockChangeWarnings, durationText } from './times';
import type { WantedSchedule } from './options';

/** A schedule, or runs of it, that need a confirmation. */
export interface AskedSchedule {
  name: string;
  taskQueue: string;
  /** As Temporal has it: the schedule of another program may contain anything. */
  input: unknown;
  /** What happens and that it is irreversible, as a sentence. */
  title: string;
  /** When the runs are. */
  when: string;
  /** What is unchanged after a no. */
  otherwise: string;
}

/**
 * Asks for the name of a schedule before its runs delete anything, if a confirmation is needed.
 *
 * @throws Refusal without a terminal, when `--yes` is needed and absent.
 * @throws CommandFailure `Interrupted` when it was not confirmed.
 */
export async function askAboutSchedule(
  io: Io,
  client: Client,
  asked: AskedSchedule,
  { yes }: AskingOptions,
): Promise<void> {
  const { name, taskQueue, title, when, otherwise } = asked;
  const { data: input } = offboardUsersInput.safeParse(asked.input);
  const place = await placeToAskAbout(io, { client, taskQueue }, { yes, dryRun: input?.dryRun });
  if (!place) return;
  const facts: Fact[] = [
    ['Schedule', name],
    ['Runs', when],
    ...(input
      ? factsOf(input, place, await readProviders(io, undefined))
      : [['Input', 'not valid, so that its runs will be refused'] as const]),
  ];
  if (!(await confirmDeletion(io, place, { title, facts, name: 'the name of the schedule', typed: name })))
    throw notConfirmed(otherwise);
}

function factsOf(input: CheckedSweepInput, place: WorkerPlace, known: ProviderSet): Fact[] {
  return [
    ['Users', `all that ${sourceName(input.source)} has at the time of each run`],
    ...removalFacts({ input, place, known }),
    ['Reason', input.reason.code],
  ];
}

/**
 * Checks that the live workers of the task queue have the query of a schedule, by what they recorded in the ledger.
 * Reports what cannot be checked, and what only some of them have.
 *
 * @throws Refusal when there are such workers and none of them has it.
 */
export async function checkQuery(
  io: Io,
  client: Client,
  { taskQueue, input }: { taskQueue: string; input: OffboardUsersInput },
): Promise<void> {
  const name = input.source?.query;
  if (name === undefined) return;
  const shown = `query:${printable(name)}`;
  const workers = await liveQueries(io, { namespace: client.options.namespace, taskQueue });
  if (typeof workers === 'string') {
    say(io, `Warning: it could not be checked that the worker has ${shown}: ${workers}.`);
    return;
  }
  const knowing = workers.filter((queries) => queries.includes(settingName(name)));
  if (knowing.length === 0) {
    const known = [...new Set(workers.flat())].sort().join(', ') || 'none';
    const setting = `HTTP_TASKS_SOURCE_${settingName(name).toUpperCase()}`;
    throw new Refusal(
      'Task.InvalidInput',
      `source.query: no live worker of the task queue "${taskQueue}" has the query ${name}; known: ${known}. ` +
        `Give the worker ${setting}_URL and ${setting}_QUERY, then create the schedule.`,
      'source',
    );
  }
  if (knowing.length < workers.length)
    say(
      io,
      `Warning: only ${knowing.length} of ${workers.length} live workers have ${shown}; a run on another one fails.`,
    );
}

/** As the worker lists its queries: in any case, with `-` for `_`. */
function settingName(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}

/** The queries of each live worker that recorded them, or why they are not known. */
async function liveQueries(
  io: Io,
  queue: { namespace: string; taskQueue: string },
): Promise<(readonly string[])[] | string> {
  const { url, plaintextAllowed } = readLedgerUrl(io.env);
  try {
    const { readWorkersOfLedger } = await import('temporal-http-tasks/internal/ledger/open-ledger');
    const recorded = await readWorkersOfLedger({ url: url ?? DEFAULT_LEDGER_URL, plaintextAllowed }, queue);
    const byWorker = new Map<string, readonly string[]>(
      recorded.filter(isLive).map(({ worker, queries = [] }) => [worker, queries]),
    );
    return byWorker.size > 0
      ? [...byWorker.values()]
      : `no live worker of the task queue "${queue.taskQueue}" has recorded its queries in this ledger`;
  } catch (error) {
    if (!(error instanceof LedgerSettingError || error instanceof LedgerUnavailableError)) throw error;
    return url === undefined ? 'HTTP_TASKS_LEDGER_URL is not set here' : error.message.replace(/\.$/, '');
  }
}

function isLive({ state, queries }: RecordedEnvironment): boolean {
  return state === 'live' && queries !== undefined;
}

/** A requested schedule. */
export interface NewSchedule {
  name: string;
  wanted: WantedSchedule;
  input: OffboardUsersInput;
}

/** Creates a schedule, after a confirmation if needed, and prints it. Nothing is started before its time. */
export async function createSchedule(
  io: Io,
  { name, wanted, input }: NewSchedule,
  options: TemporalOptions & AskingOptions & { json?: boolean },
): Promise<ExitCode> {
  checkedSweepId(name, 'NAME');
  const { taskQueue } = readQueueSettings(io.env);
  return withTemporal<ExitCode>(io, options, async (client) => {
    const title = "This schedules sweeps that delete users' data, which cannot be undone.";
    const when = `${timesOf(wanted)}${wanted.state?.paused ? ', paused until it is resumed' : ''}`;
    refuseForbiddenInput(io, input);
    await checkQuery(io, client, { taskQueue, input });
    await askAboutSchedule(
      io,
      client,
      { name, taskQueue, input, title, when, otherwise: 'Nothing was created.' },
      options,
    );
    await create(client, { name, wanted, input }, taskQueue);
    const { description, handle } = await findSchedule(client, name);
    if (description.info.nextActionTimes.length === 0) {
      await handle.delete();
      throw new Refusal(
        'Usage',
        `--cron: "${timesOf(wanted)}" never runs, because no date matches it, so nothing was created.`,
        'cron',
      );
    }
    for (const warning of clockChangeWarnings(description.spec, new Date())) say(io, `Warning: ${warning}`);
    const document = await toScheduleDocument(client, description);
    if (options.json) printJson(io, document);
    else {
      const next = document.nextRuns[0] === undefined ? 'not planned' : localTime(document.nextRuns[0]);
      const then = document.paused
        ? 'is paused. Resume it with: http-tasks schedule resume'
        : `is created; next run: ${next}. See it with: http-tasks schedule show`;
      print(io, `The schedule ${printable(name)} ${then} ${printable(name)}`);
    }
    if (wanted.policies?.pauseOnFailure)
      say(
        io,
        `When a run fails, the schedule is paused: no user is offboarded until http-tasks schedule resume ${printable(name)}.`,
      );
    if (!(await hasWorker(client, taskQueue)))
      say(io, `No worker polls the task queue "${taskQueue}" now; its runs will wait for one.`);
    return 0;
  });
}

function timesOf({ spec: { cronExpressions = [], intervals = [], timezone } }: WantedSchedule): string {
  // A comment repeats the expression.
  const crons = cronExpressions.map((cron) => `${cron.replace(/ # .*$/s, '')} (${timezone ?? 'UTC'})`);
  return [...crons, ...intervals.map(({ every }) => `every ${durationText(Number(every))}`)].join(', ');
}

async function create(client: Client, { name, wanted, input }: NewSchedule, taskQueue: string): Promise<void> {
  try {
    await client.schedule.create({
      ...wanted,
      scheduleId: name,
      action: { type: 'startWorkflow', workflowType: SWEEP_WORKFLOW, workflowId: name, taskQueue, args: [input] },
    });
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) {
      throw new CommandFailure(
        'Conflict',
        `There is a schedule ${name} already, so nothing was created. Look at it with: http-tasks schedule show ${name}`,
      );
    }
    // The client's error for times that the server refuses.
    if (error instanceof TypeError) {
      const field = /time ?zone/i.test(error.message) ? 'timezone' : 'cron';
      throw new Refusal('Usage', `--${field}: Temporal refuses it: ${error.message}.`, field);
    }
    throw error;
  }
}
