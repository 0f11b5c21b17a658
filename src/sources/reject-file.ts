import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { SourceError } from './source';
import type { BadRow } from './source';

/** Written at once; a bad row is small and a million of them would be a million system calls. */
const BUFFERED_BYTES = 64 * 1024;

/** A CSV file of the rows that cannot be users: line, problem, and the row as it came. It holds ids. */
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
   * @throws SourceError when it is there already, since it may be what is left of an earlier run, or cannot be made.
   */
  static async create(file: string): Promise<RejectFile> {
    const handle = await open(file, 'wx', 0o600).catch((error: unknown) => {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      throw new SourceError(
        'rejectFile',
        code === 'EEXIST' ? 'is there already; name another file.' : `cannot be created (${code}).`,
      );
    });
    const rejects = new RejectFile(handle);
    await rejects.#write(Buffer.from('line,problem,raw\n'));
    return rejects;
  }

  /** Adds a row; its bytes stay as they are, also where they are no UTF-8. */
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

  /** Writes the rest and closes the file; the disk has it then. */
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
    // `write` may take a part only.
    if (bytes.length > 0) await this.#handle.appendFile(bytes);
  }
}

/** In latin1 each byte is one character, so that no byte is changed on the way. */
function quoted(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return Buffer.from(`"${text.replaceAll('"', '""')}"`, 'latin1');
}
