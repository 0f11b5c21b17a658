import { sql } from 'kysely';
import type { SqlBool } from 'kysely';
import { storable } from '../values';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import type { SweepKeys } from './sweep-key';
import type { RowLabel } from './sweep-types';

/** Users whose references are encrypted together: reading one of them decrypts all, writing them costs as much as one. */
const GROUP = 64;

/**
 * Returns the encrypted references of users that follow each other, in groups of up to {@link GROUP} that begin with a
 * multiple of it or with the first user; without groups in which no user has one.
 */
export function encryptedReferences(
  keys: SweepKeys,
  { sweepId, first, references }: { sweepId: string; first: number; references: readonly (string | undefined)[] },
): [first: number, names: string][] {
  const groups: [number, string][] = [];
  for (let from = 0; from < references.length;) {
    const to = groupStart(first + from) + GROUP - first;
    const names = references.slice(from, to);
    if (names.some((name) => name !== undefined))
      groups.push([first + from, keys.encryptLabel(boundTo(sweepId, first + from), JSON.stringify(names))]);
    from = to;
  }
  return groups;
}

/** Returns the first number of the group in which a user's reference is, or would be without blocks. */
export function groupStart(seq: number): number {
  return seq - (seq % GROUP);
}

function boundTo(sweepId: string, first: number): readonly unknown[] {
  return ['references', storable(sweepId), first];
}

/** See `SweepLedger.readLabels`. */
export async function readLabels(
  context: SweepContext,
  { sweepId, seqs }: { sweepId: string; seqs: readonly number[] },
): Promise<ReadonlyMap<number, RowLabel>> {
  const { db, store, keys } = context;
  const sweep = await numberOf(context, sweepId);
  const rows = await db
    .selectFrom('targets')
    .select(['seq', 'source_line', 'reference'])
    .where('sweep', '=', sweep)
    .where(sql<SqlBool>`seq in ${store.integersOf(seqs)}`)
    .execute();
  const names = await readReferences(context, { sweepId, sweep, seqs });
  return new Map(
    rows.map(({ seq, source_line: line, reference }) => {
      // Rows of earlier versions have their own.
      const name =
        reference === null ? names.get(seq) : keys.decryptLabel(['reference', storable(sweepId), seq], reference);
      return [seq, { ...(line !== null && { line }), ...(name !== undefined && { reference: name }) }];
    }),
  );
}

async function readReferences(
  { db, store, keys }: SweepContext,
  { sweepId, sweep, seqs }: { sweepId: string; sweep: number; seqs: readonly number[] },
): Promise<ReadonlyMap<number, string>> {
  const groups = [...new Set(seqs.map(groupStart))];
  const found = new Map<number, string>();
  // A group begins with one of these numbers, or behind it with the first user of a block.
  const { rows } = await sql<{ first: number; names: string }>`
    select r.first, r.names from ${store.integersOf(groups)} as list
      join target_references as r on r.sweep = ${sweep} and r.first between list.value and list.value + ${sql.lit(GROUP - 1)}`.execute(
    db,
  );
  for (const { first, names } of rows) {
    const list = JSON.parse(keys.decryptLabel(boundTo(sweepId, first), names)) as (string | null)[];
    for (const [index, name] of list.entries()) if (name !== null) found.set(first + index, name);
  }
  return found;
}
