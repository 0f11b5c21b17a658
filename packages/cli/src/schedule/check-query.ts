import type { Client } from '@temporalio/client';
import { DEFAULT_LEDGER_URL, readLedgerUrl } from 'temporal-http-tasks/internal/config/database-settings';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import type { RecordedEnvironment } from 'temporal-http-tasks/internal/ledger/worker-environments';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { Refusal } from '../errors';
import type { Io } from '../io';
import { printable, say } from '../output';

/**
 * Checks that the live workers of the task queue know the query that a schedule names, by what they recorded in the
 * ledger. What cannot be checked, and what only some of them know, is said.
 *
 * @throws Refusal when there are such workers and none of them knows it.
 */
export async function checkQuery(
  io: Io,
  client: Client,
  { taskQueue, input }: { taskQueue: string; input: OffboardUsersInput },
): Promise<void> {
  const name = input.source?.query;
  if (name === undefined) return;
  const shown = `query:${printable(name)}`;
  const workers = await liveQueries(io, { namespace: client.options.namespace, taskQueue });
  if (typeof workers === 'string') {
    say(io, `Warning: it could not be checked that the worker has ${shown}: ${workers}.`);
    return;
  }
  const knowing = workers.filter((queries) => queries.includes(settingName(name)));
  if (knowing.length === 0) {
    const known = [...new Set(workers.flat())].sort().join(', ') || 'none';
    const setting = `HTTP_TASKS_SOURCE_${settingName(name).toUpperCase()}`;
    throw new Refusal(
      'Task.InvalidInput',
      `source.query: no live worker of the task queue "${taskQueue}" has the query ${name}; known: ${known}. Give the worker ${setting}_URL and ${setting}_QUERY, then create the schedule.`,
      'source',
    );
  }
  if (knowing.length < workers.length)
    say(
      io,
      `Warning: only ${knowing.length} of ${workers.length} live workers have ${shown}; a run on another one fails.`,
    );
}

/** As the worker lists its queries: whatever the case, and `-` stands for `_`. */
function settingName(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}

/** The queries of each live worker that recorded them, or why they are not known. */
async function liveQueries(
  io: Io,
  queue: { namespace: string; taskQueue: string },
): Promise<(readonly string[])[] | string> {
  const { url, plaintextAllowed } = readLedgerUrl(io.env);
  try {
    const { readWorkersOfLedger } = await import('temporal-http-tasks/internal/ledger/open-ledger');
    const recorded = await readWorkersOfLedger({ url: url ?? DEFAULT_LEDGER_URL, plaintextAllowed }, queue);
    const byWorker = new Map<string, readonly string[]>(
      recorded.filter(isLive).map(({ worker, queries = [] }) => [worker, queries]),
    );
    return byWorker.size > 0
      ? [...byWorker.values()]
      : `no live worker of the task queue "${queue.taskQueue}" has recorded its queries in this ledger`;
  } catch (error) {
    if (!(error instanceof LedgerSettingError || error instanceof LedgerUnavailableError)) throw error;
    return url === undefined ? 'HTTP_TASKS_LEDGER_URL is not set here' : error.message.replace(/\.$/, '');
  }
}

function isLive({ state, queries }: RecordedEnvironment): boolean {
  return state === 'live' && queries !== undefined;
}
