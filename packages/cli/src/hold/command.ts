import { defineGroup, literalOption, subcommand } from '../program/command';
import { Refusal } from '../program/errors';
import type { ExitCode } from '../program/io';
import {
  byOption,
  environmentOption,
  FILE_OPTIONS,
  HELD_OPTIONS,
  HELD_OR_HOLD_OPTIONS,
  holdOption,
  heldIds,
  readHoldOptions,
} from './hold-options';
import type { GivenHoldOptions, HoldOptions } from './hold-options';

const ADD = subcommand<GivenHoldOptions>('add', {
  summary: 'set a hold on one user, or on each user of a file',
  description: [
    'Give every ID of the user that you know: each is held by itself, so a hold by user ID does not cover a call by user',
    'token, nor the other way round. The hold covers every environment of each service unless --environment narrows',
    'it, and one account of each provider. The ledger keeps keyed hashes of the IDs, never the IDs. --file reads a CSV file',
    'with the columns plaid_user_id, plaid_user_token, plaid_access_token, batch_user_id, those of other providers such as',
    'courier_contact_id (lists joined by ;), account, reason and hold_id, one user a row; when a row is wrong, nothing is',
    'set, and the same file can be given again. --hold with the ID of an existing hold and all its IDs extends that hold,',
    'and sets a hold of version 0.1.0 again.',
  ].join(' '),
  examples: [
    'http-tasks hold add --plaid-user-id usr_1 --batch-user-id 1001 --reason "case 2031"',
    'http-tasks hold add --plaid-user-id usr_1 --environment production --by "Legal (A. Smith)"',
    'http-tasks hold add --id courier.contactId=c_1 --providers ./courier.provider.yaml',
    'http-tasks hold add --file held.csv --reason "case 2031" --providers ./courier.provider.yaml',
  ],
  options: [
    HELD_OR_HOLD_OPTIONS,
    FILE_OPTIONS,
    literalOption('--reason <text>', 'why, without personal data; the ledger keeps it'),
    holdOption('the ID of the hold (default: a new one)'),
    environmentOption('hold in this environment only, for example production (default: in every environment)'),
    byOption('who sets the hold'),
  ],
  run: async (io, given) => {
    const options = await readHoldOptions(io, given, { takesHold: true });
    const file = fileOf(options);
    if (file === undefined) return (await import('./add-and-remove.js')).addHold(io, options);
    if (options.id !== undefined)
      throw new Refusal('Usage', '--hold names one hold; in a file, the column hold_id does.', 'hold');
    return (await import('./add-and-remove.js')).addHoldsOfFile(io, file, options);
  },
});

const CHECK = subcommand<GivenHoldOptions>('check', {
  summary: 'check whether a hold forbids deletions for these IDs',
  description: [
    'Asks the ledger the same question as a worker, for each environment that a worker can have, and names the holds.',
    '"held" is true only if the user is held in all of them. Exits 0 whether or not the user is held; scripts read "held"',
    'of --json. With --file, checks each row of a CSV file (see hold add).',
  ].join(' '),
  examples: [
    'http-tasks hold check --plaid-user-id usr_1 --json',
    'http-tasks hold check --plaid-user-id usr_1 --environment production',
    'http-tasks hold check --file held.csv',
  ],
  options: [HELD_OPTIONS, FILE_OPTIONS, environmentOption('check for workers in this environment only')],
  run: async (io, given) => {
    const options = await readHoldOptions(io, given);
    const file = fileOf(options);
    const { checkHold, checkHoldsOfFile } = await import('./check.js');
    return file === undefined ? checkHold(io, options) : checkHoldsOfFile(io, file, options);
  },
});

const LIST = subcommand<GivenHoldOptions>('list', {
  summary: 'list the holds, all or those on one user',
  description:
    'With the environments that each covers. Holds of version 0.1.0 are shown as "environment unknown": set them again.',
  examples: ['http-tasks hold list', 'http-tasks hold list --batch-user-id 1001 --json'],
  options: [HELD_OPTIONS, environmentOption('with the IDs of a user: only holds that cover this environment')],
  run: async (io, given) => {
    const options = await readHoldOptions(io, given);
    if (options.environment !== undefined && Object.keys(heldIds(options)).length === 0) {
      throw new Refusal(
        'Usage',
        '--environment needs an ID of the user: an environment belongs to the service of an ID.',
        'environment',
      );
    }
    if (options.account !== undefined && Object.keys(heldIds(options)).length === 0)
      throw new Refusal(
        'Usage',
        '--account needs an ID of the user: it says in which account the ID is valid.',
        'account',
      );
    return (await import('./list.js')).listHolds(io, options);
  },
});

const REMOVE = subcommand<GivenHoldOptions>('remove', {
  summary: 'lift one hold by its ID, or every hold on a user',
  description:
    'With IDs of a user, lifts every hold that names any of them, in every environment. The log keeps who lifted it and ' +
    'when. Exits 1 when there was no such hold.',
  examples: [
    'http-tasks hold remove --hold 3f0c…',
    'http-tasks hold remove --plaid-user-id usr_1 --reason "case 2031 closed"',
  ],
  options: [
    HELD_OR_HOLD_OPTIONS,
    literalOption('--reason <text>', 'why it is lifted, without personal data; the log keeps it'),
    holdOption('the ID that hold add printed'),
    byOption('who lifts the hold'),
  ],
  run: async (io, given) =>
    (await import('./add-and-remove.js')).removeHolds(io, await readHoldOptions(io, given, { takesHold: true })),
});

const LOG = subcommand<HoldOptions & { hold?: string }>('log', {
  summary: 'show who set, extended and lifted holds, and when',
  description:
    'Oldest first. The log is append-only and contains no user IDs. For holds of version 0.1.0 it begins with their first ' +
    'later change.',
  examples: ['http-tasks hold log', 'http-tasks hold log --hold 3f0c… --json'],
  options: [holdOption('only this hold'), literalOption('--id <hold>', 'the same')],
  run: async (io, { hold, ...options }): Promise<ExitCode> => {
    const id = hold ?? options.id;
    if (id === '') throw new Refusal('Usage', '--hold must not be empty.', 'hold');
    return (await import('./list.js')).showHoldLog(io, { ...options, ...(id !== undefined && { id }) });
  },
});

function fileOf(options: HoldOptions): string | undefined {
  const { file } = options;
  if (file === undefined) return undefined;
  if (file === '') throw new Refusal('Usage', '--file must name a file.', 'file');
  if (Object.keys(heldIds(options)).length > 0)
    throw new Refusal('Usage', 'Give --file or IDs of a user, not both.', 'file');
  return file;
}

/** `http-tasks hold …`: legal holds in the ledger. While one names a user, nothing of the user is removed. */
export const holdCommand = defineGroup(
  'Legal holds. A hold on any ID of a user forbids every destructive call that names this ID, also in runs in progress.',
  [ADD, CHECK, LIST, REMOVE, LOG],
);
