import type { ScheduleOptions, ScheduleOverlapPolicy } from '@temporalio/client';
import { Option } from 'commander';
import { toDurationMs } from 'temporal-http-tasks/internal/policy/deadline';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { flag, literalOption, oneOf, YES_OPTION } from '../program/command';
import type { CommonOptions } from '../program/command';
import { sayingHow } from '../offboard/how-options';
import { Refusal } from '../program/errors';
import { planOptions } from '../sweep/plan-options';
import type { PlanOptions } from '../sweep/plan-options';
import { checked, fieldsFrom, readSourceArgument, SOURCE_OPTIONS, sourceRules } from '../sweep/sweep-options';
import type { SourceOptions } from '../sweep/sweep-options';
import type { TemporalOptions } from '../temporal/options';

/** The options of `http-tasks schedule create`; every value as typed. */
export interface CreateOptions
  extends CommonOptions, TemporalOptions, Omit<PlanOptions, 'note'>, Omit<SourceOptions, 'skipDone'> {
  cron?: string;
  every?: string;
  timezone?: string;
  jitter?: string;
  catchupWindow?: string;
  pauseOnFailure?: boolean;
  overlap?: string;
  /** Of the schedule; a remark for Plaid is `reasonNote`. */
  note?: string;
  paused?: boolean;
  yes?: boolean;
  /** False for `--no-skip-done`. */
  skipDone: boolean;
}

/** Temporal's names of the options' values. */
const OVERLAPS = {
  skip: 'SKIP',
  'buffer-one': 'BUFFER_ONE',
  'buffer-all': 'BUFFER_ALL',
  'cancel-other': 'CANCEL_OTHER',
  'terminate-other': 'TERMINATE_OTHER',
  'allow-all': 'ALLOW_ALL',
} as const satisfies Record<string, ScheduleOverlapPolicy>;

const OVERLAP_WORDS = Object.keys(OVERLAPS) as (keyof typeof OVERLAPS)[];

const DAY_MS = 86_400_000;
const LONGEST_MS = 3_650 * DAY_MS;

/** The options of `schedule create`. */
export const SCHEDULE_OPTIONS: readonly Option[] = [
  literalOption(
    '--cron <expression>',
    'when: minute, hour, day of month, month, day of week; for example "0 3 * * *", or @daily',
  ),
  literalOption('--every <duration>', 'instead of --cron: for example 24h or 30 minutes'),
  literalOption('--source <source>', 'who: file:PATH or query:NAME of the worker (see above)'),
  literalOption('--timezone <name>', 'of --cron, for example Europe/Paris (else UTC)'),
  literalOption('--jitter <duration>', 'maximum random delay of each start (else none)'),
  literalOption(
    '--catchup-window <duration>',
    "make up for starts missed while Temporal was down, if no older than this (else Temporal's default, one year)",
  ),
  new Option(
    '--pause-on-failure',
    'pause the schedule when a run fails: no later run starts, and no user is offboarded, until it is resumed',
  ),
  literalOption('--overlap <what>', `while the previous run is in progress: ${OVERLAP_WORDS.join(', ')} (else skip)`),
  literalOption('--note <text>', 'a remark about the schedule, for people'),
  flag('--paused', 'create it paused'),
  YES_OPTION,
  new Option(
    '--no-skip-done',
    "offboard rows again whose user was offboarded after the row's closed_at, as the receipts show",
  ),
  ...planOptions('--reason-note'),
  ...SOURCE_OPTIONS,
];

/** The part of a schedule from these options. */
export type WantedSchedule = Pick<ScheduleOptions, 'spec' | 'policies' | 'state'>;

/**
 * @throws Refusal for options that are wrong or missing.
 */
