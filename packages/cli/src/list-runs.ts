import type { Command } from 'commander';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { createSubjectHasher, isKeyedHash } from 'temporal-http-tasks/internal/ledger/subject';
import { describeCommand, literalOption, onRun, wholeNumber } from './command';
import type { CommonOptions } from './command';
import { Refusal } from './errors';
import type { Io } from './io';
import type { WantedSubject } from './list-runs/list-runs';
import { WAITING_FOR_PERSON } from 'temporal-http-tasks/internal/policy/complete-step';
import { addTemporalOptions } from './temporal-options';
import type { TemporalOptions } from './temporal-options';
import { subjectsEverywhere } from './user-everywhere';
import { addIdOption } from './user-options';
import type { IdOptions } from './user-options';

interface ListRunsOptions extends CommonOptions, TemporalOptions, IdOptions {
  waiting?: boolean;
  status?: string;
  sweep?: string;
  subject?: string;
  user?: string;
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

/** `http-tasks list-runs`: finds runs of the off-boarding workflows by their search attributes. Changes nothing. */
export function defineListRunsCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description: [
      'Asks the Temporal server, newest first. A run of one user is found under the first of its ids: plaidUserId,',
      'plaidUserToken, batchUserId, then by the names of the providers. --user, and --id for any provider, turns an id into its keyed hashes for every environment with HTTP_TASKS_SUBJECT_KEY,',
      'and the result says in which environment a run was; the id itself is sent nowhere. Finds nothing in a namespace whose search attributes could not be made; the worker says so when it starts.',
    ].join(' '),
    examples: [
      'http-tasks list-runs --status partial',
      'http-tasks list-runs --sweep sweep-20301231-235959-k3v9q1 --status failed --json',
      'http-tasks list-runs --user usr_1',
      'http-tasks list-runs --waiting',
    ],
  });
  command
    .addOption(literalOption('--status <status>', `${STATUSES.join(', ')}`))
    .addOption(literalOption('--sweep <id>', 'the sweep itself, and the runs of its users'))
    .addOption(literalOption('--subject <hash>', 'the keyed hash of a user, as receipts show it'))
    .addOption(literalOption('--user <id>', 'the id of a user at Plaid or Batch'))
    .option('--waiting', 'runs that wait for a person; report with the update completeStep')
    .addOption(literalOption('--limit <number>', `at most so many (else ${DEFAULT_LIMIT})`));
  addIdOption(command);
  addTemporalOptions(command);
  onRun<ListRunsOptions>(command, io, async (options) => {
    const { waiting, sweep, limit = DEFAULT_LIMIT } = options;
    if (waiting && options.status !== undefined) throw new Refusal('Usage', 'Give --status or --waiting, not both.');
    const status = waiting ? WAITING_FOR_PERSON : options.status;
    if (status !== undefined && !STATUSES.includes(status)) {
      throw new Refusal('Usage', `--status must be one of ${STATUSES.join(', ')}.`, 'status');
    }
    const wanted = {
      status,
      sweep,
      subjects: await wantedSubjects(io, options),
      limit: wholeNumber('--limit', limit, { min: 1, max: MOST_RUNS }),
    };
    const { listRuns } = await import('./list-runs/list-runs.js');
    return listRuns(io, wanted, options);
  });
}

/** The hashes one of which has to be the run's; undefined for everybody. */
async function wantedSubjects(io: Io, options: ListRunsOptions): Promise<WantedSubject[] | undefined> {
  const { subject, user, id } = options;
  if (id !== undefined && (subject ?? user) !== undefined)
    throw new Refusal('Usage', 'Give one of --subject, --user and --id.');
  if (subject !== undefined && user !== undefined) throw new Refusal('Usage', 'Give --subject or --user, not both.');
  if (subject !== undefined) {
    if (isKeyedHash(subject)) return [{ subject }];
    throw new Refusal(
      'Usage',
      '--subject is no keyed hash; those have 24 characters. For the id of a user there is --user.',
      'subject',
    );
  }
  if (id !== undefined) {
    const { readIdsAtServices } = await import('./provider-ids.js');
    const more = await readIdsAtServices(io, options);
    return subjectsEverywhere({ more }, createSubjectHasher(readLedgerSettings(io.env).subjectKey));
  }
  if (user === undefined) return undefined;
  if (user === '') throw new Refusal('Usage', '--user must not be empty.', 'user');
  const hasher = createSubjectHasher(readLedgerSettings(io.env).subjectKey);
  return subjectsEverywhere({ plaidUserId: user, batchUserId: user }, hasher);
}
