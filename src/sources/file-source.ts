import { fileRecords, readerFor } from './file-records';
import type { UserFile } from './file-records';
import { Progress } from './progress';
import type { RowsOptions, Source, SourceRow } from './source';
import { toUser } from './to-user';

/** Users from a CSV or JSONL file, which may be packed with gzip. It is read from its beginning each time. */
export class FileSource implements Source {
  readonly kind: string;
  readonly #shown: string;
  readonly #resolve: () => Promise<UserFile>;

  /**
   * @param shown The file as it was named by whoever configured it.
   * @param resolve Finds the file, again at each reading, since it may have been replaced.
   */
  constructor(shown: string, format: UserFile['format'], resolve: () => Promise<UserFile>) {
    this.kind = format;
    this.#shown = shown;
    this.#resolve = resolve;
  }

  describe(): string {
    return `the ${this.kind.toUpperCase()} file ${this.#shown}`;
  }

  async *rows({ after, signal }: RowsOptions = {}): AsyncGenerator<SourceRow, void, undefined> {
    const file = await this.#resolve();
    const reader = readerFor(file);
    const progress = new Progress('file', after);
    for await (const records of fileRecords(file, reader, signal)) {
      for (const { line, bytes, cells, problem } of records) {
        const position = progress.pass(bytes);
        if (position === undefined) continue;
        const row = cells === undefined ? { problem } : toUser(cells, reader.rules, file.columns);
        yield 'user' in row ? { position, line, user: row.user } : { position, line, problem: row.problem, raw: bytes };
      }
    }
    progress.end();
  }
}