export function readSchedule(options: CreateOptions): WantedSchedule {
  const { timezone, jitter, catchupWindow, overlap = 'skip', pauseOnFailure = false, note, paused = false } = options;
  if (timezone === '') throw new Refusal('Usage', '--timezone must not be empty.', 'timezone');
  return {
    spec: {
      ...times(options),
      ...(timezone !== undefined && { timezone }),
      ...(jitter !== undefined && { jitter: duration('--jitter', jitter, 0) }),
    },
    policies: {
      overlap: OVERLAPS[oneOf('--overlap', overlap, OVERLAP_WORDS)],
      pauseOnFailure,
      ...(catchupWindow !== undefined && { catchupWindow: duration('--catchup-window', catchupWindow, 10_000) }),
    },
    state: { paused, ...(note !== undefined && { note }) },
  };
}

function times({ cron, every }: CreateOptions): WantedSchedule['spec'] {
  if ((cron === undefined) === (every === undefined)) {
    throw new Refusal(
      'Usage',
      'Give either --cron or --every: when is it to run?',
      cron === undefined ? 'cron' : 'every',
    );
  }
  if (every !== undefined) return { intervals: [{ every: duration('--every', every, 1_000) }] };
  return { cronExpressions: [withComment(checkedCron(cron ?? ''))] };
}

/** @throws Refusal for an expression that Temporal interprets differently than cron does. */
function checkedCron(cron: string): string {
  const refuse = (why: string): never => {
    throw new Refusal('Usage', `--cron: ${why}`, 'cron');
  };
  if (cron.trim() === '') return refuse('must not be empty; for example "0 3 * * *".');
  if (cron.includes('#'))
    return refuse(
      'must not contain "#": what follows is a comment to Temporal, also in "5#3". Use --note for a remark.',
    );
  const fields = cron
    .trim()
    .split(/\s+/)
    .filter((field) => !/^(CRON_)?TZ=/.test(field));
  // A year has more than two digits.
  if (fields.length === 6 && !/\d{4}/.test(fields[5] ?? '')) {
    return refuse(
      'has six fields, of which Temporal reads the last as the year and the first as minutes. Without seconds it ' +
        `is "${fields.slice(1).join(' ')}"; with seconds, add a year: "${fields.join(' ')} *".`,
    );
  }
  return cron;
}

/** Temporal keeps what an expression means and not how it was written, apart from a comment behind it. */
function withComment(cron: string): string {
  return `${cron} # ${cron.trim()}`;
}

function duration(flag: string, text: string, leastMs: number): number {
  const ms = toDurationMs(text);
  if (ms !== undefined && ms >= leastMs && ms <= LONGEST_MS) return ms;
  const least = leastMs === 0 ? '0s' : `${leastMs / 1_000}s`;
  throw new Refusal(
    'Usage',
    `${flag} must be a duration from ${least} to 3650 days, such as 90s, 30 minutes or 24h, not "${text}".`,
    fieldOf(flag),
  );
}

/**
 * The input of each run. Users who were done before are left out unless the options say otherwise.
 *
 * @throws InvalidInputError
 * @throws Refusal for a file on this machine, and for an input that names no source.
 */
export async function readScheduledInput(options: CreateOptions): Promise<OffboardUsersInput> {
  const { skipDone: skipDoneAsked, note: _, ...plan } = options;
  const fields = await fieldsFrom(plan);
  const { source = fields['source'], skipDone = skipDoneAsked } = {
    source: sourceOf(options),
    skipDone: fields['skipDone'],
  };
  const input = sayingHow(options, 'schedule create', () => checked({ ...fields, source, skipDone }));
  if (input.source) return input;
  throw new Refusal(
    'Task.InvalidInput',
    'source: a schedule needs a source that each run reads again; a snapshot or a redrive is done once.',
    'source',
  );
}

function sourceOf(options: CreateOptions): object | undefined {
  const { source } = options;
  const rules = sourceRules(options);
  if (source === undefined) return undefined;
  const argument = readSourceArgument(source);
  if ('configured' in argument) return { ...argument.configured, ...rules };
  throw new Refusal(
    'Task.InvalidInput',
    "source: it is a file on this machine, and a schedule's runs are made by the worker. Put the file into the " +
      "worker's HTTP_TASKS_SOURCE_DIR and write --source file:NAME.",
    'source',
  );
}

/** The option's name as an input's field: `--catchup-window` is `catchupWindow`. */
function fieldOf(flag: string): string {
  return flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
