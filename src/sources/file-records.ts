import { isUtf8 } from 'node:buffer';
import type { SourceColumns } from '../policy/snapshot-report';
import type { ColumnNames as RenamedColumns } from '../policy/source-spec';
import { CsvReader } from './csv-records';
import { parseExactly, RepeatedKeyError } from './exact-json';
import { fileBytes } from './file-bytes';
import { ColumnNames, idsInside } from './header';
import type { ColumnRules } from './header';
import { MAX_RECORD_BYTES, RecordSplitter, UnsplittableError } from './record-splitter';
import type { FileRecord, RawRecord, RecordReader } from './record-splitter';
import { SourceError } from './source';
import { UserColumns } from './user-columns';

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

/** The formats of a user file. */
export type FileFormat = 'csv' | 'jsonl';

/** A user file to read. */
export interface UserFile {
  path: string;
  /** Flags of `open`. */
  flags: string | number;
  /** The input for the path `-`. @default the standard input of this process */
  input?: AsyncIterable<unknown> | undefined;
  format: FileFormat;
  columns: RenamedColumns;
  /** The columns of a user. @default those of the providers that come with the package */
  known?: UserColumns | undefined;
  /** Columns to ignore. @default none */
  ignoreColumns?: readonly string[] | undefined;
  /** Whether all other columns are ignored, whatever their names. @default false */
  lenient?: boolean | undefined;
}

/** Returns the rules for the columns of a source of users. */
export function rulesOf(
  columns: UserColumns,
  renames: RenamedColumns,
): Pick<ColumnRules<string>, 'known' | 'renames' | 'resembles' | 'providerElsewhere'> {
  return {
    known: columns.names,
    renames,
    resembles: (name) => columns.resembles(name),
    providerElsewhere: (name) => columns.providerElsewhere(name),
  };
}

/** Returns the reader for a format. */
export function readerFor({
  format,
  columns,
  known = UserColumns.BASIC,
  ignoreColumns,
  lenient,
}: Omit<UserFile, 'path' | 'flags' | 'input'>): RecordReader {
  const rules = { ...rulesOf(known, columns), ignore: ignoreColumns, lenient, field: 'file' };
  return format === 'csv' ? new CsvReader(rules) : new JsonlReader(rules);
}

/** A record of a file with what was read of it. */
export type FileRow<Column extends string = string> = FileRecord<Column> & { line: number; record: RawRecord };

/**
 * Returns the records of a file in groups, each of which is read while it is iterated, and must be before the next one is
 * requested. IDs are unchanged, and whether a row is a valid user is not checked.
 */
export async function* fileRecords<Column extends string = string>(
  file: Pick<UserFile, 'path' | 'flags' | 'input'>,
  reader: RecordReader<Column>,
  signal?: AbortSignal,
): AsyncGenerator<Iterable<FileRow<Column>>, void, undefined> {
  const splitter = new RecordSplitter(reader);
  for await (const chunk of fileBytes(file.path, file.flags, file.input)) {
    signal?.throwIfAborted();
    yield readAll(splitter.push(chunk), reader);
  }
  yield readAll(splitter.end(), reader);
  reader.finish?.();
}

/** One by one, because the first record of a CSV file decides how the next ones are split, and many would be in memory. */
function* readAll<Column extends string>(
  records: Iterable<RawRecord>,
  reader: RecordReader<Column>,
): Generator<FileRow<Column>, void, undefined> {
  try {
    for (const record of records) {
      // Also for a record that is too long, because it may be the header of a CSV file.
      const read = reader.read(record);
      if (read === undefined) continue;
      const { line } = record;
      const { cells, problem } = record.tooLong ? TOO_LONG : read;
      yield cells === undefined ? { problem, line, record } : { cells, line, record };
    }
  } catch (error) {
    throw error instanceof UnsplittableError ? new SourceError('file', error.message) : error;
  }
}

const TOO_LONG: FileRecord<never> = { problem: `the row has more than ${MAX_RECORD_BYTES / 1024 / 1024} MiB` };
