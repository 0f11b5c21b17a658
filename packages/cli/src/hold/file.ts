import { CsvReader } from 'temporal-http-tasks/internal/sources/csv-records';
import { fileRecords } from 'temporal-http-tasks/internal/sources/file-records';
import { findAnywhere } from 'temporal-http-tasks/internal/sources/find-file';
import { idProblem, NO_PLACEHOLDERS } from 'temporal-http-tasks/internal/sources/id-rules';
import { SourceError, SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';
import { CommandFailure, Refusal } from '../program/errors';
import type { AllUserIds, NamedUserId } from '../users/everywhere';
import { checkHoldId, checkReason } from './hold-options';

const ID_COLUMNS = {
  plaid_user_id: 'plaidUserId',
  plaid_user_token: 'plaidUserToken',
  plaid_access_token: 'plaidAccessToken',
  batch_user_id: 'batchUserId',
} as const satisfies Record<string, NamedUserId>;

type IdColumn = keyof typeof ID_COLUMNS;

const COLUMNS = [
  'plaid_user_id',
  'plaid_user_token',
  'plaid_access_token',
  'batch_user_id',
  'reason',
  'hold_id',
] as const satisfies readonly (IdColumn | 'reason' | 'hold_id')[];

type Column = (typeof COLUMNS)[number];

/** One user of a file of holds. */
export interface HoldRow {
  /** Where the row begins in the file, from 1. */
  line: number;
  ids: AllUserIds;
  reason?: string;
  holdId?: string;
}

/** One row that names no user, by line and without any value. */
export interface BadHoldRow {
  line: number;
  problem: string;
}

/**
 * Reads the rows of a CSV file of users, good ones and bad ones, as a stream. The whole file has to be read to know that
 * there is no bad row.
 *
 * @throws Refusal when the file cannot be read, is not CSV, has no known column, or has no row.
 */
export async function* readHoldFile(
  file: string,
  options: { ignoreColumn?: readonly string[] } = {},
  signal?: AbortSignal,
): AsyncGenerator<HoldRow | BadHoldRow, void, undefined> {
  let rows = 0;
  try {
    const found = await findAnywhere(file);
    for await (const records of fileRecords(
      found,
      new CsvReader<Column>({ known: COLUMNS, renames: {}, ignore: options.ignoreColumn, field: 'file' }),
      signal,
    )) {
      for (const { line, cells, problem } of records) {
        rows += 1;
        yield cells === undefined ? { line, problem } : rowOf(cells, line);
      }
    }
  } catch (error) {
    if (error instanceof SourceError) throw new Refusal('Usage', `--file ${file}: ${error.message}`, 'file');
    if (error instanceof SourceUnavailableError) throw new CommandFailure('Failed', `--file ${file}: ${error.message}`);
    throw error;
  }
  if (rows === 0) throw new Refusal('Usage', `--file ${file}: the file has no row below the column names.`, 'file');
}

function rowOf(cells: Partial<Record<Column, unknown>>, line: number): HoldRow | BadHoldRow {
  const ids: AllUserIds = {};
  for (const [column, field] of Object.entries(ID_COLUMNS) as [IdColumn, NamedUserId][]) {
    const id = textOf(cells[column]);
    if (id === undefined) continue;
    // Taken as an ID it would hold another user than the one that is meant.
    const problem = idProblem(id, NO_PLACEHOLDERS);
    if (problem !== undefined) return { line, problem: `${column} ${problem}` };
    ids[field] = id;
  }
  if (Object.keys(ids).length === 0)
    return { line, problem: `names no user; give ${Object.keys(ID_COLUMNS).join(', ')}` };
  const [reason, holdId] = [textOf(cells.reason), textOf(cells.hold_id)];
  const problem = checkReason(reason) ?? checkHoldId(holdId);
  if (problem !== undefined) return { line, problem };
  return { line, ids, ...(reason !== undefined && { reason }), ...(holdId !== undefined && { holdId }) };
}

function textOf(cell: unknown): string | undefined {
  return typeof cell === 'string' && cell !== '' ? cell : undefined;
}
