import { createHash } from 'node:crypto';
import type { GivenApproval } from '../../operator-policy/approval';
import { enqueue } from '../log/queue';
import { storable } from '../values';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';

/** Rows of a snapshot that are hashed at a time. */
const SLICE_ROWS = 5_000;

/** See `SweepLedger.requireApproval`. */
export async function requireApproval(context: SweepContext, sweepId: string): Promise<string> {
  const snapshotDigest = await digestOf(context, sweepId);
  await context.inTime(() =>
    context.db
      .updateTable('sweeps')
      .set({ needs_approval: 1, snapshot_digest: snapshotDigest })
      .where('sweep_id', '=', storable(sweepId))
      .execute(),
  );
  return snapshotDigest;
}

/** The IDs are encrypted with the sweep's key, so that the digest reveals nothing about them. */
async function digestOf(context: SweepContext, sweepId: string): Promise<string> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  const hash = createHash('sha256');
  for (let after = -1; ;) {
    const from = after;
    const rows = await context.inTime(() =>
      context.db
        .selectFrom('target_ids')
        .select(['seq', 'ids', 'subjects'])
        .where('sweep', '=', sweep)
        .where('seq', '>', from)
        .orderBy('seq')
        .limit(SLICE_ROWS)
        .execute(),
    );
    for (const { seq, ids, subjects } of rows) hash.update(`${JSON.stringify([seq, ids, subjects])}\n`);
    const last = rows.at(-1);
    if (!last) return hash.digest('hex');
    after = last.seq;
  }
}

/** See `SweepLedger.addApproval`. */
export async function addApproval(
  { db }: SweepContext,
  { sweepId, approver, signature, total }: GivenApproval & { sweepId: string; total: number },
): Promise<void> {
  const at = new Date().toISOString();
  await db.transaction().execute(async (transaction) => {
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('sweep_approvals')
      .values({ sweep_id: storable(sweepId), approver: storable(approver), signature: storable(signature), at })
      .onConflict((conflict) => conflict.columns(['sweep_id', 'approver']).doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows === 0n) return;
    const content = { sweepId: storable(sweepId), total, by: storable(approver), signature: storable(signature), at };
    await enqueue(transaction, { kind: 'approval', ref: sweepId, content });
  });
}

/** See `SweepLedger.readApprovals`. */
export function readApprovals({ db }: SweepContext, sweepId: string): Promise<GivenApproval[]> {
  return db
    .selectFrom('sweep_approvals')
    .select(['approver', 'signature'])
    .where('sweep_id', '=', storable(sweepId))
    .orderBy('at')
    .execute();
}
