import { constants } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { STANDARD_INPUT } from './file-bytes';
import type { FileFormat } from './file-records';
import { SourceError, SourceUnavailableError } from './source';

/**
 * Returns the format that a file's name ends with.
 *
 * @throws SourceError for another ending.
 */
export function formatOf(file: string): FileFormat {
  if (file === STANDARD_INPUT)
    throw new SourceError(
      'file',
      'is the standard input, which has no file name to determine the format; give --format csv or --format jsonl.',
    );
  const ending = /\.(csv|jsonl|ndjson)(?:\.gz)?$/i.exec(file)?.[1]?.toLowerCase();
  const other = OTHER_FORMATS.find(({ endings }) => endings.test(file));
  if (other) throw new SourceError('file', `is ${other.what}; ${other.remedy}.`);
  if (ending === undefined)
    throw new SourceError(
      'file',
      'does not end in .csv, .jsonl or .ndjson (with or without .gz); rename it, or give its format.',
    );
  return ending === 'csv' ? 'csv' : 'jsonl';
}

/** Endings of files that people have and that are not read, with what to do. */
const OTHER_FORMATS: readonly { endings: RegExp; what: string; remedy: string }[] = [
  {
    endings: /\.(xlsx?|xlsm|xlsb|ods|numbers)$/i,
    what: 'a spreadsheet',
    remedy: 'save it as CSV (UTF-8), with IDs as text',
  },
  {
    endings: /\.(zip|7z|rar|tar|tgz|bz2|xz|zst)$/i,
    what: 'an archive',
    remedy: 'unpack it, or compress the CSV with gzip',
  },
  {
    endings: /\.(html?|xml|json|pdf|docx?|parquet)$/i,
    what: 'neither CSV nor JSON Lines',
    remedy: 'export the users as one of these',
  },
];

/** Maximum number of characters of a file's name that are stored. */
const MOST_OF_NAME = 200;

/** Returns the name of a file as a source: without its folders, which may say where an operator stores what. */
export function fileSource(file: string): string {
  return file === STANDARD_INPUT ? 'standard input' : `file:${file.split(/[/\\]/).at(-1)?.slice(0, MOST_OF_NAME)}`;
}

/** Whether a name is that of a file, of whatever format. */
export function looksLikeFile(name: string): boolean {
  return (
    /[/\\]/.test(name) ||
    /\.(csv|jsonl|ndjson)(\.gz)?$/i.test(name) ||
    OTHER_FORMATS.some(({ endings }) => endings.test(name))
  );
}

/**
 * Finds a file by a name from a workflow's input, which is untrusted: only files below the operator's folder,
 * regardless of the name and of symbolic links.
 *
 * @param folder From `HTTP_TASKS_SOURCE_DIR`.
 * @throws SourceError for any other or a missing file.
 */
export async function findInFolder(name: string, folder: string | undefined): Promise<{ path: string; flags: number }> {
  if (folder === undefined)
    throw new SourceError(
      'file',
      'cannot be used: the operator must first set HTTP_TASKS_SOURCE_DIR to the folder of source files.',
    );
  if (path.isAbsolute(name) || path.win32.isAbsolute(name))
    throw new SourceError('file', 'is an absolute path; give the path below HTTP_TASKS_SOURCE_DIR.');
  if (name.includes('\0')) throw new SourceError('file', 'contains a NUL character.');
  if (name.split(/[/\\]/).includes('..'))
    throw new SourceError('file', 'contains ".."; give the path below HTTP_TASKS_SOURCE_DIR.');
  const root = await realpath(folder).catch(() => {
    throw new SourceError(
      'HTTP_TASKS_SOURCE_DIR',
      'is not a folder that this process can read; the operator must create it or set another.',
    );
  });
  const found = await realpath(path.join(root, name)).catch(missing);
  // The file or a folder in its path may be a link that leads outside.
  if (!found.startsWith(root.endsWith(path.sep) ? root : root + path.sep)) {
    throw new SourceError('file', 'leads outside HTTP_TASKS_SOURCE_DIR by a symbolic link; put the file itself there.');
  }
  const { isRegular } = await look(found);
  if (!isRegular) throw new SourceError('file', 'is not a regular file.');
  // The resolved path contains no links. If its last part has become one since, it is not followed.
  return { path: found, flags: constants.O_RDONLY | constants.O_NOFOLLOW };
}

/**
 * Finds a file by a path given by a user of this machine. It may be anywhere and also a pipe; `-` is the standard
 * input.
 *
 * @throws SourceError when it is missing or a folder.
 */
export async function findAnywhere(file: string): Promise<{ path: string; flags: string }> {
  if (file === STANDARD_INPUT) return { path: file, flags: 'r' };
  const { isFolder } = await look(file);
  if (isFolder) throw new SourceError('file', 'is a folder.');
  return { path: file, flags: 'r' };
}

async function look(file: string): Promise<{ isRegular: boolean; isFolder: boolean }> {
  const stats = await stat(file).catch(missing);
  return { isRegular: stats.isFile(), isFolder: stats.isDirectory() };
}

function missing(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT' || code === 'ENOTDIR') throw new SourceError('file', `does not exist (${code}).`);
  if (code === 'EIO' || code === 'ESTALE' || code === 'EMFILE' || code === 'ENFILE') {
    throw new SourceUnavailableError(`The file is temporarily unavailable (${code}).`);
  }
  throw new SourceError('file', `cannot be read (${code}).`);
}
