import { createHash } from 'node:crypto';
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
    const rows = await context.inTime(() =>
      context.db
        .selectFrom('target_ids')
        .select(['seq', 'subjects'])
        .where('sweep', '=', sweep)
        .where('seq', '>=', from)
        .orderBy('seq')
        .limit(PAGE)
        .execute(),
    );
    for (const { seq, subjects } of rows) {
      if (seq !== next) return null;
      hash.update(`${seq} ${subjects}\n`);
      next += 1;
    }
    more = rows.length === PAGE;
  }
  const total = await context.inTime(() =>
    context.db.selectFrom('sweeps').select('total').where('number', '=', sweep).executeTakeFirstOrThrow(),
  );
  return total.total === next ? hash.digest('hex') : null;
}
