import { sql } from 'kysely';
import type { Selectable } from 'kysely';
import type { RequestFacts } from '../../policy/legal-clock';
import type { SnapshotReport } from '../../policy/snapshot-report';
import type { SweepStatus } from '../../policy/sweep-result';
import type { Tables } from '../tables';
import { enqueue } from '../log/queue';
import { storable, storableOrNull } from '../values';
import { environmentsOf } from './environments';
import type { SweepContext } from './sweep-context';
import { SweepConflictError, UnknownSweepError } from './sweep-errors';
import { endSweepRates } from './rate-ledger';
import type { NewSweep, SweepRow, SweepTerms } from './sweep-types';

const END_STATUSES: readonly SweepStatus[] = ['completed', 'partial', 'failed', 'cancelled'];

/** See `SweepLedger.create`. */
export async function create(context: SweepContext, sweep: NewSweep): Promise<SweepRow> {
  if (sweep.sweepId === '') throw new TypeError('sweepId must not be empty.');
  const sweepId = storable(sweep.sweepId);
  const redriveOf = storableOrNull(sweep.redriveOf);
  await context.db
    .insertInto('sweeps')
    .values({
      sweep_id: sweepId,
      redrive_of: redriveOf,
      claimed_by: storableOrNull(sweep.claimedBy),
      ...(sweep.terms && columnsOf(sweep.terms)),
      skip_done: sweep.skipDone === true ? 1 : 0,
      status: 'running' satisfies SweepStatus,
      wrapped_key: context.keys.create(sweepId),
      created_at: new Date().toISOString(),
    })
    .onConflict((conflict) => conflict.column('sweep_id').doNothing())
    .execute();
  const row = await readOwn(context, sweepId);
  if ((row.redriveOf ?? null) !== redriveOf) {
    throw new SweepConflictError(
      `redriveOf: sweep ${sweepId} already exists and retries ${row.redriveOf ?? 'no other sweep'}, not ${redriveOf ?? 'none'}. ` +
        'Use another sweepId.',
    );
  }
  return row;
}

/** See `SweepLedger.claim`. */
export async function claim(
  context: SweepContext,
  claimed: { sweepId: string; by: string; terms?: SweepTerms },
): Promise<SweepRow> {
  const { sweepId, by, terms } = claimed;
  await context.db
    .updateTable('sweeps')
    .set({ claimed_by: storable(by), ...(terms && columnsOf(terms)) })
    .where('sweep_id', '=', storable(sweepId))
    .where('claimed_by', 'is', null)
    .execute();
  return readOwn(context, sweepId);
}

function columnsOf({ plan, stepsPlan, needsApproval, maxUsers, policyDigest, about }: SweepTerms) {
  return {
    plan: storable(plan),
    ...(stepsPlan !== undefined && { steps_plan: storable(stepsPlan) }),
    needs_approval: needsApproval ? 1 : 0,
    max_users: maxUsers,
    policy_digest: policyDigest ?? null,
    ...(about && { about: storable(JSON.stringify(about)) }),
  };
}

async function readOwn(context: SweepContext, sweepId: string): Promise<SweepRow> {
  const row = await read(context, sweepId);
  if (row === undefined) throw new UnknownSweepError(sweepId);
  return row;
}

/** See `SweepLedger.adoptPlan`. */
export async function adoptPlan(
  context: SweepContext,
  { sweepId, by, plan }: { sweepId: string; by: string; plan: string },
): Promise<SweepRow> {
  await context.db
    .updateTable('sweeps')
    .set({ plan: storable(plan) })
    .where('sweep_id', '=', storable(sweepId))
    .where('claimed_by', '=', storable(by))
    .where('plan', 'is', null)
    .execute();
  return readOwn(context, sweepId);
}

/** See `SweepLedger.noteRequests`. */
export async function noteRequests(
  { db }: SweepContext,
  { sweepId, about }: { sweepId: string; about: NonNullable<SweepRow['about']> },
): Promise<void> {
  await db
    .updateTable('sweeps')
    .set({ about: storable(JSON.stringify(about)) })
    .where('sweep_id', '=', storable(sweepId))
    .where('closed_at', 'is', null)
    .execute();
}

