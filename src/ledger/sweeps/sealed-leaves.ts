import { sql } from 'kysely';
import type { RawBuilder, SqlBool, Transaction } from 'kysely';
import type { Tables } from '../tables';
import type { SweepContext } from './sweep-context';

/** A leaf as stored when the sweep was sealed. */
export interface SealedLeaf {
  receipt: number;
  seq: number;
  step: string;
  leaf: Uint8Array;
}

/** From after `after` (null: from the first) up to and including `upTo` (null: to the last). */
export interface SeqRange {
  after: number | null;
  upTo: number | null;
}

/**
 * Users whose receipts are purged together. No row of `sealed_hashes` has users of two such groups, so that a purge deletes
 * whole rows.
 */
export const USERS_OF_PURGE = 1_000;

const HASH_BYTES = 32;

/** The receipts of a row of `sealed_hashes`: for each three numbers, the first two as the difference to the one before. */
interface PackedReceipts {
  steps: string[];
  /** User, row ID, position in `steps`. */
  rows: number[];
}

/** Returns the condition that a user is in a range. */
export function within({ after, upTo }: SeqRange): RawBuilder<SqlBool> {
  const start = after === null ? sql`true` : sql`seq > ${after}`;
  return sql`${start} and ${upTo === null ? sql`true` : sql`seq <= ${upTo}`}`;
}

/**
 * Stores the leaves of whole users, in tree order, unless they are stored already. A row is known by its first and last
 * user: another version that seals the same sweep may put other users into a row.
 */
export async function storeLeaves({ db }: SweepContext, sweep: number, leaves: readonly SealedLeaf[]): Promise<void> {
  const groups = new Map<number, SealedLeaf[]>();
  for (const leaf of leaves) {
    const group = groups.get(groupOf(leaf.seq));
    if (group === undefined) groups.set(groupOf(leaf.seq), [leaf]);
    else group.push(leaf);
  }
  if (groups.size === 0) return;
  const rows = [...groups.values()].map((group) => ({
    sweep,
    first_seq: group[0]?.seq ?? 0,
    last_seq: group.at(-1)?.seq ?? 0,
    hashes: Buffer.concat(group.map(({ leaf }) => leaf)).toString('base64url'),
    receipts: JSON.stringify(packed(group)),
  }));
  await db
    .insertInto('sealed_hashes')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Reads the leaves of a range of users, in no order. Those that an earlier version stored have a row each. */
export async function readSealedLeaves(
  { db }: Pick<SweepContext, 'db'> | { db: Transaction<Tables> },
  sweep: number,
  range: SeqRange,
): Promise<SealedLeaf[]> {
  const { rows: single } = await sql<{ seq: number; receipt: number | string; step: string; leaf: string }>`
    select seq, receipt, step, leaf from sealed_leaves where sweep = ${sweep} and ${within(range)}`.execute(db);
  const kept: SealedLeaf[] = single.map(({ seq, receipt, step, leaf }) => ({
    seq,
    receipt: Number(receipt),
    step,
    leaf: Buffer.from(leaf, 'base64url'),
  }));
  let query = db
    .selectFrom('sealed_hashes')
    .select(['first_seq', 'last_seq', 'hashes', 'receipts'])
    .where('sweep', '=', sweep)
    .orderBy('last_seq')
    .orderBy('first_seq');
  if (range.after !== null) query = query.where('last_seq', '>', range.after);
  if (range.upTo !== null)
    query = query
      .where('first_seq', '<=', range.upTo)
      .where('last_seq', '<', (groupOf(range.upTo) + 1) * USERS_OF_PURGE);
  const rows = await query.execute();
  if (rows.length > 0) addPacked(kept, rows, range);
  return kept;
}

/** Adds the leaves of packed rows that no row before has. Rows have users in common if two versions sealed the sweep. */
function addPacked(
  kept: SealedLeaf[],
  rows: readonly { first_seq: number; last_seq: number; hashes: string; receipts: string }[],
  { after, upTo }: SeqRange,
): void {
  const overlap =
    kept.length > 0 || rows.some(({ first_seq: first }, at) => first <= (rows[at - 1]?.last_seq ?? -Infinity));
  const known = new Set(kept.map(placeOf));
  for (const row of rows) {
    for (const leaf of unpacked(row)) {
      if ((after !== null && leaf.seq <= after) || (upTo !== null && leaf.seq > upTo)) continue;
      if (overlap) {
        if (known.has(placeOf(leaf))) continue;
        known.add(placeOf(leaf));
      }
      kept.push(leaf);
    }
  }
}

function placeOf({ seq, receipt }: SealedLeaf): string {
  return `${seq} ${receipt}`;
}

/** Returns the last user of the first packed row that has users after one; undefined if there is none. */
export async function endOfPackedRow(
  { db }: SweepContext,
  sweep: number,
  after: number | null,
): Promise<number | undefined> {
  let query = db.selectFrom('sealed_hashes').select('last_seq').where('sweep', '=', sweep);
  if (after !== null) query = query.where('last_seq', '>', after);
  const row = await query.orderBy('last_seq').limit(1).executeTakeFirst();
  return row?.last_seq;
}

function groupOf(seq: number): number {
  return Math.floor(seq / USERS_OF_PURGE);
}

function packed(leaves: readonly SealedLeaf[]): PackedReceipts {
  const steps = new Map<string, number>();
  const rows: number[] = [];
  let [lastSeq, lastReceipt] = [0, 0];
  for (const { seq, receipt, step } of leaves) {
    let at = steps.get(step);
    if (at === undefined) steps.set(step, (at = steps.size));
    rows.push(seq - lastSeq, receipt - lastReceipt, at);
    [lastSeq, lastReceipt] = [seq, receipt];
  }
  return { steps: [...steps.keys()], rows };
}

/** Returns nothing for a row that was not written like this: then its receipts are reported as added. */
function unpacked({ hashes, receipts }: { hashes: string; receipts: string }): SealedLeaf[] {
  const { steps, rows } = readPacked(receipts);
  const bytes = Buffer.from(hashes, 'base64url');
  if (bytes.length !== (rows.length / 3) * HASH_BYTES) return [];
  const leaves: SealedLeaf[] = [];
  let [seq, receipt] = [0, 0];
  for (let at = 0; at < rows.length; at += 3) {
    seq += rows[at] ?? 0;
    receipt += rows[at + 1] ?? 0;
    const from = (at / 3) * HASH_BYTES;
    leaves.push({ seq, receipt, step: steps[rows[at + 2] ?? 0] ?? '', leaf: bytes.subarray(from, from + HASH_BYTES) });
  }
  return leaves;
}

function readPacked(text: string): PackedReceipts {
  try {
    const { steps, rows } = JSON.parse(text) as Partial<PackedReceipts>;
    const isPacked =
      Array.isArray(steps) &&
      steps.every((step) => typeof step === 'string') &&
      Array.isArray(rows) &&
      rows.every(Number.isSafeInteger);
    if (isPacked) return { steps, rows };
  } catch {
    // Not JSON.
  }
  return { steps: [], rows: [] };
}
