import { defineGroup, literalOption, subcommand, YES_OPTION } from '../program/command';
import type { CommonOptions } from '../program/command';
import { SOURCE_HELP } from '../sweep/sweep-options';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { SCHEDULE_OPTIONS, readSchedule, readScheduledInput } from './options';
import type { CreateOptions } from './options';

interface NamedOptions extends CommonOptions, TemporalOptions {
  note?: string;
  from?: string;
  to?: string;
  yes?: boolean;
}

/** Loaded only by a command that runs, since they load Temporal's client. */
const actions = () => import('./actions.js');

const NOTE_OPTION = literalOption('--note <text>', 'why; it replaces the note of the schedule');

const SHOW = subcommand<NamedOptions>('show <name>', {
  summary: 'show a schedule: its next and last runs, and how many were skipped or missed',
  examples: ['http-tasks schedule show nightly', 'http-tasks schedule show nightly --json'],
  options: [TEMPORAL_OPTIONS],
  run: async (io, options, [name = '']) => (await actions()).showSchedule(io, name, options),
});

const TRIGGER = subcommand<NamedOptions>('trigger <name>', {
  summary: 'start a run now',
  description: 'Exits 1, and starts nothing, when a run is in progress and the schedule skips overlaps.',
  examples: ['http-tasks schedule trigger nightly'],
  options: [TEMPORAL_OPTIONS, YES_OPTION],
  run: async (io, options, [name = '']) => (await actions()).triggerSchedule(io, name, options),
});

const PAUSE = subcommand<NamedOptions>('pause <name>', {
  summary: 'start no more runs until it is resumed; a run in progress continues',
  examples: ['http-tasks schedule pause nightly --note "until the incident is closed"'],
  options: [TEMPORAL_OPTIONS, NOTE_OPTION],
  run: async (io, options, [name = '']) => (await actions()).pauseSchedule(io, name, options),
});

const RESUME = subcommand<NamedOptions>('resume <name>', {
  summary: 'start runs again; start the missed ones with backfill',
  examples: ['http-tasks schedule resume nightly'],
  options: [TEMPORAL_OPTIONS, NOTE_OPTION, YES_OPTION],
  run: async (io, options, [name = '']) => (await actions()).resumeSchedule(io, name, options),
});

const DELETE = subcommand<NamedOptions>('delete <name>', {
  summary: 'delete a schedule; a run in progress continues, and receipts stay',
  examples: ['http-tasks schedule delete nightly'],
  options: [TEMPORAL_OPTIONS],
  run: async (io, options, [name = '']) => (await actions()).deleteSchedule(io, name, options),
});

const CREATE = subcommand<CreateOptions>('create <name>', {
  summary: 'create a schedule of sweeps',
  description: [
    'Each run reads its source again. In a query, :scheduledTime is the time for which the run is scheduled, and',
    ':previousScheduledTime that of the last run that finished, so that no account is missed when clocks change or a night',
    'does not run.',
    'Rows whose closed_at lies before an earlier offboarding of the user are left out. A run that fails does not stop',
    'later ones unless --pause-on-failure is given; then no user is offboarded until schedule resume. The workflow ID of a',
    'run is NAME with its scheduled time behind it. In a terminal, create, trigger, resume and backfill show what will be',
    'deleted where and ask for the name; in production without a terminal they need --yes.',
    `\n\n${SOURCE_HELP} A file on this machine cannot be scheduled.`,
  ].join(' '),
  examples: [
    'http-tasks schedule create nightly --cron "0 3 * * *" --timezone Europe/Paris --source ' +
      'query:closed_accounts --reason CONSUMER_ACCOUNT_CLOSED',
    'http-tasks schedule create hourly --every 1h --source file:users.csv --reason OTHER --pause-on-failure --jitter 5m --paused',
  ],
  options: [SCHEDULE_OPTIONS, TEMPORAL_OPTIONS],
  run: async (io, options, [name = '']) => {
    const wanted = readSchedule(options);
    const input = await readScheduledInput(options);
    const { createSchedule } = await import('./create.js');
    return createSchedule(io, { name, wanted, input }, options);
  },
});

const LIST = subcommand<NamedOptions>('list', {
  summary: 'list the schedules of sweeps',
  description: 'Temporal needs a second or two until a new one is listed.',
  examples: ['http-tasks schedule list', 'http-tasks schedule list --json'],
  options: [TEMPORAL_OPTIONS],
  run: async (io, options) => (await actions()).listSchedules(io, options),
});

const BACKFILL = subcommand<NamedOptions>('backfill <name>', {
  summary: 'start the runs of a past period, one after the other',
  description:
    'Each run has its own scheduled time. The runs wait for each other even if the schedule skips overlaps, because skipping ' +
    'would drop all but the first.',
  examples: ['http-tasks schedule backfill nightly --from 2030-01-01T00:00:00Z --to 2030-01-05T00:00:00Z'],
  options: [
    literalOption('--from <time>', 'the first moment, in ISO 8601 with its offset from UTC'),
    literalOption('--to <time>', 'the last moment'),
    YES_OPTION,
    TEMPORAL_OPTIONS,
  ],
  run: async (io, options, [name = '']) => {
    const [{ readPeriod }, { backfillSchedule }] = await Promise.all([import('./times.js'), actions()]);
    return backfillSchedule(io, { name, ...readPeriod(options) }, options);
  },
});

/** `http-tasks schedule`: sweeps that Temporal starts by itself, for example each night. */
export const scheduleCommand = defineGroup(
  'Schedules of sweeps. They are Temporal Schedules, which show and work in the Temporal UI as well.',
  [CREATE, SHOW, LIST, TRIGGER, PAUSE, RESUME, BACKFILL, DELETE],
);
