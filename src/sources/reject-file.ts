import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { SourceError } from './source';
import type { BadRow } from './source';

/** Size of the write buffer, in bytes. Unbuffered, a million bad rows would be a million system calls. */
const BUFFERED_BYTES = 64 * 1024;

/** A CSV file of bad rows: line, problem, and the original row. It contains IDs. */
export class RejectFile {
  readonly #handle: FileHandle;
  #buffered: Buffer[] = [];
  #bytes = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /**
   * Creates the file, readable for its owner only.
   *
   * @throws SourceError when it exists, because it may belong to an earlier run, or cannot be created.
   */
  static async create(file: string): Promise<RejectFile> {
    const handle = await open(file, 'wx', 0o600).catch((error: unknown) => {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      throw new SourceError(
        'rejectFile',
        code === 'EEXIST' ? 'already exists; name another file.' : `cannot be created (${code}).`,
      );
    });
    const rejects = new RejectFile(handle);
    await rejects.#write(Buffer.from('line,problem,raw\n'));
    return rejects;
  }

  /** Adds a row with its bytes unchanged, even if they are not UTF-8. */
  async add({ line, problem, raw }: Pick<BadRow, 'line' | 'problem' | 'raw'>): Promise<void> {
    await this.#write(
      Buffer.concat([
        Buffer.from(`${line},`),
        quoted(Buffer.from(problem)),
        Buffer.from(','),
        quoted(raw ?? Buffer.alloc(0)),
        Buffer.from('\n'),
      ]),
    );
  }

  /** Writes the rest, syncs it to disk and closes the file. */
  async close(): Promise<void> {
    try {
      await this.#flush();
      await this.#handle.sync();
    } finally {
      await this.#handle.close();
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    this.#buffered.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= BUFFERED_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#buffered);
    this.#buffered = [];
    this.#bytes = 0;
    // `write` may write only a part.
    if (bytes.length > 0) await this.#handle.appendFile(bytes);
  }
}

/** Quotes a CSV cell. In latin1 each byte is one character, so no byte changes. */
function quoted(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return Buffer.from(`"${text.replaceAll('"', '""')}"`, 'latin1');
}
