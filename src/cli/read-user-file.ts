import { readFile } from 'node:fs/promises';
import type { UserIds } from '../ledger/user-subjects';
import { Refusal } from './errors';

/** The columns of every user file. Others are ignored; an empty cell means that the id is not given. */
export const USER_COLUMNS = ['plaid_user_id', 'plaid_user_token', 'batch_user_id', 'reference', 'item_ids'] as const;

/** One row of a user file; every cell as it stands, never trimmed. */
export interface UserRow extends UserIds {
  /** Where the row ends in the file, from 1; a quoted cell may span lines. */
  line: number;
  reference?: string;
  /** From one cell, with `;` between them. */
  itemIds?: string[];
}

type Cells = Partial<Record<(typeof USER_COLUMNS)[number], string>>;

/**
 * Reads a CSV file of users, all of it at once.
 *
 * @param option What named the file, for messages: `--users`.
 * @throws Refusal when the file cannot be read, is no CSV, has no known column or no row, or has a row without an id.
 */
export async function readUserFile(file: string, option: string): Promise<UserRow[]> {
  const parsed = await parseFile(file, option);
  const known = parsed[0] !== undefined && Object.keys(parsed[0].record).some((column) => USER_COLUMNS.some((name) => name === column));
  if (!known) {
    throw new Refusal('Usage', `${option}: the file ${file} holds no user; it needs a line with column names (${USER_COLUMNS.join(', ')}) and rows below it.`);
  }
  return parsed.map(({ record, info }) => userRow(record, info.lines, option, file));
}

async function parseFile(file: string, option: string): Promise<{ record: Cells; info: { lines: number } }[]> {
  const { parse } = await import('csv-parse/sync');
  try {
    const text = await readFile(file, 'utf8');
    // With `info` each record comes wrapped together with its place, which the types of the package leave out.
    return parse(text, { bom: true, columns: true, skip_empty_lines: true, info: true }) as unknown as { record: Cells; info: { lines: number } }[];
  } catch (error) {
    const { code, lines } = error as { code?: string; lines?: number };
    const where = lines === undefined ? '' : `, line ${lines}`;
    throw new Refusal('Usage', `${option}: the file ${file} cannot be read as CSV (${code ?? 'unknown error'}${where}).`);
  }
}

function userRow(cells: Cells, line: number, option: string, file: string): UserRow {
  const { plaid_user_id: plaidUserId, plaid_user_token: plaidUserToken, batch_user_id: batchUserId, reference, item_ids: items } = cells;
  if (!plaidUserId && !plaidUserToken && !batchUserId) {
    throw new Refusal('Usage', `${option}: line ${line} of ${file} names nobody; give plaid_user_id, plaid_user_token or batch_user_id.`);
  }
  return {
    line,
    ...(plaidUserId && { plaidUserId }),
    ...(plaidUserToken && { plaidUserToken }),
    ...(batchUserId && { batchUserId }),
    ...(reference && { reference }),
    ...(items && { itemIds: items.split(';') }),
  };
}
