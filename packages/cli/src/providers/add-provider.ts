import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asSentence, didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import { CommandFailure, Refusal } from '../program/errors';
import type { CommonOptions } from '../program/command';
import type { ExitCode, Io } from '../program/io';
import { print, printable, printJson, say } from '../terminal/output';

/** Provider files that come with the package; the build puts them here. */
const READY = join(__dirname, '..', 'ready-providers');

const FILE_NAME = /^(.+)\.provider\.yaml$/;

/** The options of `http-tasks providers add`. */
export interface AddOptions extends CommonOptions {
  /** The folder that the files are copied into. @default the current one */
  to?: string;
  /** Overwrite existing files. */
  force?: boolean;
}

/**
 * Copies a provider that comes with the package: its file, the document that the file names, and the page about the API.
 *
 * @param from The folder with the files.
 */
export async function addProvider(
  io: Io,
  name: string,
  { json, to = '.', force = false }: AddOptions,
  from = READY,
): Promise<ExitCode> {
  const ready = (await readdir(from)).flatMap((file) => FILE_NAME.exec(file)?.[1] ?? []).sort();
  if (!ready.includes(name))
    throw new Refusal(
      'Usage',
      asSentence(
        `No provider with this name comes with the package; allowed: ${ready.join(', ')}${didYouMean(name, ready)}`,
      ),
      'name',
    );
  const names = [`${name}.provider.yaml`, `${name}.openapi.yaml`, `${name}.md`];
  const files = names.map((file) => join(to, file));
  const unwritable = (error: unknown): never => {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new CommandFailure('Failed', `${printable(to)} cannot be written (${code}).`);
  };
  await mkdir(to, { recursive: true }).catch(unwritable);
  for (const file of files) await refuseIfThere(file, force);
  for (const [index, file] of files.entries())
    await copyFile(join(from, names[index] ?? ''), file, force ? 0 : constants.COPYFILE_EXCL).catch(unwritable);
  if (json) printJson(io, { provider: name, files });
  else {
    for (const file of files) print(io, printable(file));
    say(io, `Check it with: http-tasks providers check ${printable(files[0] ?? '')}`);
  }
  return 0;
}

async function refuseIfThere(file: string, force: boolean): Promise<void> {
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined || (force && found.isFile())) return;
  const advice = found.isFile() ? '--force replaces it, and --to names another folder' : '--to names another folder';
  throw new Refusal('Usage', `${printable(file)} already exists; ${advice}.`, 'to');
}
