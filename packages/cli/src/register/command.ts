import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { LAWS } from 'temporal-http-tasks/internal/policy/request-claims';
import { byOption, HELD_OPTIONS, readHoldOptions } from '../hold/hold-options';
import { defineCommand, flag, literalOption, subcommand, wholeNumber } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import type { AddOptions } from './decide';
import { readDueBefore } from './due-before';
import type { WantedRequests } from './list';

interface RegisterOptions extends CommonOptions {
  open?: boolean;
  overdue?: boolean;
  dueBefore?: string;
  after?: string;
  limit?: string;
  csv?: boolean;
  out?: string;
  force?: boolean;
}

interface DecisionOptions extends CommonOptions {
  why?: string;
  by?: string;
}

const MOST_REQUEST_ID = 9_007_199_254_740_991;
const MOST_LISTED = 1_000_000_000;

const ADD = subcommand<AddOptions>('add', {
  summary: 'record a request for which nothing is started yet',
  description: [
    'From then on the request is listed, counted in the metrics, and can be extended or refused. A run or sweep that is',
    'started later for a user with one of these IDs and the same --received-at continues it. The ledger keeps keyed hashes of',
    'the IDs, never the IDs.',
  ].join(' '),
  examples: ['http-tasks register add --plaid-user-id usr_1 --batch-user-id 1001 --received-at 2026-11-03 --law gdpr'],
  options: [
    HELD_OPTIONS,
    literalOption(
      '--received-at <when>',
      'when it was received: a day (2026-03-28) or a date and time with its offset',
    ),
    literalOption('--law <law>', `${LAWS.join(', ')} (else none)`),
    literalOption('--due <when>', "the due date in place of the law's"),
    literalOption('--reference <text>', 'your own reference for the case; no personal data; stored encrypted'),
    literalOption('--requested-by <name>', 'who asked for it; not verified'),
  ],
  run: async (io, options) => (await import('./decide.js')).addRequest(io, await readHoldOptions(io, options), options),
});

const EXTEND = subcommand<DecisionOptions & TemporalOptions>('extend <request>', {
  summary: 'extend the time of a request once, as its law allows',
  description:
    'By two further months (gdpr), or by 45 days (ccpa), counted from the day of receipt. The person must learn of it before the first ' +
    'due date; after that date the command refuses. Runs in progress are then listed with the new date.',
  examples: ['http-tasks register extend 12 --why "three providers have to confirm" --by "A. Smith"'],
  options: [
    literalOption('--why <text>', 'the reason, without personal data (required)'),
    byOption('who extends it'),
    TEMPORAL_OPTIONS,
  ],
  run: async (io, options, [request = '']) =>
    (await import('./decide.js')).extendRequest(io, requestId(request), options),
});

const REFUSE = subcommand<DecisionOptions>('refuse <request>', {
  summary: 'refuse a request, and hold its user',
  description: [
    'The register keeps the reason. So that no run or sweep carries it out by mistake, a hold is set on the IDs of the request;',
    'http-tasks hold remove lifts it, for example when the user asks again.',
  ].join(' '),
  examples: ['http-tasks register refuse 12 --why "identity not proven" --by "A. Smith"'],
  options: [literalOption('--why <text>', 'the reason, without personal data (required)'), byOption('who refuses it')],
  run: async (io, options, [request = '']) =>
    (await import('./decide.js')).refuseRequest(io, requestId(request), options),
});

/** `http-tasks register`: requests to be deleted, with their dates and how they ended. */
export const registerCommand = defineCommand<RegisterOptions>({
  description: [
    'A request is in the register when --received-at, --law or --due was given with it: a run of one user, a sweep as a whole,',
    'and each row of a source with a value in the column received_at. It contains no user IDs. Requests are kept for',
    'HTTP_TASKS_REGISTER_MONTHS (24) months after they were carried out or refused.',
  ].join(' '),
  examples: [
    'http-tasks register --overdue',
    'http-tasks register --open --due-before 2026-12-24 --json',
    'http-tasks register --csv --out register.csv',
  ],
  options: [
    flag('--open', 'only requests that are neither carried out nor refused'),
    flag('--overdue', 'only open requests whose due date has passed'),
    literalOption('--due-before <when>', 'only requests that are due before this day, or date and time'),
    literalOption('--after <request>', 'only requests with a higher number, for the next part of a long list'),
    literalOption('--limit <count>', 'maximum number of requests'),
    flag('--csv', 'CSV with all fields'),
    literalOption('--out <file>', 'write the CSV into this file instead of stdout'),
    flag('--force', 'replace the file that --out names'),
  ],
  commands: [ADD, EXTEND, REFUSE],
  run: async (io, options) => (await import('./list.js')).listRequests(io, wantedFrom(io, options)),
});

function requestId(text: string): number {
  return wholeNumber('The number of a request', text, { min: 1, max: MOST_REQUEST_ID });
}

function wantedFrom(
  { env }: Io,
  { open, overdue, dueBefore, after, limit, csv, out, force, json }: RegisterOptions,
): WantedRequests {
  if (out !== undefined && !csv) refuse('out', '--out needs --csv.');
  if (out === '') refuse('out', '--out must name a file.');
  if (force && out === undefined) refuse('force', '--force replaces the file that --out names; name one.');
  if (json && csv && out === undefined)
    refuse('csv', '--json and --csv cannot both print on stdout; name a file with --out.');
  if (overdue && dueBefore !== undefined) refuse('dueBefore', 'Give --due-before or --overdue, not both.');
  const before = overdue ? new Date() : dueBefore === undefined ? undefined : readDueBefore(env, dueBefore);
  return {
    open: open === true || overdue === true,
    ...(before && { dueBefore: before }),
    ...(after !== undefined && { afterId: wholeNumber('--after', after, { min: 0, max: MOST_REQUEST_ID }) }),
    ...(limit !== undefined && { limit: wholeNumber('--limit', limit, { min: 1, max: MOST_LISTED }) }),
    format: csv ? 'csv' : json ? 'json' : 'table',
    json: json ?? false,
    filters: [
      ...(open ? ['--open'] : []),
      ...(overdue ? ['--overdue'] : []),
      ...(dueBefore === undefined ? [] : [`--due-before ${quoted(dueBefore)}`]),
      ...(after === undefined ? [] : [`--after ${after}`]),
      ...(limit === undefined ? [] : [`--limit ${limit}`]),
    ],
    ...(out !== undefined && { file: { path: out, force: force ?? false } }),
  };
}

function refuse(field: string, message: string): never {
  throw new Refusal('Usage', message, field);
}
