import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { MerkleTree } from '../../policy/merkle';
import { leafOfText, sealableText, sealedColumns, sealedFields, sealedText, sha256 } from './leaf';
import type { SealableRow, SealableText, SealedField } from './leaf';
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

/** A leaf as stored when the sweep was sealed. */
export interface KeptLeaf {
  receipt: number;
  seq: number;
  step: string;
  leaf: Uint8Array;
}

/** All receipts and stored leaves of some users, each in tree order. */
export interface SealSlice {
  receipts: readonly SealableReceipt[];
  kept: readonly KeptLeaf[];
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
  const begin = (after: number | null): Promise<readonly SealableText[]> => {
    const reading = context.inTime(() => readWholeUsers(context, sweepId, after));
    // The caller may take no further part, and then does not learn that it could not be read.
    reading.catch(() => undefined);
    return reading;
  };
  let reading = begin(null);
  for (;;) {
    const rows = await reading;
    const last = rows.at(-1);
    if (last === undefined) return;
    if (rows.length >= SLICE_ROWS) reading = begin(Number(last.seq));
    yield rows.map(toSealable).sort(inTreeOrder);
    if (rows.length < SLICE_ROWS) return;
  }
}

/** Reads the receipts of the next users: as many as {@link SLICE_ROWS}, and the rest of the last user. */
async function readWholeUsers(
  { db, store }: SweepContext,
  sweepId: string,
  after: number | null,
): Promise<SealableText[]> {
  const read = async (more: RawBuilder<unknown>): Promise<SealableText[]> => {
    const { rows } = await sql<SealableText>`
      select ${sealableText(store)} from receipts where ${ofSweep(sweepId)} and ${more}`.execute(db);
    return rows;
  };
  const rows = await read(sql`${within({ after, upTo: null })} order by seq limit ${sql.lit(SLICE_ROWS)}`);
  const last = rows.at(-1);
  if (rows.length < SLICE_ROWS || last === undefined) return rows;
  const others = rows.filter(({ seq }) => seq !== last.seq);
  return [...others, ...(await read(sql`seq = ${last.seq}`))];
}

function toSealable(row: SealableText): SealableReceipt {
  const text = sealedText(row);
  return { id: Number(row.id), seq: Number(row.seq), step: row.step, text, leaf: leafOfText(text) };
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
      kept: await context.inTime(() => readKept(context, sweep, range)),
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
  const kept = new Set((await readKept(context, row.number, range)).map(identityOf));
  const receipts = await readReceipts(context, sweepId, range);
  return new Set(receipts.filter((receipt) => kept.has(identityOf(receipt))).map(({ id }) => id));
}

/** Returns a text that is equal for a receipt and its stored leaf, independent of the row's ID. */
export function identityOf({ seq, leaf }: SealableReceipt | KeptLeaf): string {
  return `${seq} ${Buffer.from(leaf).toString('base64url')}`;
}

/** From after `after` (null: from the first) up to and including `upTo` (null: to the last). */
interface SeqRange {
  after: number | null;
  upTo: number | null;
}

function within({ after, upTo }: SeqRange) {
  const start = after === null ? sql`true` : sql`seq > ${after}`;
  return sql`${start} and ${upTo === null ? sql`true` : sql`seq <= ${upTo}`}`;
}

async function endOfSlice(
  { db }: SweepContext,
  { sweepId, sweep, after }: { sweepId: string; sweep: number; after: number | null },
): Promise<number | null> {
  const rest = within({ after, upTo: null });
  const { rows } = await sql<{ seq: number }>`
    select * from (
      select seq from receipts where ${ofSweep(sweepId)} and ${rest} order by seq limit 1 offset ${sql.lit(SLICE_ROWS)}
    ) as r union all select * from (
      select seq from sealed_leaves where sweep = ${sweep} and ${rest} order by seq limit 1 offset ${sql.lit(SLICE_ROWS)}
    ) as l`.execute(db);
  return rows.length === 0 ? null : Math.min(...rows.map(({ seq }) => seq));
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

async function readKept({ db }: SweepContext, sweep: number, range: SeqRange): Promise<KeptLeaf[]> {
  const { rows } = await sql<{ seq: number; receipt: number | string; step: string; leaf: string }>`
    select seq, receipt, step, leaf from sealed_leaves where sweep = ${sweep} and ${within(range)}`.execute(db);
  const kept = rows.map(({ seq, receipt, step, leaf }) => ({
    seq,
    receipt: Number(receipt),
    step,
    leaf: Buffer.from(leaf, 'base64url'),
  }));
  return kept.sort(inTreeOrder);
}

function inTreeOrder(a: { seq: number; leaf: Uint8Array }, b: { seq: number; leaf: Uint8Array }): number {
  return a.seq - b.seq || Buffer.compare(a.leaf, b.leaf);
}
