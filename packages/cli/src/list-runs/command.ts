import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { createSubjectHasher, isKeyedHash } from 'temporal-http-tasks/internal/ledger/subject';
import { WAITING_FOR_PERSON } from 'temporal-http-tasks/internal/policy/complete-step';
import { defineCommand, flag, literalOption, oneOf, wholeNumber } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { readDueBefore } from '../register/due-before';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { subjectsEverywhere } from '../users/user-subjects';
import { idOptions } from '../users/options';
import type { IdOptions } from '../users/options';
import type { WantedSubject } from './run';

interface ListRunsOptions extends CommonOptions, TemporalOptions, IdOptions {
  waiting?: boolean;
  status?: string;
  sweep?: string;
  subject?: string;
  user?: string;
  dueBefore?: string;
  overdue?: boolean;
  limit?: string;
}

const STATUSES = [
  'running',
  WAITING_FOR_PERSON,
  'waitingForApproval',
  'paused',
  'completed',
  'partial',
  'failed',
  'held',
  'cancelled',
];
const DEFAULT_LIMIT = '50';
const MOST_RUNS = 10_000;

/** `http-tasks list-runs`: finds runs of the offboarding workflows by their search attributes. Changes nothing. */
export const listRunsCommand = defineCommand<ListRunsOptions>({
  description: [
    'Lists runs of the Temporal server, newest first. A run of one user is found under the first of its IDs: plaidUserId,',
    'plaidUserToken, batchUserId, then by the names of the providers. --user, and --id for any provider, search by the',
    'keyed hashes of the ID (with HTTP_TASKS_SUBJECT_KEY); the ID itself is not sent. Due dates are those of runs;',
    'http-tasks register has those of all requests. Needs the search attributes that a worker creates at startup; a worker',
    'that may not create them says in its log what to run.',
  ].join(' '),
  examples: [
    'http-tasks list-runs --status partial',
    'http-tasks list-runs --sweep sweep-20301231-235959-k3v9q1 --status failed --json',
    'http-tasks list-runs --user usr_1',
    'http-tasks list-runs --waiting',
    'http-tasks list-runs --due-before 2026-12-24',
    'http-tasks list-runs --overdue',
  ],
  options: [
    literalOption('--status <status>', `${STATUSES.join(', ')}`),
    literalOption('--sweep <id>', 'the sweep itself, and the runs of its users'),
    literalOption('--subject <hash>', 'the keyed hash of a user, as receipts show it'),
    literalOption('--user <id>', 'the ID of a user at Plaid or Batch'),
    literalOption('--due-before <when>', 'runs whose request is due before this day, or date and time; done ones too'),
    flag('--overdue', 'runs that have not completed, and whose request is past its due date'),
    flag('--waiting', 'runs that wait for a person; report with the update completeStep'),
    literalOption('--limit <number>', `maximum number of runs (else ${DEFAULT_LIMIT})`),
    idOptions(),
    TEMPORAL_OPTIONS,
  ],
  run: async (io, options) => {
    const { waiting, sweep, limit = DEFAULT_LIMIT } = options;
    if (waiting && options.status !== undefined) throw new Refusal('Usage', 'Give --status or --waiting, not both.');
    if (sweep === '') throw new Refusal('Usage', '--sweep must not be empty.', 'sweep');
    const status = waiting ? WAITING_FOR_PERSON : options.status;
    if (status !== undefined) oneOf('--status', status, STATUSES);
    const wanted = {
      status,
      sweep,
      dueBefore: dueBeforeOf(io, options),
      overdue: options.overdue ?? false,
      subjects: await wantedSubjects(io, options),
      limit: wholeNumber('--limit', limit, { min: 1, max: MOST_RUNS }),
    };
    const { listRuns } = await import('./run.js');
    return listRuns(io, wanted, options);
  },
});

function dueBeforeOf({ env }: Io, { dueBefore, overdue }: ListRunsOptions): Date | undefined {
  if (dueBefore === undefined) return undefined;
  if (overdue) throw new Refusal('Usage', 'Give --due-before or --overdue, not both.', 'dueBefore');
  return readDueBefore(env, dueBefore);
}

/** The hashes one of which has to be the run's; undefined for all users. */
async function wantedSubjects(io: Io, options: ListRunsOptions): Promise<WantedSubject[] | undefined> {
  const { subject, user, id } = options;
  if (id !== undefined && (subject ?? user) !== undefined)
    throw new Refusal('Usage', 'Give one of --subject, --user and --id.');
  if (subject !== undefined && user !== undefined) throw new Refusal('Usage', 'Give --subject or --user, not both.');
  if (subject !== undefined) {
    if (isKeyedHash(subject)) return [{ subject }];
    throw new Refusal(
      'Usage',
      '--subject is not a keyed hash; those have 24 characters. For the ID of a user use --user.',
      'subject',
    );
  }
  if (id !== undefined) {
    const { readIdsAtServices } = await import('../users/provider-ids.js');
    const more = await readIdsAtServices(io, options);
    return subjectsEverywhere({ more }, createSubjectHasher(readLedgerSettings(io.env).subjectKey));
  }
  if (user === undefined && options.account !== undefined)
    throw new Refusal('Usage', '--account belongs to the IDs of a user: give --id or --user.', 'account');
  if (user === undefined) return undefined;
  if (user === '') throw new Refusal('Usage', '--user must not be empty.', 'user');
  const hasher = createSubjectHasher(readLedgerSettings(io.env).subjectKey);
  const serviceAt =
    options.account === undefined
      ? undefined
      : await (await import('../users/provider-ids.js')).readServiceAt(io, options);
  return subjectsEverywhere({ plaidUserId: user, batchUserId: user, ...(serviceAt && { serviceAt }) }, hasher);
}
