import { sql } from 'kysely';
import type { RawBuilder, SqlBool } from 'kysely';
import { canonicalJson } from '../../policy/canonical-json';
import type { CanonicalValue } from '../../policy/canonical-json';
import { MerkleTree } from '../../policy/merkle';
import {
  leafOf,
  leafOfText,
  linesIn,
  sealableLines,
  sealedColumns,
  sealedFields,
  sha256,
} from '../sweeps/receipt-leaf';
import type { SealableLine, SealableRow } from '../sweeps/receipt-leaf';
import type { LedgerDatabase } from '../store';
import { rangesOf } from './contents';

/** How often running sweeps get a leaf for what they have recorded since, in milliseconds. */
const PART_MS = 600_000;

/** Row IDs that are looked through with one statement. */
const WINDOW = 5_000;

/** Maximum number of receipts in one part. */
const MOST_RECEIPTS = 100_000;

type InTime = <T>(work: () => Promise<T>) => Promise<T>;

/** What a running sweep has recorded since its last part. */
interface OpenPart {
  tree: MerkleTree;
  ids: number[];
}

/**
 * Queues a leaf for each running sweep over the receipts that were written since the last time, so that receipts which
 * are removed before the sweep ends are missed too. Receipts are read in the order of their row IDs; one that another
 * process commits with a lower ID afterwards is in no part, but in the seal of the sweep.
 *
 * @param now Whether to do so although the last time is less than ten minutes ago.
 */
export async function queueParts(
  database: LedgerDatabase,
  { now, inTime }: { now: boolean; inTime: InTime },
): Promise<void> {
  const { db } = database;
  const state = await inTime(() =>
    db.selectFrom('log_state').select(['parts_id', 'parts_at']).executeTakeFirstOrThrow(),
  );
  const since = state.parts_at === null ? 0 : new Date(state.parts_at).getTime();
  if (!now && Date.now() - since < PART_MS) return;
  const from = Number(state.parts_id);
  const running = await inTime(() =>
    db.selectFrom('sweeps').select('sweep_id').where('merkle_root', 'is', null).execute(),
  );
  const last = await inTime(() =>
    db.selectFrom('receipts').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst(),
  );
  const ids = new Set(running.map(({ sweep_id: sweepId }) => sweepId));
  const to = Number(last?.id ?? 0);
  if (ids.size === 0 || to <= from) {
    if (!now) await inTime(() => queue(database, { from, upTo: to, open: new Map() }));
    return;
  }
  for (let after = from; after < to;) {
    const part = await read(database, { ids, from: after, to, inTime });
    const isOurs = await inTime(() => queue(database, { from: after, ...part }));
    if (!isOurs) return;
    after = part.upTo;
  }
}

async function read(
  database: LedgerDatabase,
  { ids, from, to, inTime }: { ids: ReadonlySet<string>; from: number; to: number; inTime: InTime },
): Promise<{ upTo: number; open: Map<string, OpenPart> }> {
  const open = new Map<string, OpenPart>();
  let [upTo, receipts] = [from, 0];
  for await (const window of windows(database, { after: from, to, inTime })) {
    upTo = window.upTo;
    for (const row of window.rows) {
      const sweepId = row.workflowId;
      if (!ids.has(sweepId)) continue;
      const part = open.get(sweepId) ?? { tree: new MerkleTree(sha256), ids: [] };
      part.tree.add(leafOfText(row.text));
      part.ids.push(row.id);
      open.set(sweepId, part);
      receipts += 1;
    }
    if (receipts >= MOST_RECEIPTS) break;
  }
  return { upTo, open };
}

/** Reads the receipts of sweeps in windows of row IDs; while one window is used, the next one is read. */
async function* windows(
  database: LedgerDatabase,
  { after, to, inTime }: { after: number; to: number; inTime: InTime },
): AsyncGenerator<{ rows: SealableLine[]; upTo: number }> {
  const begin = (from: number): { upTo: number; reading: Promise<SealableLine[]> } => {
    const upTo = Math.min(to, from + WINDOW);
    const reading = inTime(() => readLines(database, { after: from, upTo }));
    reading.catch(() => undefined);
    return { upTo, reading };
  };
  for (let next = after < to ? begin(after) : undefined; next !== undefined;) {
    const { upTo, reading } = next;
    const rows = await reading;
    next = upTo < to ? begin(upTo) : undefined;
    yield { rows, upTo };
  }
}

async function readLines(
  { db, store }: LedgerDatabase,
  window: { after: number; upTo: number },
): Promise<SealableLine[]> {
  const { rows } = await sql<{ lines: string | null }>`
    select ${sealableLines(store)} as lines from receipts where ${inWindow(window)}`.execute(db);
  return linesIn(rows[0]?.lines ?? null).sort((a, b) => a.id - b.id);
}

function inWindow({ after, upTo }: { after: number; upTo: number }): RawBuilder<SqlBool> {
  return sql`id > ${after} and id <= ${upTo} and run_id = '' and activity_id = ''`;
}

/** Returns what a part would contain now, or undefined if a receipt in its place is of something else. */
export async function partNow(
  database: LedgerDatabase,
  { ref, content }: { ref: string; content: string },
  inTime: InTime,
): Promise<string | undefined> {
  const sealed = JSON.parse(content) as Record<string, CanonicalValue> & { rows: string };
  const ranges = sealed.rows.split(',').map((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return { from, to };
  });
  const last = ranges.at(-1)?.to ?? 0;
  const tree = new MerkleTree(sha256);
  let at = 0;
  for (let after = (ranges[0]?.from ?? 1) - 1; after < last; after += WINDOW) {
    const upTo = Math.min(last, after + WINDOW);
    // Column by column: what was tampered with may be something that JSON of the database cannot contain.
    const { rows } = await inTime(() =>
      sql<SealableRow>`select ${sealedColumns(database.store)} from receipts
        where ${inWindow({ after, upTo })} order by id`.execute(database.db),
    );
    for (const row of rows) {
      while ((ranges[at]?.to ?? last) < Number(row.id)) at += 1;
      if (Number(row.id) < (ranges[at]?.from ?? 0)) continue;
      if (row.workflow_id !== ref) return undefined;
      tree.add(leafOf(sealedFields(row)));
    }
  }
  const receipts = tree.count;
  return canonicalJson({ ...sealed, receipts, receiptsRoot: Buffer.from(tree.finish()).toString('hex') });
}

/** Does nothing, and returns false, if another process has queued parts meanwhile. */
async function queue(
  { db, store }: LedgerDatabase,
  { from, upTo, open }: { from: number; upTo: number; open: ReadonlyMap<string, OpenPart> },
): Promise<boolean> {
  const at = new Date().toISOString();
  const rows = [...open].map(([sweepId, { tree, ids }]) => ({
    kind: 'part' as const,
    ref: sweepId,
    content: canonicalJson({
      v: 1,
      kind: 'part',
      sweepId,
      rows: rangesOf(ids),
      receipts: ids.length,
      receiptsRoot: Buffer.from(tree.finish()).toString('hex'),
      at,
    }),
  }));
  return db.transaction().execute(async (transaction) => {
    await store.lock(transaction, 'log');
    const { numUpdatedRows } = await transaction
      .updateTable('log_state')
      .set({ parts_id: upTo, parts_at: at })
      .where('parts_id', '=', from)
      .executeTakeFirst();
    if (numUpdatedRows > 0n && rows.length > 0) await transaction.insertInto('log_queue').values(rows).execute();
    return numUpdatedRows > 0n;
  });
}
