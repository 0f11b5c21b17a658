import { isUtf8 } from 'node:buffer';
import { parse } from 'csv-parse/sync';
import type { SourceColumns } from '../policy/snapshot-report';
import { Header } from './header';
import type { Cells, ColumnRules } from './header';
import type { FileRecord, RawRecord, RecordReader } from './record-splitter';
import { SourceError } from './source';

/** Delimiters between cells, in the order in which they are tried. */
const DELIMITERS = [',', ';', '\t'] as const;

type Delimiter = (typeof DELIMITERS)[number];

const MARK = '\ufeff';

/** One cell, and whether it was quoted. */
interface Cell {
  text: string;
  quoted: boolean;
}

/**
 * Reads CSV records, of which the first names the columns. Cells are separated by commas; by semicolons or tabs if only
 * these result in known columns, or if a line such as `sep=;`, which Excel writes, comes first.
 */
export class CsvReader<Column extends string> implements RecordReader<Column> {
  readonly quotes = true;
  readonly rules = { items: 'joined' } as const;
  readonly #columns: ColumnRules<Column>;
  #header: Header<Column> | undefined;
  #delimiter: Delimiter = ',';
  #announced: Delimiter | undefined;

  constructor(columns: ColumnRules<Column>) {
    this.#columns = columns;
  }

  get delimiter(): number {
    return this.#delimiter.charCodeAt(0);
  }

  get report(): SourceColumns | undefined {
    return this.#header?.report;
  }

  read(record: RawRecord): FileRecord<Column> | undefined {
    if (this.#header) return this.#readRow(record, this.#header);
    const text = record.tooLong || !isUtf8(record.bytes) ? undefined : record.bytes.toString('utf8');
    const separator = this.#announced === undefined ? /^"?sep=(.)"?$/isu.exec(text ?? '')?.[1] : undefined;
    if (separator !== undefined) this.#announced = this.#delimiter = requireDelimiter(separator, record.line);
    else this.#header = this.#readHead(text, record.line);
    return undefined;
  }

  #readHead(text: string | undefined, line: number): Header<Column> {
    const { field, known, renames, csvOnly } = this.#columns;
    const hint = hintOf(text ?? '', csvOnly);
    const tried = this.#announced === undefined ? DELIMITERS : [this.#announced];
    const heads = tried.map((delimiter) => ({
      delimiter,
      names: text === undefined ? undefined : cellsOf(text, delimiter)?.map((cell) => cell.text),
    }));
    const isKnown = (name: string): boolean => known.some((column) => (renames[column] ?? column) === name);
    const { delimiter, names } = heads.find((head) => head.names?.some(isKnown)) ??
      heads[0] ?? { delimiter: ',', names: undefined };
    if (names === undefined)
      throw new SourceError(field, `line ${line} must name the columns, and is not valid CSV in UTF-8. ${hint}`);
    this.#delimiter = delimiter;
    return new Header(names, this.#columns, hint);
  }

  /** Returns the cells of a row that only has to be split; undefined for a row that needs more checks. */
  #readPlain(text: string, header: Header<Column>): Cells<Column> | undefined {
    if (this.#delimiter === '\t' || NOT_PLAIN.test(text)) return undefined;
    const cells = text.split(this.#delimiter);
    return cells.length === header.length && !isNamed(cells[0], header) ? header.cells(cells) : undefined;
  }

  #readRow(record: RawRecord, header: Header<Column>): FileRecord<Column> {
    if (record.plain !== undefined) {
      const cells = record.plain.split(this.#delimiter);
      if (cells.length === header.length && !isNamed(cells[0], header)) return { cells: header.cells(cells) };
    }
    if (!isUtf8(record.bytes)) return { problem: whereNotUtf8(record.bytes, this.#delimiter) };
    const text = record.bytes.toString('utf8');
    const plain = this.#readPlain(text, header);
    if (plain !== undefined) return { cells: plain };
    const marked = text.startsWith(MARK);
    const cells = cellsOf(marked ? text.slice(1) : text, this.#delimiter);
    if (cells === undefined)
      return {
        problem: 'invalid CSV quoting: a cell that contains a quote must be quoted, and the quotes inside doubled',
      };
    if (repeats(cells, header)) return { problem: 'repeats the line that names the columns; were files concatenated?' };
    if (marked) return { problem: 'begins with a byte order mark; were files concatenated?' };
    const control = cells.findIndex((cell) => !cell.quoted && /\p{Cc}/u.test(cell.text));
    if (control !== -1)
      return {
        problem: `${header.columnAt(control) ?? `cell ${control + 1}`} contains a control character outside quotes`,
      };
    if (cells.length !== header.length)
      return { problem: `has ${cells.length} cells, and the first line names ${header.length} columns` };
    return { cells: header.cells(cells.map((cell) => cell.text)) };
  }
}

/** Matches rows that need more than splitting: quotes, control characters, byte order marks. */
const NOT_PLAIN = /["\0-\x1f\x7f-\x9f\ufeff]/;

function requireDelimiter(found: string, line: number): Delimiter {
  const delimiter = DELIMITERS.find((one) => one === found);
  if (delimiter !== undefined) return delimiter;
  throw new SourceError(
    'file',
    `line ${line} (sep=) names an unsupported separator; separate the cells by commas, semicolons or tabs.`,
  );
}

/** Whether the first cell is the name of its column. */
function isNamed(first: string | undefined, { firstName }: Header<string>): boolean {
  return first?.trim().toLowerCase() === firstName;
}

function repeats(cells: readonly Cell[], header: Header<string>): boolean {
  const { names } = header;
  return (
    cells.length === names.length &&
    cells.every((cell, index) => cell.text.trim().toLowerCase() === names[index]?.trim().toLowerCase())
  );
}

/** Returns what a first line without a known column looks like, for the error message. */
function hintOf(line: string, csvOnly = false): string {
  if (/^\s*(?:#|\/\/|--|%|;)/.test(line))
    return 'Its first line looks like a comment; the first line must name the columns.';
  if (/^\s*[[{]/.test(line) && csvOnly) return 'It looks like JSON; write it as CSV.';
  if (/^\s*[[{]/.test(line))
    return 'It looks like JSON; JSON Lines has one object on each line and is named .jsonl, or read with --format jsonl.';
  const other = ['|', ':', '^', '~', '\x01', '\x1f'].find((one) => line.includes(one) && !line.includes(','));
  if (other !== undefined)
    return `Its first line looks as if cells were separated by ${/[\x01-\x1f]/.test(other) ? 'a control character' : other}; separate them by commas, semicolons or tabs.`;
  return 'The first line must name the columns.';
}

/** Returns the cells of one record, or undefined if its quoting is invalid. */
function cellsOf(text: string, delimiter: Delimiter): Cell[] | undefined {
  if (!text.includes('"')) return text.split(delimiter).map((cell) => ({ text: cell, quoted: false }));
  try {
    const records: unknown = parse(text, {
      delimiter,
      record_delimiter: '\n',
      relax_column_count: true,
      max_record_size: 0,
      cast: (cell, { quoting }) => ({ text: cell, quoted: quoting }),
    });
    return (records as Cell[][])[0];
  } catch {
    // The library's message is dropped because it quotes the cell.
    return undefined;
  }
}

function whereNotUtf8(bytes: Buffer, delimiter: Delimiter): string {
  const at = cellsOf(bytes.toString('latin1'), delimiter)?.findIndex(
    (cell) => !isUtf8(Buffer.from(cell.text, 'latin1')),
  );
  return `${at === undefined ? 'the row' : `cell ${at + 1}`} is not UTF-8`;
}
