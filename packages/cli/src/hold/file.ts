import { CsvReader } from 'temporal-http-tasks/internal/sources/csv-records';
import { fileRecords } from 'temporal-http-tasks/internal/sources/file-records';
import { findAnywhere } from 'temporal-http-tasks/internal/sources/find-file';
import { idProblem, NO_PLACEHOLDERS } from 'temporal-http-tasks/internal/sources/id-rules';
import { SourceError, SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';
import { UserColumns } from 'temporal-http-tasks/internal/sources/user-columns';
import type { ColumnOfId } from 'temporal-http-tasks/internal/sources/user-columns';
import type { ProviderIds } from 'temporal-http-tasks/internal/policy/user-ids';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';
import type { OpenedLedger } from '../ledger/open-ledger';
import { CommandFailure, Refusal } from '../program/errors';
import type { Io } from '../program/io';
import type { AllUserIds, NamedUserId } from '../users/user-subjects';
import { idsAtServices, serviceAtAccount } from '../users/provider-ids';
import { checkHoldId, checkReason } from './hold-options';
import type { HoldOptions } from './hold-options';

/** Columns whose IDs have options of their own. */
const ID_COLUMNS = {
  plaid_user_id: 'plaidUserId',
  plaid_user_token: 'plaidUserToken',
  plaid_access_token: 'plaidAccessToken',
  batch_user_id: 'batchUserId',
} as const satisfies Record<string, NamedUserId>;

/** How a file of holds is read. */
export interface HoldFileOptions {
  /** The providers whose IDs are columns. */
  known: ProviderSet;
  /** The account of rows that name none. */
  account?: string | undefined;
  ignoreColumn?: readonly string[] | undefined;
  /** Services that workers have and this command does not know. A column named like one of them is refused. @default none */
  otherServices?: readonly string[];
  /** What the file `-` stands for. @default the standard input of this process */
  input?: AsyncIterable<unknown>;
  signal?: AbortSignal;
}

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
 * Returns how the file of a command is read.
 *
 * @throws TypeError for a command that did not read its providers.
 */
export async function fileOptions(
  { stdin }: Io,
  { known, account, ignoreColumn }: HoldOptions,
  { ledger }: OpenedLedger,
  signal: AbortSignal,
): Promise<HoldFileOptions> {
  if (!known) throw new TypeError('The providers of a file of holds were not read.');
  const services = (await ledger.workers.readServices()).map(({ service }) => mainServiceOf(service));
  const otherServices = [...new Set(services)].filter((name) => !known.find(name));
  return { known, account, ignoreColumn, otherServices, input: stdin, signal };
}

/** The columns of a file of holds, for the providers that a command knows. */
class HoldColumns {
  readonly ids: readonly ColumnOfId[];
  readonly names: readonly string[];
  /** Whether a column of this name is likely to have IDs. */
  readonly resembles: (name: string) => boolean;
  readonly #options: HoldFileOptions;

  constructor(options: HoldFileOptions) {
    const columns = new UserColumns(options.known);
    this.ids = columns.ids.filter(({ provider, id }) => !options.known.isThing(provider, id));
    this.names = [...Object.keys(ID_COLUMNS), ...this.ids.map(({ column }) => column), 'account', 'reason', 'hold_id'];
    this.#options = options;
    const others = (options.otherServices ?? []).map(bare);
    this.resembles = (name) => columns.resembles(name) || others.some((other) => bare(name).startsWith(other));
  }

  /** Returns the user of a row, or what is wrong with it. */
  rowOf(cells: Partial<Record<string, unknown>>, line: number): HoldRow | BadHoldRow {
    const { known, account: shared } = this.#options;
    const own = textOf(cells.account);
    const strange = own === undefined ? undefined : known.problemOfAccount(own);
    if (strange !== undefined)
      return { line, problem: `account: ${strange}; or leave the column out with --ignore-column account` };
    const account = own ?? shared;
    const named: AllUserIds = {};
    for (const [column, field] of Object.entries(ID_COLUMNS)) {
      const id = textOf(cells[column]);
      if (id === undefined) continue;
      // Taken as an ID it would hold another user than the one that is meant.
      const problem = idProblem(id, NO_PLACEHOLDERS, this.names);
      if (problem !== undefined) return { line, problem: `${column} ${problem}` };
      named[field] = id;
    }
    const others = this.#otherIds(cells);
    if ('problem' in others) return { line, problem: others.problem };
    const more = idsAtServices(known, others.ids, account);
    if (Object.keys(named).length + more.length === 0)
      return { line, problem: `names no user; give ${this.names.slice(0, -3).join(', ')}` };
    const [reason, holdId] = [textOf(cells.reason), textOf(cells.hold_id)];
    const problem = checkReason(reason) ?? checkHoldId(holdId);
    if (problem !== undefined) return { line, problem };
    const serviceAt = serviceAtAccount(known, account);
    const ids = { ...named, ...(more.length > 0 && { more }), ...(serviceAt && { serviceAt }) };
    return { line, ids, ...(reason !== undefined && { reason }), ...(holdId !== undefined && { holdId }) };
  }

  #otherIds(cells: Partial<Record<string, unknown>>): { ids: ProviderIds } | { problem: string } {
    const ids: Record<string, Record<string, string | string[]>> = {};
    for (const { column, provider, id, list } of this.ids) {
      const text = textOf(cells[column]);
      if (text === undefined) continue;
      const values = list ? text.split(';') : [text];
      for (const [index, value] of values.entries()) {
        const problem = value === '' ? 'must not be empty' : idProblem(value, NO_PLACEHOLDERS, this.names);
        if (problem !== undefined)
          return { problem: list ? `${column}: entry ${index + 1} ${problem}` : `${column} ${problem}` };
      }
      const given = { [provider]: { [id]: list ? values : text } };
      const [wrong] = this.#options.known.problemsOfNames({}, given);
      if (wrong) return { problem: `${column} ${wrong.message}` };
      ids[provider] = { ...ids[provider], ...given[provider] };
    }
    return { ids };
  }
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/**
 * Reads the rows of a CSV file of users, good ones and bad ones, as a stream. The whole file has to be read to know that
 * there is no bad row.
 *
 * @throws Refusal when the file cannot be read, is not CSV, has no known column, or has no row.
 */
export async function* readHoldFile(
  file: string,
  options: HoldFileOptions,
): AsyncGenerator<HoldRow | BadHoldRow, void, undefined> {
  const columns = new HoldColumns(options);
  const { names: known, resembles } = columns;
  let rows = 0;
  try {
    const found = await findAnywhere(file);
    for await (const records of fileRecords(
      { ...found, input: options.input },
      new CsvReader({ known, renames: {}, ignore: options.ignoreColumn, field: 'file', csvOnly: true, resembles }),
      options.signal,
    )) {
      for (const { line, cells, problem } of records) {
        rows += 1;
        yield cells === undefined ? { line, problem } : columns.rowOf(cells, line);
      }
    }
  } catch (error) {
    if (error instanceof SourceError) throw new Refusal('Usage', `--file ${file}: ${error.message}`, 'file');
    if (error instanceof SourceUnavailableError) throw new CommandFailure('Failed', `--file ${file}: ${error.message}`);
    throw error;
  }
  if (rows === 0) throw new Refusal('Usage', `--file ${file}: the file has no row below the column names.`, 'file');
}

function textOf(cell: unknown): string | undefined {
  return typeof cell === 'string' && cell !== '' ? cell : undefined;
}
