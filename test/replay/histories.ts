import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { History } from '@temporalio/common/lib/proto-utils';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';

/** Recorded histories, one folder for each release that runs of users may have been started with. */
export const HISTORIES = path.join(__dirname, 'histories');

/** The name of each recorded history, for example `0.1.0/offboard-user-completed`. */
export async function historyNames(): Promise<string[]> {
  const files = await readdir(HISTORIES, { recursive: true });
  return files
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

export async function readHistory(name: string): Promise<History> {
  return historyFromJSON(JSON.parse(await readFile(path.join(HISTORIES, `${name}.json`), 'utf8')));
}
