import { isAscii } from 'node:buffer';
import type { SourceColumns } from '../policy/snapshot-report';
import type { Cells } from './header';
import type { CellRules } from './to-user';

/** Maximum size of one record, in bytes. A user needs a few hundred. */
export const MAX_RECORD_BYTES = 1024 * 1024;
/** Size of the kept beginning of a record that is too long, in bytes. */
const KEPT_BYTES = 4 * 1024;
/** Size of a record after which splitting stops, in bytes: it is a gzip bomb or not a text. */
const MAX_SKIPPED_BYTES = 64 * 1024 * 1024;

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;

/** Matches what a text of ASCII must not have for each of its lines to be one CSV record without quotes and control characters. */
const NOT_PLAIN = /["\0-\t\v-\x1f\x7f]/;

/** One record of a file, not yet decoded. */
export interface RawRecord {
  /** The line where it begins, from 1. */
  line: number;
  /** Without the line break; only the beginning when `tooLong`. */
  readonly bytes: Buffer;
  tooLong: boolean;
  /** The same as text, of a CSV record that only has to be split at its delimiters: see {@link NOT_PLAIN}. */
  plain?: string;
}

/** A record of which only the text is needed, unless it turns out to be no user. */
class PlainRecord implements RawRecord {
  readonly tooLong = false;

  constructor(
    readonly line: number,
    readonly plain: string,
  ) {}

  get bytes(): Buffer {
    return Buffer.from(this.plain, 'latin1');
  }
}

/** A file cannot be split into records. */
export class UnsplittableError extends Error {
  override readonly name = 'UnsplittableError';

  constructor(
    readonly line: number,
    readonly what: string,
  ) {
    super(`line ${line}: ${what}`);
  }
}

/** The parts of a format that a splitter needs. Read for each record, because the first line may change them. */
export interface RecordFormat {
  /** Whether line breaks inside quotes belong to the record. */
  readonly quotes: boolean;
  /** The delimiter byte between cells. */
  readonly delimiter: number;
}

/** The result of reading one record: its known cells, or why it cannot be read. */
export type FileRecord<Column extends string = string> =
  { cells: Cells<Column>; problem?: never } | { problem: string; cells?: never };

/** Reads the records of one format. It is stateful: the first record may define how later ones are read. */
export interface RecordReader<Column extends string = string> extends RecordFormat {
  readonly rules: CellRules;
  /** The columns found so far; undefined before any. */
  readonly report: SourceColumns | undefined;
  /** Returns undefined for a record that is not a row. @throws SourceError when the file is not a user file. */
  read(record: RawRecord): FileRecord<Column> | undefined;
  /**
   * Called at the end of the file.
   * @throws SourceError when the whole file turns out to be wrong.
   */
  finish?(): void;
}

/**
 * Splits bytes into records at line breaks (LF, CRLF or CR), in CSV except inside quotes. Works on bytes, because a
 * decoder would replace invalid UTF-8 before it could be reported, and counts lines, because a record may span several.
 * Empty lines are skipped.
 */
export class RecordSplitter {
  readonly #format: RecordFormat;
  #parts: Buffer[] = [];
  #length = 0;
  #line = 1;
  #recordLine = 1;
  #quoted = false;
  #quoteJustClosed = false;
  #cellBegins = true;
  /** Whether the previous byte was a CR, so that a LF belongs to the same line break. */
  #afterCr = false;

  constructor(format: RecordFormat) {
    this.#format = format;
  }

  /** Returns the records that end in these bytes. @throws UnsplittableError for a record that does not end. */
  *push(chunk: Buffer): Generator<RawRecord, void, undefined> {
    const text = this.#plainText(chunk);
    if (text === undefined) yield* this.#split(chunk);
    else yield* this.#splitPlain(text);
  }

  /** Returns the text of bytes that can be split without looking at each of them; undefined for others. */
  #plainText(chunk: Buffer): string | undefined {
    if (!this.#format.quotes || this.#quoted || this.#afterCr) return undefined;
    if (chunk.length > MAX_RECORD_BYTES || !isAscii(chunk)) return undefined;
    const text = chunk.toString('latin1');
    const lines = text.includes('\r') ? text.replaceAll('\r\n', '\n') : text;
    return NOT_PLAIN.test(lines) ? undefined : lines;
  }

  *#splitPlain(text: string): Generator<RawRecord, void, undefined> {
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index] ?? '';
      if (index === 0) {
        // It may complete a record.
        this.#keepText(line);
        const record = this.#finish();
        if (record) yield record;
        continue;
      }
      const number = this.#line;
      this.#recordLine = this.#line = number + 1;
      if (line !== '') yield new PlainRecord(number, line);
    }
    this.#keepText(rest);
    if (rest === '') return;
    this.#quoteJustClosed = false;
    this.#cellBegins = rest.charCodeAt(rest.length - 1) === this.#format.delimiter;
  }

  #keepText(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.#keep(bytes, 0, bytes.length);
  }

  *#split(chunk: Buffer): Generator<RawRecord, void, undefined> {
    let from = 0;
    for (let at = this.#nextBreak(chunk, 0); at !== -1; at = this.#nextBreak(chunk, from)) {
      const completesCr = at === from && this.#length === 0 && chunk[at] === LF && this.#afterCr;
      this.#afterCr = chunk[at] === CR;
      this.#keep(chunk, from, at);
      from = at + 1;
      if (completesCr) continue;
      const record = this.#finish();
      if (record) yield record;
    }
    if (from < chunk.length) this.#afterCr = this.#quoted && chunk[chunk.length - 1] === CR;
    this.#keep(chunk, from, chunk.length);
  }

  /** Returns the last record if no line break ends it. @throws UnsplittableError when it ends inside quotes. */
  *end(): Generator<RawRecord, void, undefined> {
    if (this.#quoted) {
      throw new UnsplittableError(this.#recordLine, 'unterminated quote; the rows after this one cannot be parsed.');
    }
    const record = this.#finish();
    if (record) yield record;
  }

  /** Returns where the current record ends in the chunk, or -1. */
  #nextBreak(chunk: Buffer, from: number): number {
    const { quotes, delimiter } = this.#format;
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === LF || byte === CR) {
        if (!this.#quoted) return at;
        const before = at === 0 ? this.#afterCr : chunk[at - 1] === CR;
        if (byte === CR || !before) this.#line += 1;
      } else if (byte === QUOTE && quotes) {
        this.#meetQuote();
        continue;
      }
      this.#quoteJustClosed = false;
      this.#cellBegins = !this.#quoted && byte === delimiter;
    }
    return -1;
  }

  /** Handles a quote: it opens a quoted cell only at its beginning, and two quotes inside one are an escaped quote. */
  #meetQuote(): void {
    if (this.#quoted) {
      this.#quoted = false;
      this.#quoteJustClosed = true;
    } else {
      this.#quoted = this.#cellBegins || this.#quoteJustClosed;
      this.#quoteJustClosed = false;
    }
    this.#cellBegins = false;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    if (to === from) return;
    const before = this.#length;
    this.#length += to - from;
    if (this.#length > MAX_SKIPPED_BYTES) {
      throw new UnsplittableError(
        this.#recordLine,
        `a row of more than ${MAX_SKIPPED_BYTES / 1024 / 1024} MiB begins here; this is not a user file.`,
      );
    }
    if (this.#length <= MAX_RECORD_BYTES) this.#parts.push(chunk.subarray(from, to));
    else if (before <= MAX_RECORD_BYTES)
      this.#parts = [Buffer.concat([...this.#parts, chunk.subarray(from, from + KEPT_BYTES)]).subarray(0, KEPT_BYTES)];
  }

  #finish(): RawRecord | undefined {
    const tooLong = this.#length > MAX_RECORD_BYTES;
    const bytes = this.#parts.length === 1 && this.#parts[0] ? this.#parts[0] : Buffer.concat(this.#parts);
    const record = bytes.length > 0 ? { line: this.#recordLine, bytes, tooLong } : undefined;
    this.#parts = [];
    this.#length = 0;
    this.#line += 1;
    this.#recordLine = this.#line;
    this.#quoteJustClosed = false;
    this.#cellBegins = true;
    return record;
  }
}
