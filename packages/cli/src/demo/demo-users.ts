import type { BatchSeedInput, PlaidSeedInput } from '@temporal-http-tasks/testing/internal/simulators/control-api';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { Refusal } from '../program/errors';
import type { UserRow } from '../users/read-file';

/** The prefix of all users who must not be touched; Items with {@link BYSTANDER_ITEM} are theirs. */
export const BYSTANDER = 'bystander-';
export const BYSTANDER_ITEM = `item-${BYSTANDER}`;

/** Words in a row's reference that make the demo arrange something before the run. */
export const CIRCUMSTANCES = ['legal-hold', 'no-items', 'unknown-to-plaid', 'remove-user'] as const;
type Circumstance = (typeof CIRCUMSTANCES)[number];

/**
 * The required state of one user at the providers afterwards. It follows from the row and from what was seeded, never
 * from what a run says about itself.
 */
export interface Expectation {
  itemsGone: readonly string[];
  itemsLeft: readonly string[];
  productsTerminated: boolean;
  plaidUserRemoved: boolean;
  batchGone: boolean;
}

/** One user of the demo. */
export interface DemoUser {
  /** How tables name the user. */
  label: string;
  line: number;
  input: OffboardUserInput;
  onHold: boolean;
  /** As Plaid's simulator knows the user; absent when it does not. */
  plaid?: { userId: string; userToken?: string; items: readonly string[] };
  batchUserId?: string;
  /** As the third provider knows the user, if it takes part. */
  contactId?: string;
  expected: Expectation;
}

/**
 * Makes the demo's users from the rows of a user file.
 *
 * @throws Refusal naming the line of a row that cannot be a user, or that names a user or an Item a second time.
 */
export function demoUsersFrom(rows: readonly UserRow[]): DemoUser[] {
  refuseTwins(rows);
  return rows.map(demoUser);
}

function demoUser(row: UserRow, index: number): DemoUser {
  const { line, plaidUserId, plaidUserToken, batchUserId, reference, itemIds } = row;
  const is = (circumstance: Circumstance): boolean => (reference ?? '').split(/\s+/).includes(circumstance);
  const input = inputFor(row, is('remove-user'));
  const plaidId = plaidUserId ?? plaidUserToken;
  const known = plaidId !== undefined && !is('unknown-to-plaid');
  const items = known && !is('no-items') ? itemsOf(index, itemIds) : [];
  const onHold = is('legal-hold');
  return {
    label: reference ?? plaidUserId ?? batchUserId ?? `line ${line}`,
    line,
    input,
    onHold,
    ...(known && {
      plaid: { userId: plaidId, ...(plaidUserToken !== undefined && { userToken: plaidUserToken }), items },
    }),
    ...(batchUserId !== undefined && { batchUserId }),
    expected: expectation({ onHold, known, byToken: plaidUserId === undefined, items, input }),
  };
}

function inputFor(
  { line, plaidUserId, plaidUserToken, batchUserId, reference, itemIds }: UserRow,
  removeUser: boolean,
): OffboardUserInput {
  const input: OffboardUserInput = {
    user: {
      ...(plaidUserId !== undefined && { plaidUserId }),
      ...(plaidUserToken !== undefined && { plaidUserToken }),
      ...(batchUserId !== undefined && { batchUserId }),
      ...(reference !== undefined && { reference }),
    },
    reason: { code: 'USER_OFFBOARDING' },
    ...(itemIds && { itemIds }),
    ...(removeUser && { plaid: { removeUser } }),
  };
  const [issue] = offboardUserInput.safeParse(input).error?.issues ?? [];
  if (issue) throw new Refusal('Usage', `--users: line ${line}: ${issue.path.join('.')}: ${issue.message}.`);
  return input;
}

/** The asked Items that are the user's, and one more that must stay; or one to three made-up ones. */
function itemsOf(index: number, asked: readonly string[] | undefined): string[] {
  const name = (kind: string): string => `item-user-${index + 1}-${kind}`;
  if (!asked) return ['checking', 'card', 'loan'].slice(0, 1 + (index % 3)).map(name);
  return [...new Set(asked)].filter(isOwn).concat(name('kept'));
}

const isOwn = (itemId: string): boolean => !itemId.startsWith(BYSTANDER_ITEM);

