import { USER_COLUMNS, targetUser } from '../policy/source-spec';
import type { ColumnNames } from '../policy/source-spec';
import type { TargetUser } from '../policy/target-reference';
import { MOST_LISTED_IDS } from '../policy/user-ids';
import type { NamedIds } from '../policy/user-ids';
import { parseOwnFields } from '../tasks/parse-input';
import { JsonNumber } from './exact-json';
import { idProblem, isOrdinaryId, NO_PLACEHOLDERS } from './id-rules';
import type { AllowedPlaceholders } from './id-rules';
import { UserColumns } from './user-columns';
import type { ColumnKind } from './user-columns';

/** The values of one row in the known columns: strings, and for lists of IDs also a list of strings. */
export type UserCells = Partial<Record<string, unknown>>;

const FIELDS = {
  plaid_user_id: 'plaidUserId',
  plaid_user_token: 'plaidUserToken',
  batch_user_id: 'batchUserId',
  reference: 'reference',
  item_ids: 'itemIds',
  closed_at: 'closedAt',
  account: 'account',
  received_at: 'receivedAt',
  law: 'law',
} as const satisfies Record<(typeof USER_COLUMNS)[number], keyof TargetUser>;

const COLUMN_OF: ReadonlyMap<string, string> = new Map(USER_COLUMNS.map((column) => [FIELDS[column], column]));

/** Fields whose columns may exist for another purpose. */
const MAY_MEAN_ELSE: ReadonlySet<PropertyKey | undefined> = new Set(['closedAt', 'receivedAt', 'law']);

/** Columns whose texts the schema takes as they are, unless they are long. */
const SIMPLE: ReadonlySet<string> = new Set(['plaid_user_id', 'batch_user_id', 'reference']);

/** Maximum number of characters of a text that every one of these columns may have. */
const SIMPLE_CHARACTERS = 200;

/** Any half of a pair of surrogates. */
const SURROGATE = /[\ud800-\udfff]/;

/** Rules for the cells of a kind of source. */
export interface CellRules {
  /** The form of a list of IDs in a column: a string joined by `;`, or a list. */
  items: 'joined' | 'list' | 'either';
  /** Whether an ID may be a number that JavaScript does not round. @default false */
  wholeNumbers?: boolean;
  /** Placeholders that are valid IDs. @default none */
  allowed?: AllowedPlaceholders;
  /** @default those of the providers that come with the package */
  columns?: UserColumns;
}

/**
 * Converts the cells of a row to a user, taking each literally; an empty string and null mean that it is not given. For
 * invalid cells and unlikely IDs (see `idProblem`) returns the problem, by column and rule, without values.
 *
 * @param names The source's column names, for the message.
 */
export function toUser(
  cells: UserCells,
  rules: CellRules,
  names: ColumnNames = {},
): { user: TargetUser } | { problem: string } {
  const { columns = UserColumns.BASIC } = rules;
  const ordinary = ordinaryUser(cells, columns);
  if (ordinary !== undefined) return { user: ordinary };
  const given: Partial<Record<keyof TargetUser, unknown>> = {};
  let isSimple = true;
  for (const column of USER_COLUMNS) {
    const cell = cells[column];
    if (cell === undefined || cell === null || cell === '') continue;
    const value = valueOf(cell, kindOf(column), rules);
    if ('wrong' in value) return { problem: `${names[column] ?? column}: ${value.wrong}` };
    given[FIELDS[column]] = value.value;
    isSimple &&= SIMPLE.has(column) && (value.value as string).length <= SIMPLE_CHARACTERS;
  }
  const ids: Record<string, Record<string, unknown>> = {};
  for (const { column, provider, id: name, list } of columns.ids) {
    const cell = cells[column];
    if (cell === undefined || cell === null || cell === '') continue;
    const value = valueOf(cell, list ? 'ids' : 'id', rules);
    if ('wrong' in value) return { problem: `${names[column] ?? column}: ${value.wrong}` };
    if (Array.isArray(value.value) && value.value.length > MOST_LISTED_IDS)
      return { problem: `${names[column] ?? column}: must have at most ${MOST_LISTED_IDS} IDs` };
    ids[provider] = { ...ids[provider], [name]: value.value };
    isSimple = false;
  }
  if (Object.keys(ids).length > 0) given.ids = ids;
  // What is left to check takes as long as everything before.
  const hasId = columns.hasId(given as NamedIds);
  if (isSimple && hasId) return { user: given as TargetUser };
  if (!hasId) {
    const known = columns.names.filter((column) => column !== 'item_ids' && /^ids?$/.test(columns.kindOf(column)));
    const shown = known.map((column) => names[column] ?? column);
    return { problem: `has no user ID; give ${shown.slice(0, -1).join(', ')} or ${shown.at(-1) ?? ''}` };
  }
  const checked = parseOwnFields(targetUser, given);
  if (checked.success) return { user: checked.data };
  const issues = checked.error.issues.map(({ path, message }) => {
    const column = columnAt(path[0], names);
    const problem = `${column}: ${inColumns(message, names)}`;
    if (!MAY_MEAN_ELSE.has(path[0])) return problem;
    const advice = `leave the column out with --ignore-column ${column} (ignoreColumns)`;
    return problem.endsWith('?') ? `${problem} Or ${advice}` : `${problem}; or ${advice}`;
  });
  return { problem: [...new Set(issues)].join('; ') };
}

