import { isUtf8 } from 'node:buffer';
import { USER_COLUMNS } from '../policy/source-spec';
import type { ColumnNames } from '../policy/source-spec';
import type { FileRecord, RecordReader } from './file-records';
import { columnNamed, noKnownColumn, refuseNearMiss } from './header';
import type { RawRecord } from './record-splitter';
import type { UserCells } from './to-user';

/** So many names are remembered; rows that each have names of their own must not fill the memory. */
const MOST_NAMES = 1_000;

/** Reads JSON Lines: one object a line, whose fields are called as the columns are. */
export class JsonlReader implements RecordReader {
  readonly quotes = false;
  readonly rules = { items: 'list' } as const;
  readonly #renames: ColumnNames;
  readonly #checkedNames = new Set<string>();
  #anyKnown = false;

  constructor(renames: ColumnNames) {
    this.#renames = renames;
  }

  read(record: RawRecord): FileRecord {
    if (!isUtf8(record.bytes)) return { problem: 'the row is not UTF-8' };
    const value = parsed(record.bytes);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'the row is not a JSON object on one line' };
    for (const name of Object.keys(value)) this.#checkName(name);
    // A later row may lack what an earlier one had; a file whose first row has no known field is another file.
    if (!this.#anyKnown) throw noKnownColumn(this.#renames, 'file');
    return { cells: this.#cellsOf(value as Record<string, unknown>) };
  }

  #checkName(name: string): void {
    if (this.#checkedNames.has(name)) return;
    refuseNearMiss(name, this.#renames, 'file');
    if (columnNamed(name, this.#renames) !== undefined) this.#anyKnown = true;
    if (this.#checkedNames.size < MOST_NAMES) this.#checkedNames.add(name);
  }

  #cellsOf(row: Record<string, unknown>): UserCells {
    const cells: UserCells = {};
    for (const column of USER_COLUMNS) {
      const name = this.#renames[column] ?? column;
      if (Object.hasOwn(row, name)) cells[column] = row[name];
    }
    return cells;
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    // The parser's message quotes the row.
    return undefined;
  }
}
