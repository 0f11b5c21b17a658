import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';

/** Users whose rows are read with one statement. */
const PAGE = 5_000;

/**
 * Returns the digest of a sweep's users: SHA-256, in hex, over a line `SEQ SUBJECTS` for each in their order, where
 * SUBJECTS is the JSON array of the keyed hashes of the user's IDs. Null once IDs were purged. Reads in slices.
 */
export async function snapshotDigest(context: SweepContext, sweepId: string): Promise<string | null> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  const hash = createHash('sha256');
  let next = 0;
  for (let more = true; more;) {
    const from = next;
    const lines = await context.inTime(() => readLines(context, { sweep, from }));
    if (lines.some((line, at) => !line.startsWith(`${from + at} `))) return null;
    if (lines.length > 0) hash.update(`${lines.join('\n')}\n`);
    next += lines.length;
    more = lines.length === PAGE;
  }
  const total = await context.inTime(() =>
    context.db.selectFrom('sweeps').select('total').where('number', '=', sweep).executeTakeFirstOrThrow(),
  );
  return total.total === next ? hash.digest('hex') : null;
}

/** Returns a line `SEQ SUBJECTS` for each of the next users, in their order. */
async function readLines(
  { db, store }: SweepContext,
  { sweep, from }: { sweep: number; from: number },
): Promise<string[]> {
  const { rows } = await sql<{ lines: string | null }>`
    select ${store.joinedLines(sql`seq || ' ' || subjects`)} as lines from (
      select seq, subjects from target_ids where sweep = ${sweep} and seq >= ${from} order by seq limit ${sql.lit(PAGE)}
    ) as t`.execute(db);
  return (rows[0]?.lines?.split('\n') ?? []).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
}
