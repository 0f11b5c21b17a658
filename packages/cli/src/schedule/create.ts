import { ScheduleAlreadyRunning } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { AskingOptions } from '../deletion-question';
import { CommandFailure, Refusal } from '../errors';
import { refuseForbiddenInput } from '../forbidden';
import type { ExitCode, Io } from '../io';
import { print, printJson, printable, say } from '../output';
import { hasWorker } from 'temporal-http-tasks/internal/operator/pollers';
import { SWEEP_WORKFLOW } from '../sweep/sweep-run';
import { checkedSweepId } from '../sweep/sweep-id';
import { withTemporal } from '../temporal-client';
import type { TemporalOptions } from '../temporal-options';
import { checkQuery } from './check-query';
import { clockChangeWarnings } from './clock-changes';
import { toScheduleDocument } from './schedule-document';
import { findSchedule } from './schedule-handle';
import { askAboutSchedule } from './schedule-question';
import type { WantedSchedule } from './schedule-options';
import { durationText } from './times-text';

/** A schedule that was asked for. */
export interface NewSchedule {
  name: string;
  wanted: WantedSchedule;
  input: OffboardUsersInput;
}

/** Asks where it has to, creates a schedule and prints it. Nothing is started before its time. */
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
    else
      print(
        io,
        `The schedule ${printable(name)} ${document.paused ? 'is paused; resume it with: http-tasks schedule resume' : `has its next run at ${document.nextRuns[0] ?? ''}; see: http-tasks schedule show`} ${printable(name)}`,
      );
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
    // What the client makes of the server's refusal of the times.
    if (error instanceof TypeError) {
      const field = /time ?zone/i.test(error.message) ? 'timezone' : 'cron';
      throw new Refusal('Usage', `--${field}: Temporal refuses it: ${error.message}.`, field);
    }
    throw error;
  }
}
