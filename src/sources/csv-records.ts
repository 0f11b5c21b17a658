import { isUtf8 } from 'node:buffer';
import { parse } from 'csv-parse/sync';
import type { UserColumn } from '../policy/source-spec';
import { Header } from './header';
import type { Renames } from './header';
import type { FileRecord, RecordReader } from './file-records';
import type { RawRecord } from './record-splitter';
import { SourceError } from './source';

/** Reads CSV records: the first one names the columns. */
export class CsvReader<Column extends string = UserColumn> implements RecordReader<Column> {
  readonly quotes = true;
  readonly rules = { items: 'joined' } as const;
  readonly #renames: Renames<Column>;
  readonly #known: readonly Column[];
  #header: Header<Column> | undefined;

  /** @param known The columns that are known; others are ignored. */
  constructor(renames: Renames<Column>, known: readonly Column[]) {
    this.#renames = renames;
    this.#known = known;
  }

  read(record: RawRecord): FileRecord<Column> | undefined {
    if (this.#header) return readRow(record, this.#header);
    const names = record.tooLong || !isUtf8(record.bytes) ? undefined : cellsOf(record.bytes.toString('utf8'));
    if (names === undefined) throw new SourceError('file', `line ${record.line} should name the columns and cannot be read as CSV in UTF-8.`);
    this.#header = new Header(names, this.#renames, 'file', this.#known);
    return undefined;
  }
}

function readRow<Column extends string>(record: RawRecord, header: Header<Column>): FileRecord<Column> {
  if (!isUtf8(record.bytes)) return { problem: whereNotUtf8(record.bytes) };
  const cells = cellsOf(record.bytes.toString('utf8'));
  if (cells === undefined) return { problem: 'the quotes are not those of CSV: a cell with a quote stands in quotes, and quotes inside are doubled' };
  if (cells.length !== header.length) return { problem: `has ${cells.length} cells, and the first line names ${header.length} columns` };
  return { cells: header.cells(cells) };
}

/** The cells of one record, or undefined when its quotes make no sense. */
function cellsOf(text: string): string[] | undefined {
  if (!text.includes('"')) return text.split(',');
  try {
    const records: unknown = parse(text, { record_delimiter: '\n', relax_column_count: true, max_record_size: 0 });
    return (records as string[][])[0];
  } catch {
    // The library's message quotes the cell.
    return undefined;
  }
}

function whereNotUtf8(bytes: Buffer): string {
  const at = cellsOf(bytes.toString('latin1'))?.findIndex((cell) => !isUtf8(Buffer.from(cell, 'latin1')));
  return `${at === undefined ? 'the row' : `cell ${at + 1}`} is not UTF-8`;
}
