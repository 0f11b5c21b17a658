import type { Option } from 'commander';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { ProviderIds } from 'temporal-http-tasks/internal/policy/user-ids';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { flagOf, literalOption, YES_OPTION } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import { defined, readJsonInput } from '../tasks/json-input';
import type { TemporalOptions } from '../temporal/options';
import { givenIds, idOptions, USER_OPTIONS } from '../users/options';
import type { IdOptions, UserOptions } from '../users/options';
import { HOW_NAMES, howFields, howOptions } from './how-options';
import type { HowOptions } from './how-options';

/** The options of `http-tasks offboard`; every value as typed. */
export interface OffboardOptions extends CommonOptions, TemporalOptions, UserOptions, IdOptions, HowOptions {
  reference?: string;
  itemIds?: string;
  note?: string;
  yes?: boolean;
  input?: string;
}

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
  return parseInput('offboardUser', offboardUserInput, input);
}

async function inputFromJson(text: string, options: OffboardOptions): Promise<unknown> {
  const beside = INPUT_OPTIONS.find((name) => options[name] !== undefined);
  if (beside !== undefined) {
    throw new Refusal('Usage', `Give --input or ${flagOf(beside)}, not both: write it in the input.`);
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