/** Returns the user of a row with nothing but ordinary IDs and a reference; undefined for every other row. */
function ordinaryUser(cells: UserCells, { isColumn }: UserColumns): TargetUser | undefined {
  const user: TargetUser = {};
  for (const column in cells) {
    const cell = cells[column];
    if (cell === undefined || cell === null || cell === '') continue;
    if (typeof cell !== 'string' || cell.length > SIMPLE_CHARACTERS) return undefined;
    if (column === 'plaid_user_id' || column === 'batch_user_id') {
      if (!isOrdinaryId(cell, isColumn)) return undefined;
      user[FIELDS[column]] = cell;
    } else if (column === 'reference' && !SURROGATE.test(cell)) user.reference = cell;
    else return undefined;
  }
  return user.plaidUserId === undefined && user.batchUserId === undefined ? undefined : user;
}

/** Returns the user of a row, in the account of the source where the row names none. */
export function inAccount(user: TargetUser, account: string | undefined): TargetUser {
  return account === undefined || user.account !== undefined ? user : { ...user, account };
}

type Value = { value: unknown } | { wrong: string };

function valueOf(cell: unknown, kind: ColumnKind, rules: CellRules): Value {
  if (kind === 'ids') return itemList(cell, rules);
  return kind === 'id' ? id(cell, rules) : text(cell, rules);
}

function kindOf(column: (typeof USER_COLUMNS)[number]): ColumnKind {
  return UserColumns.BASIC.kindOf(column);
}

function id(cell: unknown, rules: CellRules): { value: string } | { wrong: string } {
  const found = text(cell, rules);
  if ('wrong' in found) return found;
  const problem = idProblem(found.value, rules.allowed ?? NO_PLACEHOLDERS, rules.columns?.names);
  return problem === undefined ? found : { wrong: problem };
}

function text(cell: unknown, { wholeNumbers = false }: CellRules): { value: string } | { wrong: string } {
  if (wholeNumbers && Number.isSafeInteger(cell)) return { value: String(cell) };
  if (cell instanceof JsonNumber) {
    return cell.digits === undefined
      ? { wrong: 'must be a string, or a whole number without fraction and exponent' }
      : { value: cell.digits };
  }
  if (typeof cell === 'number' && !wholeNumbers)
    return { wrong: 'must be a string or a whole number, and is a floating-point number' };
  if (typeof cell !== 'string')
    return { wrong: wholeNumbers ? 'must be a string, or a whole number below 2^53' : 'must be a string' };
  // A lone surrogate cannot be represented in a URL, a database or UTF-8, so it would become another ID.
  if (/\p{Surrogate}/u.test(cell))
    return { wrong: 'must be well-formed Unicode; it contains half of a surrogate pair' };
  return { value: cell };
}

function itemList(cell: unknown, rules: CellRules): Value {
  if (typeof cell === 'string' && rules.items !== 'list') {
    // Taken as one ID, the text of a list would match nothing, while the rest of the user is deleted.
    if (/^\s*[[{]|,/.test(cell)) return { wrong: 'is not a list of IDs joined by semicolons' };
    return entries(cell.split(';'), rules);
  }
  if (Array.isArray(cell) && rules.items !== 'joined') return entries(cell, rules);
  return { wrong: rules.items === 'joined' ? 'must be a string' : 'must be a list of strings' };
}

function entries(list: readonly unknown[], rules: CellRules): Value {
  // Without Items all would be removed, which is not what an empty list means.
  if (list.length === 0) return { wrong: 'must contain at least one ID; omit it to remove all Items' };
  const values: unknown[] = [];
  for (const [index, entry] of list.entries()) {
    const value = entry === '' ? { wrong: 'must not be empty' } : id(entry, rules);
    if ('wrong' in value) return { wrong: `entry ${index + 1} ${value.wrong}` };
    values.push(value.value);
  }
  return { value: values };
}

function columnAt(field: PropertyKey | undefined, names: ColumnNames): string {
  const column = COLUMN_OF.get(String(field));
  return column === undefined ? 'the row' : (names[column] ?? column);
}

/** Replaces field names in the schema's messages by the names of the source's columns. */
function inColumns(message: string, names: ColumnNames): string {
  return message.replace(/\b(plaidUserId|plaidUserToken|batchUserId|itemIds)\b/g, (field) => columnAt(field, names));
}
