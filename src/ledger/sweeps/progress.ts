import { sql } from 'kysely';
import { WORST_FIRST, outcomeOfRank, rankOf } from '../../policy/outcome';
import type { Outcome } from '../../policy/outcome';
import type { OutcomeCounts } from '../../policy/sweep-result';
import type { SubjectHistory } from '../ledger';
import type { LedgerDatabase } from '../store';
import { requireHashes, storable } from '../values';
import { numberOf, withKey } from './sweep-context';
import type { SweepContext } from './sweep-context';
import type { TargetRow } from './snapshot-types';
import type { SweepCounts, UnfinishedQuery, UnfinishedRanges } from './sweep-types';

/** See `SweepLedger.count`. */
export async function count(
  context: SweepContext,
  sweepId: string,
  range?: { from: number; to: number },
): Promise<SweepCounts> {
  const counts = await countUsers(context, await numberOf(context, sweepId), range);
  return counts.total === 0 && range === undefined
    ? { ...counts, ...(await countsOfPurged(context, sweepId)) }
    : counts;
}

/** The users of a sweep, and whether it is a dry run, which changes nothing for them. */
export interface SweepUsers {
  counts: SweepCounts;
  dryRun: boolean;
}

/**
 * Counts the users of several sweeps, by sweep ID; sweeps that the ledger does not have are absent. The head of a sealed
 * sweep has its counts; users of others are counted, which takes as long as for {@link count}.
 */
export async function countEach(
  { db, store }: LedgerDatabase,
  sweepIds: readonly string[],
): Promise<ReadonlyMap<string, SweepUsers>> {
  const rows = await db
    .selectFrom('sweeps')
    .select(['sweep_id', 'number', 'head', 'plan'])
    .where(store.isOneOf('sweep_id', sweepIds.map(storable)))
    .execute();
  const users = new Map<string, SweepUsers>();
  for (const { sweep_id: sweepId, number, head, plan } of rows) {
    const inHead = head === null ? null : (JSON.parse(head) as { counts: OutcomeCounts | null }).counts;
    const counts = inHead ? { open: 0, waitingForBulk: 0, ...inHead } : await countUsers({ db }, number);
    const { dryRun = false } = JSON.parse(plan ?? '{}') as { dryRun?: boolean };
    users.set(sweepId, { counts, dryRun });
  }
  return users;
}

