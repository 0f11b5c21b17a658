import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 100;
/** Age, in milliseconds, after which a lock counts as abandoned; longer than the time limit of a download. */
const STALE_MS = 15 * 60_000;

/**
 * Runs `work` while no other process on this machine holds the lock file. It avoids a second download but guarantees
 * nothing: if a holder dies, two waiters may both continue, and their work has to tolerate that.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  while (!(await tryTake(file))) {
    if (await isAbandoned(file)) await rm(file, { force: true });
    else await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function tryTake(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx');
    await handle.writeFile(String(process.pid));
    await handle.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isAbandoned(file: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(file);
    if (Date.now() - mtimeMs > STALE_MS) return true;
    const holder = Number(await readFile(file, 'utf8'));
    // The file is empty between its creation and the first write, so the holder is not known yet.
    return holder > 0 && !isAlive(holder);
  } catch {
    return false;
  }
}

/** Whether a process with this ID runs on this machine, including other users' processes. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
