import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Refusal } from '../program/errors';
import { printable } from '../terminal/output';

/** Minimum size of a block that is written, in characters: a million small writes would take minutes. */
const BUFFERED_CHARACTERS = 256 * 1024;

/**
 * Creates a new file that only its owner can read.
 *
 * @throws Refusal when it exists or cannot be created.
 */
export async function createBundleFile(file: string): Promise<FileHandle> {
  return open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EEXIST'
        ? 'already exists; name another file'
        : `cannot be created (${error.code ?? 'unknown error'})`;
    throw new Refusal('Usage', `--bundle: ${printable(file)} ${why}.`, 'bundle');
  });
}

/** Writes lines into a file. */
export class LineWriter {
  readonly #handle: FileHandle;
  #buffered = '';

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async add(line: string): Promise<void> {
    this.#buffered += `${line}\n`;
    if (this.#buffered.length >= BUFFERED_CHARACTERS) await this.#flush();
  }

  async close(): Promise<void> {
    await this.#flush();
    await this.#handle.sync();
  }

  async #flush(): Promise<void> {
    await this.#handle.appendFile(this.#buffered);
    this.#buffered = '';
  }
}