async function countUsers(
  { db }: Pick<LedgerDatabase, 'db'>,
  sweep: number,
  range?: { from: number; to: number },
): Promise<SweepCounts> {
  const ofSweep = db
    .selectFrom('targets')
    .select(['state', 'worst', (eb) => eb.fn.countAll<number | string>().as('users')])
    .where('sweep', '=', sweep)
    .groupBy(['state', 'worst']);
  const within = range === undefined ? ofSweep : ofSweep.where('seq', '>=', range.from).where('seq', '<=', range.to);
  const rows = await within.execute();
  const none = Object.fromEntries(WORST_FIRST.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  const counts: SweepCounts = { total: 0, pending: 0, open: 0, waitingForBulk: 0, ...none };
  for (const { state, worst, users } of rows) {
    counts.total += Number(users);
    if (state === 'done') counts[outcomeOfRank(worst ?? 0)] += Number(users);
    else counts[state === 'bulk' ? 'waitingForBulk' : state] += Number(users);
  }
  return counts;
}

/** Of a purged sweep, its head knows how its users ended. */
async function countsOfPurged(context: SweepContext, sweepId: string): Promise<Partial<SweepCounts>> {
  const row = await context.db
    .selectFrom('sweeps')
    .select('head')
    .where('number', '=', await numberOf(context, sweepId))
    .where('purged_at', 'is not', null)
    .executeTakeFirst();
  if (row?.head === undefined || row.head === null) return {};
  const { counts, source } = JSON.parse(row.head) as { counts: OutcomeCounts | null; source: { users: number } };
  return { total: source.users, ...counts };
}

/** See `SweepLedger.countFailed`. The condition matches libSQL's index `targets_failed`. */
export async function countFailed(context: SweepContext, sweepId: string): Promise<number> {
  const { users } = await context.db
    .selectFrom('targets')
    .select((eb) => eb.fn.countAll<number | string>().as('users'))
    .where('sweep', '=', await numberOf(context, sweepId))
    .where('worst', '<=', sql.lit(rankOf('unknown')))
    .executeTakeFirstOrThrow();
  return Number(users);
}

/** See `SweepLedger.isOpen`. */
export async function isOpen(
  context: SweepContext,
  { sweepId, seq }: { sweepId: string; seq: number },
): Promise<boolean> {
  const row = await context.db
    .selectFrom('targets')
    .select('state')
    .where('sweep', '=', await numberOf(context, sweepId))
    .where('seq', '=', seq)
    .executeTakeFirst();
  return row?.state === 'open';
}

/** See `SweepLedger.readUser`. */
export async function readUser(
  context: SweepContext,
  { sweepId, seq }: { sweepId: string; seq: number },
): Promise<TargetRow | undefined> {
  return withKey(context, sweepId, async (key) => {
    const row = await context.db
      .selectFrom('target_ids')
      .select(['ids', 'subjects'])
      .where('sweep', '=', await numberOf(context, sweepId))
      .where('seq', '=', seq)
      .executeTakeFirst();
    return row && { user: key.decryptUser(seq, row.ids), subjects: JSON.parse(row.subjects) as string[] };
  });
}

/**
 * See `SweepLedger.readUnfinished`. Finds the first unfinished user by the key, and reads no further than one result
 * may contain.
 */
export async function readUnfinished(context: SweepContext, query: UnfinishedQuery): Promise<UnfinishedRanges> {
  const { chunkSize, limit } = query;
  requireFrom(1, { chunkSize, limit });
  requireFrom(0, { fromSeq: query.fromSeq });
  const sweep = await numberOf(context, query.sweepId);
  const first = await firstUnfinished(context, sweep, query.fromSeq);
  if (first === undefined) return { ranges: [] };
  const end = (Math.floor(first / chunkSize) + limit) * chunkSize;
  const { rows } = await sql<{
    part: number;
    users: number | string;
    ready: number | string;
    not_before: string | Date | null;
  }>`
    select seq / cast(${chunkSize} as integer) as part, count(*) as users, min(not_before) as not_before,
      sum(case when state = 'open' or not_before is null then 1 else 0 end) as ready
    from targets where sweep = ${sweep} and seq >= ${first} and seq < ${end} and state in ('pending', 'open')
    group by 1 order by 1`.execute(context.db);
  const ranges = rows.map(({ part, users, ready, not_before }) => ({
    from: Math.max(part * chunkSize, query.fromSeq),
    to: (part + 1) * chunkSize - 1,
    users: Number(users),
    ...(Number(ready) === 0 && not_before !== null && { notBefore: new Date(not_before).toISOString() }),
  }));
  const isLast = (await firstUnfinished(context, sweep, end)) === undefined;
  return { ranges, ...(!isLast && { nextSeq: end }) };
}

async function firstUnfinished({ db }: SweepContext, sweep: number, fromSeq: number): Promise<number | undefined> {
  const row = await db
    .selectFrom('targets')
    .select('seq')
    .where('sweep', '=', sweep)
    .where('seq', '>=', fromSeq)
    .where('state', 'in', ['pending', 'open'])
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst();
  return row?.seq;
}

function requireFrom(least: number, given: Record<string, number>): void {
  for (const [field, value] of Object.entries(given)) {
    if (!Number.isInteger(value) || value < least)
      throw new RangeError(`${field} must be a whole number from ${least}, and is ${value}.`);
  }
}

/** See `SweepLedger.makeDue`. */
export async function makeDue(
  context: SweepContext,
  { sweepId, from, to }: { sweepId: string; from: number; to: number },
): Promise<void> {
  await context.db
    .updateTable('targets')
    .set({ not_before: null })
    .where('sweep', '=', await numberOf(context, sweepId))
    .where('seq', '>=', from)
    .where('seq', '<=', to)
    .where('state', '=', 'pending')
    .where('not_before', 'is not', null)
    .execute();
}

/** See `SweepLedger.readHistories`: what `Ledger.readHistory` returns for one user, for a whole wave. */
export async function readHistories(
  { db, store }: SweepContext,
  users: readonly { subjects: readonly string[] }[],
): Promise<SubjectHistory[]> {
  const subjects = users.flatMap((user) => user.subjects);
  requireHashes('subjects', subjects);
  const rows = await db
    .selectFrom('receipts')
    .select(['subject', 'step', 'items'])
    .distinct()
    .where(store.isOneOf('subject', subjects))
    .where('phase', 'in', ['outcome', 'settled'])
    .where((eb) => eb.or([eb('outcome', 'in', ['removed', 'alreadyGone', 'accepted']), eb('items', 'is not', null)]))
    .execute();
  const bySubject = new Map<string, typeof rows>();
  for (const row of rows) bySubject.set(row.subject, [...(bySubject.get(row.subject) ?? []), row]);
  return users.map((user) => {
    const known = user.subjects.flatMap((subject) => bySubject.get(subject) ?? []);
    const items = known.flatMap((row) => (row.items === null ? [] : (JSON.parse(row.items) as string[])));
    return { steps: [...new Set(known.map(({ step }) => step))].sort(), items: [...new Set(items)].sort() };
  });
}
