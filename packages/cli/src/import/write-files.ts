import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ImportSuffix, SourceFile } from '@temporal-http-tasks/openapi/internal/source/task-source';
import { CommandFailure, Refusal } from '../program/errors';

/** The files that were written, and those that were kept. */
export interface WrittenFiles {
  written: string[];
  kept: string[];
}

/**
 * Writes all of the files or none. An existing file is overwritten only with `force`; an existing file of a service is
 * kept otherwise, since other tasks may use it.
 *
 * @throws Refusal naming every file that is in the way.
 */
export async function writeSourceFiles(
  folder: string,
  files: readonly SourceFile[],
  { force }: { force: boolean },
): Promise<WrittenFiles> {
  const kept: string[] = [];
  const wanted: { path: string; text: string; before: string | undefined }[] = [];
  const inTheWay: string[] = [];
  for (const { name, text, shared, exports } of files) {
    const path = join(folder, name);
    const before = await textOf(path);
    if (before === undefined || force) wanted.push({ path, text, before });
    else if (shared && before.includes(`export const ${exports} =`)) kept.push(path);
    else inTheWay.push(path);
  }
  if (inTheWay.length > 0) {
    throw new Refusal(
      'Usage',
      `These files already exist: ${inTheWay.join(', ')}. Nothing was written; give --force to overwrite them.`,
      'out',
    );
  }
  await place(folder, wanted, force);
  return { written: wanted.map(({ path }) => path), kept };
}

/** How files in this folder import each other: the nearest package.json says whether they are ES modules. */
export async function importSuffixFor(folder: string): Promise<ImportSuffix> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const text = await readFile(join(at, 'package.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) return /"type"\s*:\s*"module"/.test(text) ? '.js' : '';
    if (dirname(at) === at) return '';
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    if (code === 'ENOTDIR')
      throw new Refusal('Usage', `--out: a part of ${dirname(path)} is a file and not a folder.`, 'out');
    throw new Refusal('Usage', `--out: ${path} cannot be read (${code ?? 'unknown error'}).`, 'out');
  }
}

/** Writes every file under another name first, so that none is ever seen half written, and takes back what was placed if one fails. */
async function place(
  folder: string,
  files: readonly { path: string; text: string; before: string | undefined }[],
  force: boolean,
): Promise<void> {
  const mark = randomBytes(6).toString('hex');
  const aside = (path: string): string => `${path}.${mark}.tmp`;
  const placed: (typeof files)[number][] = [];
  try {
    await mkdir(folder, { recursive: true });
    for (const { path, text } of files) await writeFile(aside(path), text, { flag: 'wx' });
    for (const file of files) {
      // A link, unlike a renaming, refuses a file that was made meanwhile.
      if (force) await rename(aside(file.path), file.path);
      else await link(aside(file.path), file.path);
      placed.push(file);
    }
  } catch (error) {
    for (const { path, before } of placed)
      await (before === undefined ? rm(path, { force: true }) : writeFile(path, before));
    throw new CommandFailure(
      'Failed',
      `The files cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}). Nothing was changed.`,
    );
  } finally {
    await Promise.all(files.map(({ path }) => rm(aside(path), { force: true })));
  }
}
