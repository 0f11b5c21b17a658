import type { Option } from 'commander';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { ProviderIds } from 'temporal-http-tasks/internal/policy/user-ids';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { defineCommand, flagOf, literalOption, YES_OPTION } from '../program/command';
import type { CommonOptions } from '../program/command';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import type { TemporalOptions } from '../temporal/options';
import { Refusal } from '../program/errors';
import { defined, readJsonInput } from '../tasks/json-input';
import { givenIds, idOptions, USER_OPTIONS } from '../users/options';
import type { IdOptions, UserOptions } from '../users/options';
import { HOW_NAMES, howFields, howOptions, sayingHow } from './how-options';
import type { HowOptions } from './how-options';

/** Options of the input; none of them can be combined with `--input`. */
const INPUT_OPTIONS = [
  'id',
  'account',
  'plaidUserId',
  'plaidUserToken',
  'batchUserId',
  'reference',
  'itemIds',
  'note',
  ...HOW_NAMES,
] as const satisfies readonly (keyof OffboardOptions)[];

/** All options that make the input of `offboardUser`. */
export const OFFBOARD_OPTIONS: readonly Option[] = [
  ...USER_OPTIONS,
  ...idOptions(),
  literalOption('--reference <text>', 'your own reference for the case; no personal data'),
  literalOption('--item-ids <ids>', 'only these Items, separated by commas (else all)'),
  ...howOptions({
    noteFlag: '--note',
    onFailure: 'continue with the other steps, or stop (else continue)',
    batchMode: 'customData, gdpr, both or skip (else customData)',
    removePlaidUser: 'remove the user at Plaid too, after its Items and products',
    notFoundIsFine: 'do not count notFound against the run',
  }),
  YES_OPTION,
  literalOption('--input <json>', 'the whole input as JSON, or @file; instead of the options above'),
];

/** `http-tasks offboard`: starts (or joins) the run that offboards one user, and follows it to its end. */
export const offboardCommand = defineCommand<OffboardOptions>({
  description: [
    'Needs a Temporal server, a worker (http-tasks worker) and HTTP_TASKS_SUBJECT_KEY, but no keys of a provider. If a run',
    'for the same user with the same input is in progress, the command follows that one.',
    'In a terminal it shows what will be deleted and asks for the ID of the user. Without one it starts immediately, except',
    'in production, or where HTTP_TASKS_LEDGER_URL does not lead to the ledger in which the workers record their',
    'environment: there --yes is required.',
    'Ctrl-C does not stop the run. Exits 0 when it completed, 1 when it ended otherwise, 2 when the input is refused.',
  ].join(' '),
  examples: [
    'http-tasks offboard --plaid-user-id usr_1 --batch-user-id 1001 --reason USER_OFFBOARDING',
    'http-tasks offboard --batch-user-id 1001 --reason OTHER --dry-run --json',
    'http-tasks offboard --batch-user-id 1001 --reason OTHER --yes --json',
    'http-tasks offboard --id courier.contactId=c_1 --providers ./courier.provider.yaml --reason OTHER',
    'http-tasks offboard --input @user.json',
  ],
  options: [OFFBOARD_OPTIONS, TEMPORAL_OPTIONS],
  run: async (io, options) => {
    const { readIds } = await import('../users/provider-ids.js');
    const { providers, ids } = await readIds(io, options);
    const input = await readOffboardInput(options, options.id === undefined ? undefined : ids);
    const { runOffboarding } = await import('./run.js');
    return runOffboarding(io, input, { ...options, known: providers });
  },
});

/** The options of `http-tasks offboard`; every value as typed. */
export interface OffboardOptions extends CommonOptions, TemporalOptions, UserOptions, IdOptions, HowOptions {
  reference?: string;
  itemIds?: string;
  note?: string;
  yes?: boolean;
  input?: string;
}

/**
 * Returns the checked input of these options.
 *
 * @param ids The IDs of `--id`.
 * @throws InvalidInputError naming the path of the field, for example `user.batchUserId`.
 * @throws Refusal when `--input` is not JSON, or is given with other options.
 */
export async function readOffboardInput(options: OffboardOptions, ids?: ProviderIds): Promise<OffboardUserInput> {
  const input =
    options.input === undefined ? inputFromOptions(options, ids) : await inputFromJson(options.input, options);
  return sayingHow(options, 'offboard', () => parseInput('offboardUser', offboardUserInput, input));
}

async function inputFromJson(text: string, options: OffboardOptions): Promise<unknown> {
  const conflicting = INPUT_OPTIONS.find((name) => options[name] !== undefined);
  if (conflicting !== undefined) {
    throw new Refusal('Usage', `Give --input or ${flagOf(conflicting)}, not both: write it in the input.`);
  }
  return readJsonInput('--input', text);
}

function inputFromOptions(options: OffboardOptions, ids: ProviderIds | undefined): object {
  const { reference, note, itemIds } = options;
  return defined({
    user: defined({ ...givenIds(options), ids, account: options.account, reference }),
    itemIds: itemIds?.split(','),
    ...howFields(options, note),
  });
}