/** See `SweepLedger.approve`. */
export async function approve(
  context: SweepContext,
  given: { sweepId: string; by: string; total: number; approver: string },
): Promise<SweepRow> {
  const { sweepId, by, total, approver } = given;
  const at = new Date().toISOString();
  await context.db.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('sweeps')
      .set({ approved_at: at, approved_by: storable(approver) })
      .where('sweep_id', '=', storable(sweepId))
      .where('claimed_by', '=', storable(by))
      .where('approved_at', 'is', null)
      .where('closed_at', 'is', null)
      // Only a complete snapshot can be approved, because the number of its users is final.
      .where('snapshot_complete', '=', 1)
      .where('total', '=', total)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return;
    const content = { sweepId: storable(sweepId), total, by: storable(approver), at };
    await enqueue(transaction, { kind: 'approval', ref: sweepId, content });
  });
  return readOwn(context, sweepId);
}

/** See `SweepLedger.read`. */
export async function read({ db }: SweepContext, sweepId: string): Promise<SweepRow | undefined> {
  const row = await db.selectFrom('sweeps').selectAll().where('sweep_id', '=', storable(sweepId)).executeTakeFirst();
  return row && toSweepRow(row);
}

/** See `SweepLedger.readClaimedBy`. */
export async function readClaimedBy({ db }: SweepContext, by: string): Promise<SweepRow | undefined> {
  const row = await db
    .selectFrom('sweeps')
    .selectAll()
    .where('claimed_by', '=', storable(by))
    .orderBy((eb) => eb.case().when('ended_at', 'is', null).then(0).else(1).end())
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && toSweepRow(row);
}

/** See `SweepLedger.list`. */
export async function list({ db }: SweepContext, { limit }: { limit: number }): Promise<SweepRow[]> {
  const rows = await db.selectFrom('sweeps').selectAll().orderBy('number', 'desc').limit(limit).execute();
  return rows.map(toSweepRow);
}

/** See `SweepLedger.setStatus`. */
export async function setStatus(
  { db, store }: SweepContext,
  { sweepId, status, pausedBecause }: { sweepId: string; status: SweepStatus; pausedBecause?: string },
): Promise<void> {
  const now = new Date().toISOString();
  const at = store.instant(now);
  const endedAt = END_STATUSES.includes(status) ? sql<string>`coalesce(ended_at, ${at})` : sql<string | null>`ended_at`;
  const result = await db
    .updateTable('sweeps')
    .set({ status, paused_because: storableOrNull(pausedBecause), ended_at: endedAt })
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw new UnknownSweepError(sweepId);
  if (END_STATUSES.includes(status)) await endSweepRates({ db }, sweepId);
}

function toSweepRow(row: Selectable<Tables['sweeps']>): SweepRow {
  return {
    sweepId: row.sweep_id,
    ...(row.redrive_of !== null && { redriveOf: row.redrive_of }),
    ...(row.claimed_by !== null && { claimedBy: row.claimed_by }),
    ...(row.plan !== null && { plan: row.plan }),
    ...(row.steps_plan !== null && { stepsPlan: row.steps_plan }),
    ...(row.max_users !== null && { maxUsers: row.max_users }),
    ...(row.policy_digest !== null && { policyDigest: row.policy_digest }),
    ...(row.snapshot_digest !== null && { snapshotDigest: row.snapshot_digest }),
    ...(row.about !== null && { about: JSON.parse(row.about) as RequestFacts }),
    needsApproval: row.needs_approval === 1,
    ...(row.approved_by !== null && { approvedBy: row.approved_by }),
    ...(row.approved_at !== null && { approvedAt: new Date(row.approved_at).toISOString() }),
    skipDone: row.skip_done === 1,
    status: row.status as SweepStatus,
    ...(row.paused_because !== null && { pausedBecause: row.paused_because }),
    total: row.total,
    duplicates: row.duplicates,
    rejected: row.rejected,
    snapshotComplete: row.snapshot_complete === 1,
    ...(row.snapshot_report !== null && { report: JSON.parse(row.snapshot_report) as SnapshotReport }),
    environments: environmentsOf(row),
    readable: row.wrapped_key !== null,
    ...(row.merkle_root !== null && { merkleRoot: row.merkle_root }),
    ...(row.head !== null && { head: row.head }),
    ...(row.leaves !== null && { leaves: row.leaves }),
    ...(row.purged_at !== null && { purgedAt: new Date(row.purged_at).toISOString() }),
    createdAt: new Date(row.created_at).toISOString(),
    ...(row.ended_at !== null && { endedAt: new Date(row.ended_at).toISOString() }),
  };
}
