import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Checkpoint } from './log-ledger';

/** What HTTP_TASKS_SEAL_EXPORT begins with if it names a command. */
const COMMAND = 'command:';

/** Maximum duration of the command, in milliseconds. */
const COMMAND_MS = 60_000;

/** A checkpoint could not be exported. The message names the target and contains no content. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
}

/**
 * Writes a checkpoint to where the ledger cannot be rewritten from: into a new file of a folder, or to the standard input
 * of a command (`command:PROGRAM ARGUMENT…`, split at spaces, run without a shell), which finds the file's name in
 * CHECKPOINT_NAME. Idempotent: the name depends on size and content.
 *
 * @throws ExportError
 */
export async function exportCheckpoint(target: string, { size, note }: Checkpoint): Promise<void> {
  const digest = createHash('sha256').update(note).digest('hex').slice(0, 8);
  const name = `${String(size).padStart(12, '0')}-${digest}.checkpoint`;
  if (target.startsWith(COMMAND)) return runCommand(target.slice(COMMAND.length), name, note);
  try {
    await writeFile(path.join(target, name), note, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST')
      throw new ExportError(`The checkpoint could not be written to ${target} (${code ?? 'unknown'}).`);
  }
}

function runCommand(command: string, name: string, note: string): Promise<void> {
  const [program = '', ...args] = command.trim().split(/ +/);
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], CHECKPOINT_NAME: name };
    const child = execFile(program, args, { env, timeout: COMMAND_MS }, (error) => {
      if (error === null) resolve();
      else
        reject(
          new ExportError(`The command of HTTP_TASKS_SEAL_EXPORT failed (${String(error.code ?? error.signal)}).`),
        );
    });
    // A command that ends without reading is judged by its exit code.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(note);
  });
}
