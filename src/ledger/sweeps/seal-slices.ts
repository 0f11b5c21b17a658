import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { MerkleTree } from '../../policy/merkle';
import { endOfPackedRow, readSealedLeaves, within } from './sealed-leaves';
import type { SealedLeaf, SeqRange } from './sealed-leaves';
import { leafOfText, linesIn, sealableLines, sealedColumns, sealedFields, sha256 } from './receipt-leaf';
import type { SealableLine, SealableRow, SealedField } from './receipt-leaf';
import { storable } from '../values';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { ofSweep } from './sweep-receipts';

/** A receipt with its leaf, ready for the tree. */
export interface SealableReceipt {
  id: number;
  seq: number;
  step: string;
  /** The JSON array of the sealed fields, which is hashed. */
  text: string;
  leaf: Uint8Array;
}

/** Returns the sealed fields of a receipt. */
export function fieldsOf({ text }: SealableReceipt): SealedField[] {
  return JSON.parse(text) as SealedField[];
}

/** All receipts and stored leaves of some users, each in tree order. */
export interface SealSlice {
  receipts: readonly SealableReceipt[];
  kept: readonly SealedLeaf[];
}

/** Maximum number of rows in memory, unless a single user has more. */
const SLICE_ROWS = 2_000;

const HASH_BYTES = 32;

/**
 * Reads a sweep's receipts in the order of the tree, in parts of whole users. The tree is ordered by user, and per user by
 * leaf hash, which all databases sort equally. While one part is used, the next one is read.
 */
export async function* sealableReceipts(
  context: SweepContext,
  sweepId: string,
): AsyncGenerator<readonly SealableReceipt[]> {
  const begin = (after: number | null): Promise<readonly SealableLine[]> => {
    const reading = context.inTime(() => readWholeUsers(context, sweepId, after));
    // The caller may take no further part, and then does not learn that it could not be read.
    reading.catch(() => undefined);
    return reading;
  };
  for (let reading: Promise<readonly SealableLine[]> | undefined = begin(null); reading !== undefined;) {
    const rows: readonly SealableLine[] = await reading;
    const last = rows.at(-1);
    reading = last === undefined ? undefined : begin(last.seq);
    if (last !== undefined) yield rows.map(toSealable).sort(inTreeOrder);
  }
}

/** Reads the receipts of the next users: all of as many users as have {@link SLICE_ROWS}, or of one with more. */
async function readWholeUsers(
  { db, store }: SweepContext,
  sweepId: string,
  after: number | null,
): Promise<SealableLine[]> {
  const read = async (more: RawBuilder<unknown>): Promise<SealableLine[]> => {
    const receipts = sql`(select * from receipts where ${ofSweep(sweepId)} and ${more}) as r`;
    const { rows } = await sql<{ lines: string | null }>`
      select ${sealableLines(store)} as lines from ${receipts}`.execute(db);
    return linesIn(rows[0]?.lines ?? null).sort((a, b) => a.seq - b.seq);
  };
  const rows = await read(sql`${within({ after, upTo: null })} order by seq limit ${sql.lit(SLICE_ROWS)}`);
  const last = rows.at(-1);
  if (rows.length < SLICE_ROWS || last === undefined) return rows;
  // The last user may have more.
  const whole = rows.filter(({ seq }) => seq !== last.seq);
  return whole.length > 0 ? whole : read(sql`seq = ${last.seq}`);
}

function toSealable({ id, seq, step, text }: SealableLine): SealableReceipt {
  return { id, seq, step, text, leaf: leafOfText(text) };
}

/** Reads a sweep's receipts and stored leaves in slices, both up to the same user and in the order of the tree. */
export async function* sealSlices(context: SweepContext, sweepId: string): AsyncGenerator<SealSlice> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  let after: number | null = null;
  do {
    const upTo: number | null = await context.inTime(() => endOfSlice(context, { sweepId, sweep, after }));
    const range: SeqRange = { after, upTo };
    yield {
      receipts: await context.inTime(() => readReceipts(context, sweepId, range)),
      kept: (await context.inTime(() => readSealedLeaves(context, sweep, range))).sort(inTreeOrder),
    };
    after = upTo;
  } while (after !== null);
}

/** Returns the tree of the hashes that the purge of a sweep has kept; empty for one that was not purged. */
export async function purgedTree(context: SweepContext, sweepId: string): Promise<MerkleTree> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  const tree = new MerkleTree(sha256);
  for (let next = -1; ;) {
    const after = next;
    const row = await context.inTime(() =>
      context.db
        .selectFrom('purged_hashes')
        .select(['part', 'hashes'])
        .where('sweep', '=', sweep)
        .where('part', '>', after)
        .orderBy('part')
        .limit(1)
        .executeTakeFirst(),
    );
    if (row === undefined) return tree;
    const hashes = Buffer.from(row.hashes, 'base64url');
    for (let at = 0; at < hashes.length; at += HASH_BYTES) tree.add(hashes.subarray(at, at + HASH_BYTES));
    next = row.part;
  }
}

/** See `SweepLedger.readSealed`. */
export async function readSealed(
  context: SweepContext,
  { sweepId, from, to }: { sweepId: string; from: number; to: number },
): Promise<Set<number>> {
  const row = await context.db
    .selectFrom('sweeps')
    .select(['number', 'merkle_root'])
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined || row.merkle_root === null) return new Set();
  const range: SeqRange = { after: from - 1, upTo: to };
  const kept = new Set((await readSealedLeaves(context, row.number, range)).map(identityOf));
  const receipts = await readReceipts(context, sweepId, range);
  return new Set(receipts.filter((receipt) => kept.has(identityOf(receipt))).map(({ id }) => id));
}

/** Returns a text that is equal for a receipt and its stored leaf, independent of the row's ID. */
export function identityOf({ seq, leaf }: SealableReceipt | SealedLeaf): string {
  return `${seq} ${Buffer.from(leaf).toString('base64url')}`;
}

async function endOfSlice(
  context: SweepContext,
  { sweepId, sweep, after }: { sweepId: string; sweep: number; after: number | null },
): Promise<number | null> {
  const rest = within({ after, upTo: null });
  const { rows } = await sql<{ seq: number }>`
    select * from (
      select seq from receipts where ${ofSweep(sweepId)} and ${rest} order by seq limit 1 offset ${sql.lit(SLICE_ROWS)}
    ) as r union all select * from (
      select seq from sealed_leaves where sweep = ${sweep} and ${rest} order by seq limit 1 offset ${sql.lit(SLICE_ROWS)}
    ) as l`.execute(context.db);
  const ends = rows.map(({ seq }) => seq);
  const packed = await endOfPackedRow(context, sweep, after);
  if (packed !== undefined) ends.push(packed);
  return ends.length === 0 ? null : Math.min(...ends);
}

async function readReceipts({ db, store }: SweepContext, sweepId: string, range: SeqRange): Promise<SealableReceipt[]> {
  const { rows } = await sql<SealableRow>`
    select ${sealedColumns(store)} from receipts where ${ofSweep(sweepId)} and ${within(range)}`.execute(db);
  const receipts = rows.map((row) => {
    const text = JSON.stringify(sealedFields(row));
    return { id: Number(row.id), seq: Number(row.seq), step: String(row.step), text, leaf: leafOfText(text) };
  });
  return receipts.sort(inTreeOrder);
}

function inTreeOrder(a: { seq: number; leaf: Uint8Array }, b: { seq: number; leaf: Uint8Array }): number {
  return a.seq - b.seq || Buffer.compare(a.leaf, b.leaf);
}