function expectation(of: {
  onHold: boolean;
  known: boolean;
  byToken: boolean;
  items: readonly string[];
  input: OffboardUserInput;
}): Expectation {
  const { onHold, known, byToken, items, input } = of;
  const plaidUserRemoved = known && !onHold && input.plaid?.removeUser === true;
  const asked = input.itemIds;
  const goes = (itemId: string): boolean => !onHold && (plaidUserRemoved || !asked || asked.includes(itemId));
  return {
    itemsGone: items.filter(goes),
    itemsLeft: items.filter((itemId) => !goes(itemId)),
    // Plaid takes no user token there.
    productsTerminated: known && !onHold && !byToken,
    plaidUserRemoved,
    batchGone: !onHold && input.user.batchUserId !== undefined,
  };
}

/** Two rows for one user would be two runs that are both right to call again, which no verdict could distinguish from a fault. */
function refuseTwins(rows: readonly UserRow[]): void {
  const lines = new Map<string, number>();
  for (const { line, plaidUserId, plaidUserToken, batchUserId, itemIds = [] } of rows) {
    const named: [string, string | undefined][] = [
      ['plaid_user_id', plaidUserId],
      ['plaid_user_token', plaidUserToken],
      ['batch_user_id', batchUserId],
      ...[...new Set(itemIds)].filter(isOwn).map((itemId): [string, string] => ['item_ids', itemId]),
    ];
    for (const [column, id] of named) {
      if (id === undefined) continue;
      if (id.startsWith(BYSTANDER))
        throw new Refusal(
          'Usage',
          `--users: line ${line}: ${column}: IDs that begin with ${BYSTANDER} are the demo's own; choose another.`,
        );
      const key = JSON.stringify([column, id]);
      const earlier = lines.get(key);
      if (earlier !== undefined)
        throw new Refusal(
          'Usage',
          `--users: line ${line}: ${column} names a user whom line ${earlier} names already; the demo takes each once.`,
        );
      lines.set(key, line);
    }
  }
}

/** Number of bystanders whom both providers know. */
export const BYSTANDERS = 1_000;

/** The users whom the providers know before the run: those of the file, and all who must not be touched. */
export interface Seeds {
  plaid: PlaidSeedInput;
  batch: BatchSeedInput;
  /** Number of users who must not be touched. */
  bystanders: number;
}

/**
 * The users as the simulators are to know them, a thousand bystanders, and for every Batch id those ids that a careless
 * client could turn it into (trimmed, re-encoded, cut at a slash), so that such a mistake deletes a user who counts.
 */
export function seedsFor(demoUsers: readonly DemoUser[]): Seeds {
  const batchIds = demoUsers.flatMap(({ batchUserId }) => batchUserId ?? []);
  const neighbours = [...new Set(batchIds.flatMap(lookalikes))].filter((id) => !batchIds.includes(id));
  const plaidUsers = demoUsers.flatMap(({ plaid }) => (plaid ? [plaidUser(plaid)] : []));
  return {
    plaid: { users: plaidUsers, generate: { count: BYSTANDERS, prefix: BYSTANDER, itemsPerUser: 2 } },
    batch: { users: [...batchIds, ...neighbours], generate: { count: BYSTANDERS, prefix: BYSTANDER } },
    bystanders: BYSTANDERS + neighbours.length,
  };
}

type PlaidUserSeed = NonNullable<PlaidSeedInput['users']>[number];

function plaidUser({ userId, userToken, items }: NonNullable<DemoUser['plaid']>): PlaidUserSeed {
  return { userId, ...(userToken !== undefined && { userToken, tokenOnly: true }), items: [...items] };
}

function lookalikes(id: string): string[] {
  const parts = id.split(/[/?#]/);
  const variants = [
    id.trim(),
    id.toLowerCase(),
    id.toUpperCase(),
    id.normalize('NFD'),
    encodeURIComponent(id),
    decoded(id),
    ...parts,
  ];
  return variants.filter((variant) => variant !== id && variant !== '');
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

/**
 * Why a verdict is not ok.
 *
 * - `left`: something that had to be deleted still exists.
 * - `tooMuch`: something of a user of the file was deleted that had to stay (a hold, an Item that was not asked for).
 * - `bystander`: a user outside the file was touched.
 * - `repeated`: an irreversible call was carried out again.
 * - `report`: a run's report differs from the providers' state.
 */
export type ProblemKind = 'left' | 'tooMuch' | 'bystander' | 'repeated' | 'report';

/** One reason why a verdict is not ok, as a sentence about a user. */
export interface Problem {
  kind: ProblemKind;
  /** The user's label, or the ID of a bystander. */
  who: string;
  problem: string;
}

/** A user of the demo and the result that the user's run gave; absent when it gave none. */
export interface RunOfUser {
  member: DemoUser;
  result?: OffboardResult;
}
