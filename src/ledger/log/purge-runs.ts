import type { LedgerDatabase } from '../store';
import { partsOfRef, rangesOf, readCoveredReceipts } from './contents';
import { whilePurging } from './purging';
import { enqueue } from './queue';

/** Runs whose receipts are deleted in one transaction, and leaves that are read with one statement. */
const RUNS_AT_ONCE = 100;
const LEAVES = 2_000;

/** Runs that one call looks at, so that its memory is bounded. */
const MOST_RUNS = 20_000;

/** Positions in `SEALED_COLUMNS`. */
const [ACTIVITY_ID, SEQ, STEP, PHASE, ROUND, ATTEMPT] = [2, 3, 4, 5, 6, 7];

type InTime = <T>(work: () => Promise<T>) => Promise<T>;

interface Leaf {
  number: number;
  kind: 'run' | 'call';
  content: string;
}

/** Places in the log whose receipts were purged, by leaf and by sweep, with the time before which they had ended. */
export interface Purged {
  leaves: ReadonlyMap<number, string>;
  sweeps: ReadonlyMap<string, string>;
}

/** What the content of a leaf of the kind `purge` says. */
export interface PurgeContent {
  /** Places in the log, as ranges. */
  leaves?: string;
  sweeps?: readonly string[];
  before: string;
  at: string;
}

/** Reads what was purged, as the log says. What is queued for the log proves nothing yet. */
export async function readPurged(
  { db }: LedgerDatabase,
  { alsoQueued = false }: { alsoQueued?: boolean } = {},
): Promise<Purged> {
  const numbered = db.selectFrom('log_contents').select('content').where('kind', '=', 'purge');
  const queued = db.selectFrom('log_queue').select('content').where('kind', '=', 'purge');
  const rows: { content: string | null }[] = await numbered.orderBy('number').execute();
  if (alsoQueued) rows.push(...(await queued.execute()));
  const leaves = new Map<number, string>();
  const sweeps = new Map<string, string>();
  for (const { content } of rows) {
    const { leaves: ranges = '', sweeps: ids = [], before } = JSON.parse(content ?? '{}') as PurgeContent;
    for (const sweepId of ids) sweeps.set(sweepId, before);
    for (const range of ranges === '' ? [] : ranges.split(',')) {
      const [from = 0, to = from] = range.split('-').map(Number);
      for (let number = from; number <= to; number++) leaves.set(number, before);
    }
  }
  return { leaves, sweeps };
}

/**
 * See `LogLedger.purgeRuns`. A run is left alone while one of its leaves is younger, or an intent has no outcome: its next
 * attempt has to find it.
 */
export async function purgeRuns(
  database: LedgerDatabase,
  { before, inTime }: { before: string; inTime: InTime },
): Promise<{ runs: number; more: boolean }> {
  const { leaves: purged } = await inTime(() => readPurged(database, { alsoQueued: true }));
  const old = new Map<string, Leaf[]>();
  const young = new Set<string>();
  let more = false;
  for await (const { ref, ...leaf } of allLeaves(database, inTime)) {
    if (purged.has(leaf.number)) continue;
    const { workflowId, runId } = partsOfRef(ref);
    const run = `${workflowId}\n${runId}`;
    const { endedAt = '' } = JSON.parse(leaf.content) as { endedAt?: string };
    if (Date.parse(endedAt) >= Date.parse(before)) young.add(run);
    else if (old.has(run) || old.size < MOST_RUNS) old.set(run, [...(old.get(run) ?? []), leaf]);
    else more = true;
  }
  let runs = 0;
  const batch: Leaf[][] = [];
  for (const [run, leaves] of old) {
    if (young.has(run)) continue;
    if (!(await isSettled(database, leaves, inTime))) continue;
    batch.push(leaves);
    runs += 1;
    if (batch.length === RUNS_AT_ONCE) await inTime(() => remove(database, batch.splice(0).flat(), before));
  }
  if (batch.length > 0) await inTime(() => remove(database, batch.flat(), before));
  // Also of what another process deleted that was interrupted before this.
  await inTime(() => database.store.eraseOldVersions(database.db));
  return { runs, more: more && runs > 0 };
}

async function* allLeaves({ db }: LedgerDatabase, inTime: InTime): AsyncGenerator<Leaf & { ref: string }> {
  for (let next = 0; ;) {
    const from = next;
    const rows = await inTime(() =>
      db
        .selectFrom('log_contents')
        .select(['number', 'kind', 'ref', 'content'])
        .where('number', '>=', from)
        .where('kind', 'in', ['run', 'call'])
        .orderBy('number')
        .limit(LEAVES)
        .execute(),
    );
    for (const { number, kind, ref, content } of rows)
      yield { number: Number(number), kind: kind === 'run' ? 'run' : 'call', ref, content };
    if (rows.length < LEAVES) return;
    next = Number(rows.at(-1)?.number) + 1;
  }
}

async function isSettled(database: LedgerDatabase, leaves: readonly Leaf[], inTime: InTime): Promise<boolean> {
  // The run as a whole has ended.
  if (leaves.some(({ kind }) => kind === 'run')) return true;
  const open = new Set<string>();
  for (const { content } of leaves) {
    const receipts = await inTime(() => readCoveredReceipts(database, content));
    for (const { fields } of receipts) {
      const call = JSON.stringify([ACTIVITY_ID, SEQ, STEP, ROUND, ATTEMPT].map((place) => fields[place ?? 0]));
      if (fields[PHASE ?? 0] === 'intent') open.add(call);
      else open.delete(call);
    }
  }
  return open.size === 0;
}

async function remove({ db }: LedgerDatabase, leaves: readonly Leaf[], before: string): Promise<void> {
  const at = new Date().toISOString();
  const numbers = leaves.map(({ number }) => number).sort((a, b) => a - b);
  await db.transaction().execute((transaction) =>
    whilePurging(transaction, async () => {
      for (const { kind, content } of leaves) {
        const { rows = '0', workflowId = '', runId = '' } = JSON.parse(content) as Record<string, string>;
        for (const range of rows.split(',')) {
          const [from = 0, to = from] = range.split('-').map(Number);
          await transaction.deleteFrom('receipts').where('id', '>=', from).where('id', '<=', to).execute();
        }
        if (kind === 'run')
          await transaction
            .deleteFrom('compensation_log')
            .where('workflow_id', '=', workflowId)
            .where('run_id', '=', runId)
            .execute();
      }
      await enqueue(transaction, { kind: 'purge', ref: '', content: { leaves: rangesOf(numbers), before, at } });
    }),
  );
}
