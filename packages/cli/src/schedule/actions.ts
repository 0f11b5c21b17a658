import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ScheduleDescription, ScheduleSummary } from '@temporalio/client';
import { optionalDateToTs } from '@temporalio/common/lib/time';
import { CommandFailure } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { inWords, localTime } from '../terminal/words';
import { SWEEP_WORKFLOW } from '../sweep/sweep-run';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { requireWorker } from '../temporal/pollers';
import { print, printable, printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import type { Period } from './times';
import { findSchedule, statusOfRun, toScheduleDocument } from './document';
import type { ScheduleDocument } from './document';
import { askAboutSchedule } from './create';
import type { AskedSchedule } from './create';
import { durationText, timesText } from './times';

interface ActionOptions extends TemporalOptions {
  json?: boolean;
  note?: string;
  yes?: boolean;
}

/** Maximum number of runs that the server keeps waiting. */
const MOST_BACKFILLED = 1_000;

/** How long a requested run may take to start, in milliseconds. */
const TRIGGER_MS = 15_000;
const PAUSE_MS = 250;

/** Its action names the task queue and the input of each run. */
async function askAboutRuns(
  io: Io,
  client: Client,
  { scheduleId: name, action: { taskQueue, args } }: ScheduleDescription,
  question: Pick<AskedSchedule, 'title' | 'when' | 'otherwise'>,
  options: ActionOptions,
): Promise<void> {
  await askAboutSchedule(io, client, { name, taskQueue, input: args?.[0], ...question }, options);
}

/** Prints a schedule with its next and last runs. */
export async function showSchedule(io: Io, name: string, options: ActionOptions): Promise<ExitCode> {
  return withTemporal<ExitCode>(io, options, async (client) => {
    const document = await toScheduleDocument(client, (await findSchedule(client, name)).description);
    if (options.json) printJson(io, document);
    else printSchedule(io, document);
    return 0;
  });
}

/** Prints the schedules that start sweeps. */
export async function listSchedules(io: Io, options: ActionOptions): Promise<ExitCode> {
  return withTemporal<ExitCode>(io, options, async (client) => {
    const found: ScheduleSummary[] = [];
    for await (const schedule of client.schedule.list()) {
      if (schedule.action?.workflowType === SWEEP_WORKFLOW) found.push(schedule);
    }
    const sorted = found.sort((a, b) => a.scheduleId.localeCompare(b.scheduleId));
    const lines = await Promise.all(sorted.map((schedule) => toListLine(client, schedule)));
    if (options.json) printJson(io, lines);
    else if (lines.length === 0) say(io, 'There are no schedules of sweeps.');
    else {
      const rows = lines.map(
        ({ name, times, timezone, paused, nextRun, lastRun = '', lastStatus = '', lastWhy, note = '' }) => [
          name,
          times.join('\n'),
          timezone,
          paused ? 'paused' : nextRun === undefined ? '' : localTime(nextRun),
          [lastRun, statusText({ status: lastStatus, why: lastWhy })].join('\n').trim(),
          note,
        ],
      );
      printTable(io, ['Schedule', 'When', 'Time zone', 'Next run', 'Last run', 'Note'], rows);
    }
    return 0;
  });
}

interface ListLine {
  name: string;
  times: string[];
  timezone: string;
  paused: boolean;
  note?: string;
  nextRun?: string;
  /** Its workflow ID. */
  lastRun?: string;
  /** Its state, and why; see `RunStatus`. */
  lastStatus?: string;
  lastWhy?: string;
}

function statusText({ status, why }: { status: string; why?: string | undefined }): string {
  return why === undefined ? inWords(status) : `${inWords(status)}: ${why}`;
}

async function toListLine(client: Client, { scheduleId, spec, state, info }: ScheduleSummary): Promise<ListLine> {
  const nextRun = info.nextActionTimes[0]?.toISOString();
  const lastRun = info.recentActions.at(-1)?.action.workflow.workflowId;
  const standing = lastRun === undefined ? undefined : await statusOfRun(client, lastRun);
  return {
    name: scheduleId,
    times: spec ? timesText(spec) : [],
    timezone: spec?.timezone || 'UTC',
    paused: state.paused,
    ...(state.note && { note: state.note }),
    ...(nextRun !== undefined && { nextRun }),
    ...(lastRun !== undefined && { lastRun }),
    ...(standing && { lastStatus: standing.status }),
    ...(standing?.why !== undefined && { lastWhy: standing.why }),
  };
}

/** Starts a run now, as the schedule's own rule about overlaps allows. */
export async function triggerSchedule(io: Io, name: string, options: ActionOptions): Promise<ExitCode> {
  return withTemporal<ExitCode>(io, options, async (client) => {
    const { handle, description } = await findSchedule(client, name);
    await requireWorker(client, description.action.taskQueue);
    const [running] = description.info.runningActions;
    if (running && description.policies.overlap === 'SKIP') throw skipped(name, running.workflow.workflowId);
    await askAboutRuns(
      io,
      client,
      description,
      {
        title: "This starts a sweep that deletes users' data, which cannot be undone.",
        when: 'one, now',
        otherwise: 'Nothing was started.',
      },
      options,
    );
    await handle.trigger(description.policies.overlap);
    const workflowId = await startedRun(client, name, description);
    if (options.json) printJson(io, { name, ...(workflowId !== undefined && { workflowId }) });
    else if (workflowId === undefined)
      print(io, `A run of ${printable(name)} will start when the one before has ended.`);
    else print(io, `Started ${printable(workflowId)}.`);
    if (workflowId !== undefined) say(io, `Watch it with: http-tasks sweep watch ${printable(workflowId)}`);
    return 0;
  });
}

function skipped(name: string, workflowId: string): CommandFailure {
  return new CommandFailure(
    'Conflict',
    `${workflowId} is in progress and the schedule ${name} skips overlaps, so nothing was started. Watch it ` +
      `with: http-tasks sweep watch ${workflowId}`,
  );
}

/** The workflow ID of the run that was just requested; undefined when it waits for another. */
async function startedRun(client: Client, name: string, before: ScheduleDescription): Promise<string | undefined> {
  const known = new Set(before.info.recentActions.map(({ action }) => action.workflow.firstExecutionRunId));
  const untilMs = Date.now() + TRIGGER_MS;
  while (Date.now() < untilMs) {
    const { info, raw } = (await findSchedule(client, name)).description;
    const started = info.recentActions.findLast(({ action }) => !known.has(action.workflow.firstExecutionRunId));
    if (started) return started.action.workflow.workflowId;
    if (info.numActionsSkippedOverlap > before.info.numActionsSkippedOverlap)
      throw skipped(name, info.runningActions[0]?.workflow.workflowId ?? 'Another run');
    if (Number(raw.info?.bufferSize ?? 0) > Number(before.raw.info?.bufferSize ?? 0) && info.runningActions.length > 0)
      return undefined;
    await delay(PAUSE_MS);
  }
  throw new CommandFailure(
    'Failed',
    `Temporal accepted the request for a run of ${name}, but started none within ${TRIGGER_MS / 1_000} s. See: ` +
      `http-tasks schedule show ${name}`,
  );
}

/** Starts no runs any more. */
export async function pauseSchedule(io: Io, name: string, options: ActionOptions): Promise<ExitCode> {
  return setPaused(io, name, options, true);
}

/** Starts runs again. */
export async function resumeSchedule(io: Io, name: string, options: ActionOptions): Promise<ExitCode> {
  return setPaused(io, name, options, false);
}

async function setPaused(io: Io, name: string, options: ActionOptions, paused: boolean): Promise<ExitCode> {
  return withTemporal<ExitCode>(io, options, async (client) => {
    const { handle, description } = await findSchedule(client, name);
    if (!paused) {
      const when = `${timesText(description.spec).join(', ')} (${description.spec.timezone || 'UTC'})`;
      await askAboutRuns(
        io,
        client,
        description,
        {
          title: "This resumes sweeps that delete users' data, which cannot be undone.",
          when,
          otherwise: 'The schedule was not changed.',
        },
        options,
      );
    }
    // Temporal requires a note, and the existing one may be useful.
    const note = options.note ?? (description.state.note || `${paused ? 'Paused' : 'Resumed'} by http-tasks`);
    await (paused ? handle.pause(note) : handle.unpause(note));
    if (options.json) printJson(io, { name, paused, note });
    else print(io, `The schedule ${printable(name)} ${paused ? 'is paused' : 'continues'}.`);
    return 0;
  });
}

/** Starts the runs of a past period. */
export async function backfillSchedule(
  io: Io,
  { name, from, to }: Period & { name: string },
  options: ActionOptions,
): Promise<ExitCode> {
  return withTemporal<ExitCode>(io, options, async (client) => {
    const { handle, description } = await findSchedule(client, name);
    await requireWorker(client, description.action.taskQueue);
    const runs = await countRuns(client, { name, from, to });
    if (runs === 0)
      throw new CommandFailure(
        'Conflict',
        `No run of ${name} falls between ${from.toISOString()} and ${to.toISOString()}, so nothing was started.`,
      );
    // Temporal lists no more times than it keeps waiting, however many there are.
    if (runs >= MOST_BACKFILLED)
      throw new CommandFailure(
        'Conflict',
        `The period has ${runs} runs or more, and Temporal drops those that it cannot keep waiting, so nothing was started. Choose a shorter period.`,
      );
    const when = `${runs}, of the time from ${from.toISOString()} to ${to.toISOString()}`;
    await askAboutRuns(
      io,
      client,
      description,
      {
        title: "This starts sweeps that delete users' data, which cannot be undone.",
        when,
        otherwise: 'Nothing was started.',
      },
      options,
    );
    await handle.backfill({ start: from, end: to, overlap: 'BUFFER_ALL' });
    if (options.json) printJson(io, { name, from: from.toISOString(), to: to.toISOString(), runs });
    else
      print(
        io,
        `${runs === 1 ? '1 run' : `${runs} runs`} of ${printable(name)} will start${runs === 1 ? '' : ' one after the other'}. ` +
          `See: http-tasks schedule show ${printable(name)}`,
      );
    return 0;
  });
}

async function countRuns(client: Client, { name, from, to }: Period & { name: string }): Promise<number> {
  const { startTime } = await client.workflowService.listScheduleMatchingTimes({
    namespace: client.options.namespace,
    scheduleId: name,
    startTime: optionalDateToTs(from),
    endTime: optionalDateToTs(to),
  });
  return startTime?.length ?? 0;
}

/** Deletes a schedule. */
export async function deleteSchedule(io: Io, name: string, options: ActionOptions): Promise<ExitCode> {
  return withTemporal<ExitCode>(io, options, async (client) => {
    const { handle } = await findSchedule(client, name);
    await handle.delete();
    if (options.json) printJson(io, { name, deleted: true });
    else print(io, `The schedule ${printable(name)} is deleted. A run that is in progress continues.`);
    return 0;
  });
}

/** What happens to a run whose time comes while another one is in progress, by Temporal's name for it. */
const OVERLAP_WORDS: Readonly<Record<string, string>> = {
  skip: 'the next one is skipped',
  'buffer-one': 'one run waits for it',
  'buffer-all': 'all later runs wait for it',
  'cancel-other': 'it is cancelled, and the next one starts',
  'terminate-other': 'it is terminated, and the next one starts',
  'allow-all': 'the next one starts at the same time',
};

function printSchedule(io: Io, schedule: ScheduleDocument): void {
  const {
    name,
    times,
    timezone,
    jitterMs,
    overlap,
    catchupWindowMs,
    pauseOnFailure,
    paused,
    note,
    nextRuns,
    lastRuns,
    waiting,
  } = schedule;
  const facts = [
    ['Schedule', name],
    ['When', `${times.join('\n')} (${timezone})`],
    ['State', paused ? 'paused' : 'active'],
    ...(note === undefined ? [] : [['Note', note]]),
    ['While a run is in progress', OVERLAP_WORDS[overlap] ?? overlap],
    ['Jitter', jitterMs === 0 ? 'none' : `up to ${durationText(jitterMs)}`],
    ['Catch-up window', durationText(catchupWindowMs)],
    [
      'Pause on failure',
      pauseOnFailure
        ? 'yes: a failed run pauses the schedule, and no user is offboarded until it is resumed'
        : 'no: the next run starts at its time',
    ],
    ['Runs started', String(schedule.started)],
    ['Skipped because of overlap', String(schedule.skippedByOverlap)],
    ['Missed the catch-up window', String(schedule.missedCatchupWindow)],
    ['Runs that wait', String(waiting)],
    ['Next runs', paused ? 'none while it is paused' : nextRuns.slice(0, 5).map(localTime).join('\n')],
  ];
  printTable(io, ['', ''], facts);
  if (lastRuns.length > 0)
    printTable(
      io,
      ['Last runs', 'Scheduled for', 'Status'],
      lastRuns.map(({ workflowId, scheduledAt, ...standing }) => [
        workflowId,
        localTime(scheduledAt),
        statusText(standing),
      ]),
    );
}
