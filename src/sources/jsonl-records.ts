import { isUtf8 } from 'node:buffer';
import type { SourceColumns } from '../policy/snapshot-report';
import { parseExactly, RepeatedKeyError } from './exact-json';
import { ColumnNames, idsInside } from './header';
import type { ColumnRules } from './header';
import type { FileRecord, RawRecord, RecordReader } from './record-splitter';

/** Reads JSON Lines: one object per line, with the column names as fields. */
export class JsonlReader implements RecordReader {
  readonly quotes = false;
  readonly delimiter = -1;
  readonly rules = { items: 'list' } as const;
  readonly #columns: ColumnRules<string>;
  readonly #names: ColumnNames<string>;

  constructor(columns: ColumnRules<string>) {
    this.#columns = columns;
    this.#names = new ColumnNames(columns);
  }

  get report(): SourceColumns {
    return this.#names.report;
  }

  read({ bytes, tooLong }: RawRecord): FileRecord | undefined {
    // Only the beginning of the row is available.
    if (tooLong) return { problem: 'the row is too long' };
    if (!isUtf8(bytes)) return { problem: 'the row is not UTF-8' };
    const text = bytes.toString('utf8');
    if (/^[ \t]*$/.test(text)) return undefined;
    if (text.startsWith('\ufeff')) return { problem: 'begins with a byte order mark; were files concatenated?' };
    const row = parsed(text);
    if (row instanceof RepeatedKeyError) return { problem: 'the row has a duplicate key' };
    if (typeof row !== 'object' || row === null || Array.isArray(row)) return { problem: this.#notAnObject(text) };
    const fields = Object.entries(row);
    // Known ones first, because an unused name is checked only once a column is known.
    const { known, renames } = this.#columns;
    for (const column of known)
      if (Object.hasOwn(row, renames[column] ?? column)) this.#names.meet(renames[column] ?? column);
    const cells: Partial<Record<string, unknown>> = {};
    for (const [name, value] of fields) {
      const column = this.#names.meet(name);
      if (column !== undefined) cells[column] = value;
      else for (const inside of idsInside(value, name, [], this.#columns.resembles)) this.#names.meet(inside);
    }
    // Later rows may lack fields, but a file whose first row has no known field is not a user file.
    if (!this.#names.anyKnown) throw this.#names.noneKnown();
    return { cells };
  }

  finish(): void {
    this.#names.refuseUnmet();
  }

  #notAnObject(text: string): string {
    return /^\s*[[\]]/.test(text)
      ? 'the row is not a JSON object on one line; is the file one JSON array instead of JSON Lines?'
      : 'the row is not a JSON object on one line';
  }
}

function parsed(text: string): unknown {
  try {
    return parseExactly(text);
  } catch (error) {
    // The parser's message is dropped because it quotes the row.
    return error instanceof RepeatedKeyError ? error : undefined;
  }
}
