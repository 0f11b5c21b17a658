import { randomBytes } from 'node:crypto';
import { link, lstat, open, rename, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CommandFailure, Refusal } from '../program/errors';
import { printable } from './output';

/** Where a command writes what would be too much for a terminal. */
export interface OutputFile {
  path: string;
  /** Whether a file that is there already is replaced. */
  force: boolean;
}

/** Error codes of file systems without hard links. */
const NO_LINKS: readonly unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV'];

/**
 * Looks whether the file may be written, before anything is done for it.
 *
 * @throws Refusal when something is there already: a file without `force`, or anything that is not a file.
 */
export async function checkOutputFile({ path, force }: OutputFile): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Refusal('Usage', `--out: ${printable(path)} cannot be read (${error.code ?? 'unknown error'}).`, 'out');
  });
  if (found === undefined) return;
  if (!found.isFile())
    throw new Refusal('Usage', `--out: ${printable(path)} exists and is not a file; name another one.`, 'out');
  if (!force) throw existsAlready(path);
}

/**
 * Writes a file that only its owner may read. It has its name only when it is complete: until then it
 * has another one, and nothing is left of it when the writing fails or is given up.
 *
 * @param signal Aborted when a person has had enough.
 * @throws Refusal when it cannot be made, CommandFailure when it cannot be finished.
 */
export async function writeOutputFile(
  file: OutputFile,
  chunks: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const partial = join(dirname(file.path), `.http-tasks-${randomBytes(6).toString('hex')}.partial`);
  const handle = await open(partial, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new Refusal(
      'Usage',
      `--out: ${printable(file.path)} cannot be created (${error.code ?? 'unknown error'}).`,
      'out',
    );
  });
  try {
    try {
      for await (const chunk of chunks) {
        if (signal.aborted)
          throw new CommandFailure('Interrupted', `Interrupted: ${printable(file.path)} was not written.`);
        await handle.appendFile(chunk).catch(unfinished(file.path));
      }
      await handle.sync().catch(unfinished(file.path));
    } finally {
      await handle.close();
    }
    await takeName(partial, file);
  } catch (error) {
    await unlink(partial).catch(() => undefined);
    throw error;
  }
}

function unfinished(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    throw new CommandFailure(
      'Failed',
      `${printable(path)} could not be written (${error.code ?? 'unknown error'}), and nothing is left of it.`,
    );
  };
}

/** Another file may have taken the name meanwhile: a link, unlike a rename, never replaces one. */
async function takeName(partial: string, file: OutputFile): Promise<void> {
  if (file.force) {
    await checkOutputFile(file);
    return rename(partial, file.path);
  }
  try {
    await link(partial, file.path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw existsAlready(file.path);
    if (!NO_LINKS.includes(code)) throw error;
    await checkOutputFile(file);
    return rename(partial, file.path);
  }
  await unlink(partial);
}

function existsAlready(path: string): Refusal {
  return new Refusal(
    'Usage',
    `--out: ${printable(path)} already exists; name another file, or add --force to replace it.`,
    'out',
  );
}

/**
 * Writes a private key into a new file that only its owner can read.
 *
 * @param path The argument of `--out`.
 * @throws Refusal when the file exists or cannot be created.
 */
export async function writePrivateKey(path: string, pem: string): Promise<void> {
  try {
    await writeFile(path, pem, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'exists; name another file' : `cannot be created (${code ?? 'unknown'})`;
    throw new Refusal('Usage', `--out: ${printable(path)} ${why}.`, 'out');
  }
}
