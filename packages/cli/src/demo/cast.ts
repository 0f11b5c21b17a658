import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { Refusal } from '../errors';
import type { UserRow } from '../read-user-file';

/** The prefix of everybody who must not be touched; Items with {@link BYSTANDER_ITEM} are theirs. */
export const BYSTANDER = 'bystander-';
export const BYSTANDER_ITEM = `item-${BYSTANDER}`;

/** What a row's reference can ask the demo to arrange before the run, as words among others. */
export const CIRCUMSTANCES = ['legal-hold', 'no-items', 'unknown-to-plaid', 'remove-user'] as const;
type Circumstance = (typeof CIRCUMSTANCES)[number];

/**
 * What has to be true of one user at the providers afterwards. It follows from the row and from what was seeded, never
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
export interface CastMember {
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
 * @throws Refusal naming the line of a row that cannot be a user, or that names somebody or an Item a second time.
 */
export function castFrom(rows: readonly UserRow[]): CastMember[] {
  refuseTwins(rows);
  return rows.map(castMember);
}

function castMember(row: UserRow, index: number): CastMember {
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

/** Two rows for one user would be two runs that are both right to call again, which no verdict could tell from a fault. */
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
          `--users: line ${line}: ${column}: ids that begin with ${BYSTANDER} are the demo's own; choose another.`,
        );
      const key = JSON.stringify([column, id]);
      const earlier = lines.get(key);
      if (earlier !== undefined)
        throw new Refusal(
          'Usage',
          `--users: line ${line}: ${column} names somebody whom line ${earlier} names already; the demo takes each once.`,
        );
      lines.set(key, line);
    }
  }
}
