import { Option } from 'commander';
import type { Command } from 'commander';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { PRODUCTS_TERMINATE_REASON_CODES } from 'temporal-http-tasks/internal/tasks/plaid/reason-codes';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { addStepOptions, literalOption, stepFieldsOf, VERIFY_HELP, YES_HELP } from './command';
import type { CommonOptions, StepOptions } from './command';
import { defined } from './defined';
import { Refusal } from './errors';
import { readJsonInput } from './json-input';
import type { TemporalOptions } from './temporal-options';
import type { ProviderIds } from 'temporal-http-tasks/internal/policy/user-ids';
import { addIdOption, addUserOptions, givenIds } from './user-options';
import type { IdOptions, UserOptions } from './user-options';

/** What `http-tasks offboard` takes; every value as it was typed. */
export interface OffboardOptions extends CommonOptions, TemporalOptions, UserOptions, IdOptions, StepOptions {
  reference?: string;
  itemIds?: string;
  reason?: string;
  note?: string;
  onFailure?: string;
  batchMode?: string;
  removePlaidUser?: boolean;
  notFoundIsFine?: boolean;
  verifyRemovals?: string;
  deadline?: string;
  dryRun?: boolean;
  yes?: boolean;
  input?: string;
}

/** Options from which the input is made; none of them goes together with `--input`. */
const INPUT_OPTIONS = [
  'id',
  'only',
  'include',
  'plaidUserId',
  'plaidUserToken',
  'batchUserId',
  'reference',
  'itemIds',
  'reason',
  'note',
  'onFailure',
  'batchMode',
  'exclude',
  'removePlaidUser',
  'notFoundIsFine',
  'verifyRemovals',
  'deadline',
  'dryRun',
] as const satisfies readonly (keyof OffboardOptions)[];

/** Adds all options that make the input of `offboardUser`. */
export function addOffboardOptions(command: Command): Command {
  addIdOption(addUserOptions(command))
    .addOption(literalOption('--reference <text>', 'your own name for the case; no personal data'))
    .addOption(literalOption('--item-ids <ids>', 'only these Items, with commas between them (else all)'))
    .addOption(literalOption('--reason <code>', `why: ${PRODUCTS_TERMINATE_REASON_CODES.join(', ')}`))
    .addOption(literalOption('--note <text>', 'a remark for Plaid; no personal data'))
    .addOption(literalOption('--on-failure <what>', 'continue with the other steps, or stop (else continue)'))
    .addOption(literalOption('--batch-mode <mode>', 'customData, gdpr, both or skip (else customData)'));
  return addStepOptions(command)
    .addOption(new Option('--remove-plaid-user', 'remove the user at Plaid too, after its Items and products'))
    .addOption(new Option('--not-found-is-fine', 'do not count notFound against the run'))
    .addOption(literalOption('--verify-removals <which>', VERIFY_HELP))
    .addOption(
      literalOption(
        '--deadline <when>',
        'give up after a duration (90s, 7 days) or at a moment (2030-01-31T12:00:00Z)',
      ),
    )
    .addOption(new Option('--dry-run', 'only look, change nothing'))
    .addOption(new Option('--yes', YES_HELP))
    .addOption(literalOption('--input <json>', 'the whole input as JSON, or @file; instead of the options above'));
}

/**
 * The checked input that these options make.
 *
 * @param ids What `--id` gives.
 * @throws InvalidInputError naming the path of the field, for example `user.batchUserId`.
 * @throws Refusal when `--input` is no JSON or stands beside other options.
 */
export async function readOffboardInput(options: OffboardOptions, ids?: ProviderIds): Promise<OffboardUserInput> {
  const input =
    options.input === undefined ? inputFromOptions(options, ids) : await inputFromJson(options.input, options);
  return parseInput('offboardUser', offboardUserInput, input);
}

async function inputFromJson(text: string, options: OffboardOptions): Promise<unknown> {
  const beside = INPUT_OPTIONS.find((name) => options[name] !== undefined);
  if (beside !== undefined) {
    const flag = `--${beside.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new Refusal('Usage', `Give --input or ${flag}, not both: write it into the input.`);
  }
  return readJsonInput('--input', text);
}

function inputFromOptions(options: OffboardOptions, ids: ProviderIds | undefined): object {
  const { reference, reason, note, itemIds, onFailure, deadline, dryRun, notFoundIsFine, removePlaidUser, batchMode } =
    options;
  return defined({
    user: defined({ ...givenIds(options), ids, reference }),
    reason: defined({ code: reason, note }),
    itemIds: itemIds?.split(','),
    onFailure,
    deadline,
    dryRun,
    notFoundIsFine,
    verifyRemovals: options.verifyRemovals,
    ...stepFieldsOf(options),
    plaid: removePlaidUser && { removeUser: true },
    batch: batchMode === undefined ? undefined : { mode: batchMode },
  });
}
