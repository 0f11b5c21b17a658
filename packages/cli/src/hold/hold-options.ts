import type { Option } from 'commander';
import { literalOption, repeatedOption } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import { environmentProblem, environmentProblemAnywhere } from '../users/user-subjects';
import type { Io } from '../program/io';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import type { AllUserIds, IdAtService, ServiceAt } from '../users/user-subjects';
import { givenIds, idOptions, USER_OPTIONS } from '../users/options';
import type { IdOptions, UserOptions } from '../users/options';
import { userName } from '../users/current-user';

/** What the commands about holds take; each takes some of it. */
export interface HoldOptions extends CommonOptions, UserOptions {
  plaidAccessToken?: string;
  environment?: string;
  file?: string;
  ignoreColumn?: readonly string[];
  reason?: string;
  /** The ID of a hold. */
  id?: string;
  by?: string;
  /** IDs at any provider. */
  more?: readonly IdAtService[];
  /** The account that `--account` names. */
  account?: string;
  /** Of that account. */
  serviceAt?: ServiceAt;
  /** The providers that the command knows; absent where it needs none. */
  known?: ProviderSet;
}

/** The same as they were typed: `--id` names a user's ID, or without `=` a hold where the command takes one. */
export type GivenHoldOptions = Omit<HoldOptions, 'id' | 'more' | 'account' | 'serviceAt' | 'known'> &
  IdOptions & { hold?: string };

/** Reads what `--id` and `--hold` name. @throws Refusal for the ID of a hold where the command takes none */
export async function readHoldOptions(
  io: Io,
  { id: given = [], hold, providers, account, ...options }: GivenHoldOptions,
  { takesHold = false } = {},
): Promise<HoldOptions> {
  const users = given.filter((text) => text.includes('='));
  const [named, second] = [...(hold === undefined ? [] : [hold]), ...given.filter((text) => !text.includes('='))];
  if (named !== undefined && !takesHold)
    throw new Refusal('Usage', '--id must be PROVIDER.ID=VALUE, such as courier.contactId=c_1.', 'id');
  if (second !== undefined) throw new Refusal('Usage', 'Name one hold, with --hold or with --id.', 'hold');
  const read: HoldOptions = {
    ...options,
    ...(named !== undefined && { id: named }),
    ...(account !== undefined && { account }),
  };
  const hasAccounts = account !== undefined || (io.env.HTTP_TASKS_ACCOUNTS ?? '') !== '';
  if (users.length === 0 && options.file === undefined && !hasAccounts) return read;
  const { idsAtServices, readIds, serviceAtAccount } = await import('../users/provider-ids.js');
  const { providers: known, ids } = await readIds(io, {
    id: users,
    ...(providers !== undefined && { providers }),
    ...(account !== undefined && { account }),
  });
  const more = idsAtServices(known, ids, account);
  const serviceAt = serviceAtAccount(known, account);
  return { ...read, known, ...(more.length > 0 && { more }), ...(serviceAt && { serviceAt }) };
}

const MAX_REASON_CHARACTERS = 500;
const MAX_NAME_CHARACTERS = 200;

/** The options that name whom a hold is about. */
export const HELD_OPTIONS = heldOptions();

/** The same where `--id` may name a hold too. */
export const HELD_OR_HOLD_OPTIONS = heldOptions('; without "=", the ID of a hold');

function heldOptions(more?: string): readonly Option[] {
  return [
    ...USER_OPTIONS,
    ...idOptions(more),
    literalOption(
      '--plaid-access-token <token>',
      'the access token of one Item, for plaid.itemRemove, which names no user; a secret',
    ),
  ];
}

/** `--hold`. */
export function holdOption(description: string): Option {
  return literalOption('--hold <id>', description);
}

/** `--environment`. */
export function environmentOption(description: string): Option {
  return literalOption('--environment <name>', description);
}

/** `--file` and what belongs to it. */
export const FILE_OPTIONS: readonly Option[] = [
  literalOption('--file <csv>', 'a CSV file of users, instead of IDs; - is the standard input'),
  repeatedOption(
    '--ignore-column <name>',
    'a column of the file that is not used although its name resembles that of an ID; may be repeated',
  ),
];

/** `--by`. */
export function byOption(who: string): Option {
  return literalOption('--by <name>', `${who}; not verified, stored in the ledger (default: your login)`);
}

/** The given IDs, each unchanged. */
export function heldIds(options: HoldOptions): AllUserIds {
  const { plaidAccessToken, more, serviceAt } = options;
  const ids: AllUserIds = {
    ...givenIds(options),
    ...(plaidAccessToken !== undefined && { plaidAccessToken }),
    ...(more && { more }),
  };
  return Object.keys(ids).length > 0 && serviceAt ? { ...ids, serviceAt } : ids;
}

/** @throws Refusal when no ID is given, or an empty one. */
export function requireIds(options: HoldOptions, request = 'Name the user'): AllUserIds {
  const ids = heldIds(options);
  if (Object.keys(ids).length === 0) {
    throw new Refusal(
      'Task.InvalidInput',
      `${request} with --plaid-user-id, --plaid-user-token, --plaid-access-token, --batch-user-id or --id PROVIDER.ID=VALUE.`,
      'user',
    );
  }
  for (const [name, id] of Object.entries(ids)) {
    if (id === '') throw new Refusal('Task.InvalidInput', `user.${name}: must not be empty.`, `user.${name}`);
  }
  return ids;
}

/** @throws Refusal when `--environment` names none that these IDs can be in. */
export function requireEnvironment(ids: AllUserIds, { environment }: HoldOptions): void {
  const problem = environmentProblem(ids, environment);
  if (problem !== undefined) throw new Refusal('Usage', `--environment: ${problem}`, 'environment');
}

/** @throws Refusal when `--environment` names none that the IDs of any provider can be in. */
export function requireEnvironmentOfFile({ known, environment }: HoldOptions): void {
  const problem = environmentProblemAnywhere(known?.all.map(({ service }) => service) ?? [], environment);
  if (problem !== undefined) throw new Refusal('Usage', `--environment: ${problem}`, 'environment');
}

/** Returns what is wrong with a reason. */
export function checkReason(reason: string | undefined): string | undefined {
  if (reason === undefined || (reason !== '' && reason.length <= MAX_REASON_CHARACTERS)) return undefined;
  return `reason must have 1 to ${MAX_REASON_CHARACTERS} characters`;
}

/** Returns what is wrong with the ID of a hold. */
export function checkHoldId(holdId: string | undefined): string | undefined {
  if (holdId === undefined || (holdId !== '' && holdId.length <= MAX_NAME_CHARACTERS && !/\p{Cc}/u.test(holdId)))
    return undefined;
  return `the ID of a hold must have 1 to ${MAX_NAME_CHARACTERS} characters and no control character`;
}

/** Who sets or lifts a hold: what `--by` says, else the user of the operating system. */
export function claimedBy({ by }: HoldOptions): string {
  if (by === undefined) return userName();
  if (by !== '' && by.length <= MAX_NAME_CHARACTERS) return by;
  throw new Refusal('Usage', `--by must have 1 to ${MAX_NAME_CHARACTERS} characters.`, 'by');
}

/** @throws Refusal for a reason or an ID that cannot be kept. */
export function requireReasonAndId({ reason, id }: HoldOptions): void {
  const wrongReason = checkReason(reason);
  if (wrongReason !== undefined) throw new Refusal('Task.InvalidInput', `${wrongReason}.`, 'reason');
  const wrongId = checkHoldId(id);
  if (wrongId !== undefined) throw new Refusal('Task.InvalidInput', `--hold: ${wrongId}.`, 'hold');
}
