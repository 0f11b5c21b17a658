import type { UserIds } from 'temporal-http-tasks/internal/ledger/user-subjects';
import { fileRecords, readerFor } from 'temporal-http-tasks/internal/sources/file-records';
import { findAnywhere } from 'temporal-http-tasks/internal/sources/find-file';
import { SourceError, SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';
import type { UserCells } from 'temporal-http-tasks/internal/sources/to-user';
import { Refusal } from '../program/errors';

/** One row of a user file; every cell unchanged, never trimmed. */
export interface UserRow extends UserIds {
  /** Where the row begins in the file, from 1. */
  line: number;
  reference?: string;
  /** From one cell, with `;` between them. */
  itemIds?: string[];
}

/**
 * Reads a whole CSV file of users. A row may have both ids of Plaid: a simulator's user does.
 *
 * @param option What named the file, for messages: `--users`.
 * @throws Refusal when the file cannot be read, is not CSV, has no known column or no row, or has a row without an id.
 */
export async function readUserFile(file: string, option: string): Promise<UserRow[]> {
  const rows: UserRow[] = [];
  try {
    const found = { ...(await findAnywhere(file)), format: 'csv', columns: {}, lenient: true } as const;
    for await (const records of fileRecords(found, readerFor(found))) {
      for (const { line, cells, problem } of records) {
        if (cells === undefined) throw new Refusal('Usage', `${option}: line ${line} of ${file}: ${problem}.`);
        rows.push(userRow(cells, line, option, file));
      }
    }
  } catch (error) {
    if (error instanceof SourceError || error instanceof SourceUnavailableError)
      throw new Refusal('Usage', `${option}: ${file}: ${error.message}`);
    throw error;
  }
  if (rows.length === 0)
    throw new Refusal('Usage', `${option}: the file ${file} has no user: there is no row below the column names.`);
  return rows;
}

function userRow(cells: UserCells, line: number, option: string, file: string): UserRow {
  const text = (cell: unknown): string | undefined => (typeof cell === 'string' && cell !== '' ? cell : undefined);
  const plaidUserId = text(cells.plaid_user_id);
  const plaidUserToken = text(cells.plaid_user_token);
  const batchUserId = text(cells.batch_user_id);
  const reference = text(cells.reference);
  const items = text(cells.item_ids);
  if (plaidUserId === undefined && plaidUserToken === undefined && batchUserId === undefined) {
    throw new Refusal(
      'Usage',
      `${option}: line ${line} of ${file} has no ID; give plaid_user_id, plaid_user_token or batch_user_id.`,
    );
  }
  return {
    line,
    ...(plaidUserId !== undefined && { plaidUserId }),
    ...(plaidUserToken !== undefined && { plaidUserToken }),
    ...(batchUserId !== undefined && { batchUserId }),
    ...(reference !== undefined && { reference }),
    ...(items !== undefined && { itemIds: items.split(';') }),
  };
}
