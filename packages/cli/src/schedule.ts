import type { Command } from 'commander';
import { YES_HELP, addCommand, literalOption, onRun } from './command';
import type { CommandSpec, CommonOptions } from './command';
import type { ExitCode, Io } from './io';
import { SOURCE_HELP } from './sweep/source-argument';
import { addScheduleOptions, readSchedule, readScheduledInput } from './schedule/schedule-options';
import type { CreateOptions } from './schedule/schedule-options';
import { addTemporalOptions } from './temporal-options';
import type { TemporalOptions } from './temporal-options';

interface NamedOptions extends CommonOptions, TemporalOptions {
  note?: string;
  from?: string;
  to?: string;
  yes?: boolean;
}

type NamedAction = (io: Io, name: string, options: NamedOptions) => Promise<ExitCode>;

/** `http-tasks schedule`: sweeps that Temporal starts by itself, for example each night. */
export function defineScheduleCommand(schedule: Command, io: Io): void {
  schedule.description(
    'Schedules of sweeps. They are Temporal Schedules, which show and work in the Temporal UI as well.',
  );
  registerCreate(schedule, io);
  registerNamed(schedule, io, SHOW, async () => (await actions()).showSchedule);
  registerList(schedule, io);
  registerNamed(schedule, io, TRIGGER, async () => (await actions()).triggerSchedule).option('--yes', YES_HELP);
  registerNoted(schedule, io, PAUSE, async () => (await actions()).pauseSchedule);
  registerNoted(schedule, io, RESUME, async () => (await actions()).resumeSchedule).option('--yes', YES_HELP);
  registerBackfill(schedule, io);
  registerNamed(schedule, io, DELETE, async () => (await actions()).deleteSchedule);
}

/** Loaded only by a command that runs: they bring Temporal's client along. */
const actions = () => import('./schedule/actions.js');

const SHOW: CommandSpec = {
  usage: 'show <name>',
  summary: 'show a schedule: its next and last runs, and how many were skipped or missed',
  examples: ['http-tasks schedule show nightly', 'http-tasks schedule show nightly --json'],
};

const TRIGGER: CommandSpec = {
  usage: 'trigger <name>',
  summary: 'start a run now',
  description: 'Exits 1, and starts nothing, when a run is under way and the schedule skips overlaps.',
  examples: ['http-tasks schedule trigger nightly'],
};

const PAUSE: CommandSpec = {
  usage: 'pause <name>',
  summary: 'start no runs any more, until it is resumed; a run under way goes on',
  examples: ['http-tasks schedule pause nightly --note "until the incident is closed"'],
};

const RESUME: CommandSpec = {
  usage: 'resume <name>',
  summary: 'start runs again; what was missed meanwhile is for backfill',
  examples: ['http-tasks schedule resume nightly'],
};

const DELETE: CommandSpec = {
  usage: 'delete <name>',
  summary: 'delete a schedule; a run under way goes on, and receipts stay',
  examples: ['http-tasks schedule delete nightly'],
};

function registerCreate(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'create <name>',
    summary: 'create a schedule of sweeps',
    description: [
      'Each run reads its source again. In a query, :scheduledTime is its nominal time, and :previousScheduledTime the',
      'nominal time of the last run that finished, so that no account is missed when clocks change or a night does not run.',
      'Rows whose closed_at lies before an earlier offboarding of the user are left out. A run that fails does not stop',
      'later ones unless --pause-on-failure is given; then no user is offboarded until schedule resume. A run has the',
      'workflow ID NAME with the nominal time behind it. In a terminal,',
      'create, trigger, resume and backfill show what will be deleted where and ask for the name; in production without a',
      'terminal they need --yes.',
      `\n\n${SOURCE_HELP} A file on this machine cannot be scheduled.`,
    ].join(' '),
    examples: [
      'http-tasks schedule create nightly --cron "0 3 * * *" --timezone Europe/Paris --source query:closed_accounts --reason CONSUMER_ACCOUNT_CLOSED',
      'http-tasks schedule create hourly --every 1h --source file:users.csv --reason OTHER --pause-on-failure --jitter 5m --paused',
    ],
  });
  addTemporalOptions(addScheduleOptions(command));
  onRun<CreateOptions>(command, io, async (options, [name = '']) => {
    const wanted = readSchedule(options);
    const input = await readScheduledInput(options);
    const { createSchedule } = await import('./schedule/create.js');
    return createSchedule(io, { name, wanted, input }, options);
  });
}

function registerList(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'list',
    summary: 'list the schedules of sweeps',
    description: 'Temporal needs a second or two until a new one is listed.',
    examples: ['http-tasks schedule list', 'http-tasks schedule list --json'],
  });
  addTemporalOptions(command);
  onRun<NamedOptions>(command, io, async (options) => (await actions()).listSchedules(io, options));
}

function registerBackfill(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'backfill <name>',
    summary: 'start the runs of a time that is over, one after the other',
    description:
      'Each gets its own nominal time. They wait for each other, whatever the schedule says about overlaps: skipping would drop all but one.',
    examples: ['http-tasks schedule backfill nightly --from 2030-01-01T00:00:00Z --to 2030-01-05T00:00:00Z'],
  });
  command
    .addOption(literalOption('--from <time>', 'the first moment, in ISO 8601 with its offset from UTC'))
    .addOption(literalOption('--to <time>', 'the last moment'))
    .option('--yes', YES_HELP);
  addTemporalOptions(command);
  onRun<NamedOptions>(command, io, async (options, [name = '']) => {
    const [{ readPeriod }, { backfillSchedule }] = await Promise.all([import('./schedule/period.js'), actions()]);
    return backfillSchedule(io, { name, ...readPeriod(options) }, options);
  });
}

function registerNoted(parent: Command, io: Io, spec: CommandSpec, load: () => Promise<NamedAction>): Command {
  const command = registerNamed(parent, io, spec, load);
  return command.addOption(literalOption('--note <text>', 'why; it replaces the note of the schedule'));
}

function registerNamed(parent: Command, io: Io, spec: CommandSpec, load: () => Promise<NamedAction>): Command {
  const command = addCommand(parent, spec);
  addTemporalOptions(command);
  onRun<NamedOptions>(command, io, async (options, [name = '']) => (await load())(io, name, options));
  return command;
}
