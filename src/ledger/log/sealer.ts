import type { Transaction } from 'kysely';
import { leafHash } from '../../policy/merkle';
import { withLeaf } from '../../policy/merkle-peaks';
import type { Peaks } from '../../policy/merkle-peaks';
import { sha256 } from '../sweeps/receipt-leaf';
import type { LedgerDatabase } from '../store';
import type { Tables } from '../tables';
import { contentOf, partsOfRef } from './contents';
import type { LogIdentity } from './contents';
import type { LeafKind } from './leaf-kind';

/** Rows of the queue that are numbered in one transaction. */
const AT_ONCE = 500;

interface QueuedRow {
  id: number;
  kind: LeafKind;
  ref: string;
  content: string | null;
}

interface NewLeaf {
  kind: LeafKind;
  ref: string;
  content: string;
  /** The rows of the queue that it settles. */
  ids: readonly number[];
}

/** The state of the log. */
export interface LogState extends Peaks {
  origin: string;
}

/**
 * Numbers the next rows of the queue; returns how many leaves were added and whether there may be more rows.
 *
 * Leaves are prepared outside the transaction that numbers them, so that it is short. Rows that another process has
 * numbered meanwhile are gone from the queue and are left out. A row that is committed later than others, whatever its
 * ID, is still in the queue and gets a later number.
 */
export async function numberQueue(
  database: LedgerDatabase,
  identity: LogIdentity,
): Promise<{ added: number; more: boolean }> {
  const queued = await readQueue(database);
  if (queued.length === 0) return { added: 0, more: false };
  const leaves = await prepare(database, queued, identity);
  const ids = queued.map(({ id }) => id);
  return { added: await append(database, leaves, ids), more: queued.length === AT_ONCE };
}

/** Returns the size and the largest whole subtrees of the log. */
export async function readLogState({ db }: { db: LedgerDatabase['db'] | Transaction<Tables> }): Promise<LogState> {
  const row = await db.selectFrom('log_state').selectAll().executeTakeFirstOrThrow();
  const hashes = (JSON.parse(row.peaks) as string[]).map((hash) => Buffer.from(hash, 'hex'));
  return { origin: row.origin, size: Number(row.size), hashes };
}

async function readQueue({ db }: LedgerDatabase): Promise<QueuedRow[]> {
  const rows = await db.selectFrom('log_queue').selectAll().orderBy('id').limit(AT_ONCE).execute();
  return rows.map((row) => ({ ...row, id: Number(row.id) }));
}

/** One leaf for all rows about the same thing; none for calls of a run that is sealed as a whole. */
async function prepare(
  database: LedgerDatabase,
  queued: readonly QueuedRow[],
  identity: LogIdentity,
): Promise<NewLeaf[]> {
  const byThing = new Map<string, QueuedRow[]>();
  const runs = new Set(queued.filter(({ kind }) => kind === 'run').map(({ ref }) => runOf(ref)));
  for (const row of queued) {
    const covered = row.kind === 'call' && runs.has(runOf(row.ref));
    const thing = covered
      ? `run ${runOf(row.ref)}\n`
      : row.content === null
        ? `${row.kind} ${row.ref}`
        : `row ${row.id}`;
    byThing.set(thing, [...(byThing.get(thing) ?? []), row]);
  }
  const leaves: NewLeaf[] = [];
  for (const rows of byThing.values()) {
    const whole = rows.find(({ kind }) => kind === 'run') ?? rows[0];
    if (whole === undefined) continue;
    const content = whole.content ?? (await contentOf(database, whole, identity));
    if (content !== undefined)
      leaves.push({ kind: whole.kind, ref: whole.ref, content, ids: rows.map(({ id }) => id) });
  }
  return leaves;
}

function runOf(ref: string): string {
  const { workflowId, runId } = partsOfRef(ref);
  return `${workflowId}\n${runId}`;
}

async function append(
  { db, store }: LedgerDatabase,
  leaves: readonly NewLeaf[],
  queued: readonly number[],
): Promise<number> {
  return db.transaction().execute(async (transaction) => {
    await store.lock(transaction, 'log');
    const rows = await transaction.selectFrom('log_queue').select('id').where('id', 'in', queued).execute();
    const left = new Set(rows.map(({ id }) => Number(id)));
    const fresh = leaves.filter(({ ids }) => ids.some((id) => left.has(id)));
    if (fresh.length > 0) await appendLeaves(transaction, fresh);
    await transaction.deleteFrom('log_queue').where('id', 'in', queued).execute();
    return fresh.length;
  });
}

async function appendLeaves(transaction: Transaction<Tables>, leaves: readonly NewLeaf[]): Promise<void> {
  let state: Peaks = await readLogState({ db: transaction });
  const at = new Date().toISOString();
  const numbered = leaves.map(({ kind, ref, content }) => {
    const leaf = leafHash(sha256, Buffer.from(content));
    const number = state.size;
    state = withLeaf(sha256, state, leaf);
    return { number, kind, ref, content, leaf: hex(leaf) };
  });
  await transaction
    .insertInto('log_leaves')
    .values(numbered.map(({ number, kind, leaf }) => ({ number, kind, leaf, at })))
    .execute();
  await transaction
    .insertInto('log_contents')
    .values(numbered.map(({ number, kind, ref, content }) => ({ number, kind, ref, content })))
    .execute();
  await transaction
    .updateTable('log_state')
    .set({ size: state.size, peaks: JSON.stringify(state.hashes.map(hex)) })
    .execute();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
