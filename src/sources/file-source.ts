import { fileRecords, readerFor } from './file-records';
import type { UserFile } from './file-records';
import { Progress } from './progress';
import type { SourceColumns } from '../policy/snapshot-report';
import { allowedPlaceholders } from './id-rules';
import type { RowsOptions, Source, SourceRow } from './source';
import { toUser } from './to-user';

/** Users from a CSV or JSONL file, optionally gzipped. Each reading starts at its beginning. */
export class FileSource implements Source {
  readonly kind: string;
  readonly refusesEmpty = true;
  readonly #shown: string;
  readonly #resolve: () => Promise<UserFile>;
  readonly #allowed: ReturnType<typeof allowedPlaceholders>;
  #columns: SourceColumns | undefined;

  /**
   * @param shown The file name as configured, for messages.
   * @param resolve Finds the file. Called for each reading, because it may have been replaced.
   * @param allowPlaceholders Placeholders that are valid IDs in this source.
   */
  constructor(
    shown: string,
    format: UserFile['format'],
    resolve: () => Promise<UserFile>,
    allowPlaceholders?: readonly string[],
  ) {
    this.kind = format;
    this.#shown = shown;
    this.#resolve = resolve;
    this.#allowed = allowedPlaceholders(allowPlaceholders);
  }

  get columns(): SourceColumns | undefined {
    return this.#columns;
  }

  describe(): string {
    return `the ${this.kind.toUpperCase()} file ${this.#shown}`;
  }

  async *rows({ after, signal }: RowsOptions = {}): AsyncGenerator<SourceRow, void, undefined> {
    const file = await this.#resolve();
    const reader = readerFor(file);
    const progress = new Progress('file', after);
    for await (const records of fileRecords(file, reader, signal)) {
      this.#columns = reader.report;
      for (const { line, bytes, cells, problem } of records) {
        const position = progress.pass(bytes);
        if (position === undefined) continue;
        const row =
          cells === undefined
            ? { problem }
            : toUser(
                cells,
                { ...reader.rules, allowed: this.#allowed, ...(file.known && { columns: file.known }) },
                file.columns,
              );
        yield 'user' in row ? { position, line, user: row.user } : { position, line, problem: row.problem, raw: bytes };
      }
    }
    progress.end();
  }
}
