import { readFile } from 'node:fs/promises';
import type { BatchSeedInput, PlaidSeedInput } from '../simulators/control-api';
import { Refusal } from './errors';

/** The users of a file, as each simulator takes them; absent where no row has an id for it. */
export interface SeededUsers {
  plaid?: PlaidSeedInput;
  batch?: BatchSeedInput;
}

const COLUMNS = ['plaid_user_id', 'plaid_user_token', 'batch_user_id', 'reference', 'item_ids'];

type Row = Partial<Record<string, string>>;

/**
 * Reads a CSV file of users with the columns of every user file; an empty cell means that the id is not given. Each
 * user is made with the Items that `item_ids` names (`;` between them). Cells are taken as they stand.
 *
 * @throws Refusal when the file cannot be read or is no such file.
 */
export async function seedUsers(file: string): Promise<SeededUsers> {
  const rows = await readRows(file);
  const plaid = rows.flatMap(({ plaid_user_id: id, plaid_user_token: token, item_ids: items }) => {
    const userId = id || token;
    if (!userId) return [];
    return [{ userId, ...(token && { userToken: token, tokenOnly: !id }), items: items ? items.split(';') : [] }];
  });
  const batch = rows.flatMap(({ batch_user_id: id }) => (id ? [id] : []));
  return {
    ...(plaid.length > 0 && { plaid: { users: plaid } }),
    ...(batch.length > 0 && { batch: { users: batch } }),
  };
}

async function readRows(file: string): Promise<Row[]> {
  const { parse } = await import('csv-parse/sync');
  let rows: Row[];
  try {
    const text = await readFile(file, 'utf8');
    rows = parse<Row>(text, { bom: true, columns: true, skip_empty_lines: true });
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'it is not CSV';
    throw new Refusal('Usage', `--users: the file ${file} cannot be read as CSV (${why}).`);
  }
  if (rows.length > 0 && Object.keys(rows[0] ?? {}).some((column) => COLUMNS.includes(column))) return rows;
  throw new Refusal('Usage', `--users: the file ${file} holds no user; it needs a line with column names (${COLUMNS.join(', ')}) and rows below it.`);
}
