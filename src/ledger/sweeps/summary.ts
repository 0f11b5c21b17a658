import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { storable } from '../values';
import type {
  ReceiptGroup,
  SettledInBucket,
  SettledOverTime,
  StepOverTime,
  SummariseSweep,
  SweepSummary,
} from './summary-types';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { UnknownSweepError } from './sweep-errors';
import { ofSweep } from './sweep-receipts';
import type { ReceiptOutcome } from '../ledger';

/**
 * Maximum number of groups. More would not be readable, and a provider that invents codes must not exhaust the memory.
 */
const MAX_GROUPS = 1_000;

/** Number of users read per statement. Each takes a fraction of a second, during which libSQL is blocked. */
const SLICE_USERS = 10_000;

/** Approximate maximum number of time intervals. */
const MAX_BUCKETS = 2_000;

/** Allowed interval lengths, in milliseconds. */
const BUCKETS_MS = [
  100, 500, 1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000,
] as const;

/** See `SweepLedger.summarise`. */
export async function summarise(
  context: SweepContext,
  { sweepId, onProgress, isBulk = () => false }: SummariseSweep,
): Promise<SweepSummary> {
  const total = await context.inTime(() => totalOf(context, sweepId));
  const groups = new GroupTally();
  // Users are read twice, because the interval length depends on the total duration.
  for (const { from, to } of slicesOf(total)) {
    for (const row of await context.inTime(() => groupsOf(context, sweepId, from))) groups.add(row);
    onProgress?.(to / 2);
  }
  const span = groups.settledSpan;
  if (span === undefined) return { groups: groups.mostFirst };
  const length = bucketFor(span.last - span.first);
  const buckets = { start: Math.floor(span.first / length) * length, length };
  const [users, beforeBulk] = [new Map<number, number>(), new Map<number, number>()];
  const steps = new StepTally();
  const settledGroups = groups.mostFirst.filter(({ phase }) => phase === 'settled');
  const bulkSteps = [...new Set(settledGroups.flatMap((group) => (isBulk(group) ? [group.step] : [])))];
  for (const { from, to } of slicesOf(total)) {
    addTo(users, await context.inTime(() => settledOf(context, sweepId, { from, states: ['done'] }, buckets)));
    steps.add(await context.inTime(() => stepsOf(context, sweepId, from, buckets)));
    if (bulkSteps.length > 0)
      addTo(
        beforeBulk,
        await context.inTime(() =>
          settledOf(context, sweepId, { from, states: ['bulk', 'done'], besides: bulkSteps }, buckets),
        ),
      );
    onProgress?.((total + to) / 2);
  }
  const overTime = (counts: ReadonlyMap<number, number>): SettledOverTime => ({
    first: isoTime(span.first),
    last: isoTime(span.last),
    bucketMs: length,
    buckets: inOrder(counts, buckets),
  });
  return {
    groups: groups.mostFirst,
    ...(users.size > 0 && { settled: overTime(users), steps: steps.overTime(buckets) }),
    ...(beforeBulk.size > 0 && { settledBeforeBulk: overTime(beforeBulk) }),
  };
}

function addTo(counts: Map<number, number>, rows: readonly BucketRow[]): void {
  for (const { bucket, users } of rows) counts.set(Number(bucket), (counts.get(Number(bucket)) ?? 0) + Number(users));
}

function* slicesOf(total: number): Generator<{ from: number; to: number }> {
  for (let from = 0; from < total; from += SLICE_USERS) yield { from, to: Math.min(from + SLICE_USERS, total) };
}

/** Time intervals of equal `length`, the first beginning at `start`; in milliseconds. */
interface Buckets {
  start: number;
  length: number;
}

/** Returns the smallest length with which at most about {@link MAX_BUCKETS} intervals cover the duration. */
function bucketFor(durationMs: number): number {
  return BUCKETS_MS.find((ms) => durationMs / ms <= MAX_BUCKETS) ?? BUCKETS_MS[BUCKETS_MS.length - 1] ?? 0;
}

function inOrder(users: ReadonlyMap<number, number>, { start, length }: Buckets): SettledInBucket[] {
  return [...users]
    .sort(([a], [b]) => a - b)
    .map(([bucket, count]) => ({ at: isoTime(start + bucket * length), users: count }));
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

async function groupsOf({ db }: SweepContext, sweepId: string, from: number): Promise<GroupRow[]> {
  const { rows } = await sql<GroupRow>`
    select phase, step, task, service, environment, key_slot, outcome, reason, failure_type, status, code,
      count(*) as receipts, count(coalesce(request_id, token)) as with_proof, min(at) as first_at, max(at) as last_at
    from receipts where ${ofSweep(sweepId)} and ${inSlice(from)}
    group by phase, step, task, service, environment, key_slot, outcome, reason, failure_type, status, code`.execute(
    db,
  );
  return rows;
}

interface BucketRow {
  bucket: number | string;
  users: number | string;
}

/** Counts users per interval, by the time of each user's last settled receipt, of other steps than these if given. */
async function settledOf(
  context: SweepContext,
  sweepId: string,
  { from, states, besides }: { from: number; states: readonly ('bulk' | 'done')[]; besides?: readonly string[] },
  buckets: Buckets,
): Promise<BucketRow[]> {
  const sweep = await numberOf(context, sweepId);
  const isMeant = besides === undefined ? sql`true` : sql`step not in (${sql.join(besides)})`;
  const { rows } = await sql<BucketRow>`
    select bucket, count(*) as users from (
      select seq, max(${context.store.intervalOf('at', buckets)}) as bucket
      from receipts where ${ofSweep(sweepId)} and ${inSlice(from)} and phase = 'settled' and ${isMeant} group by seq
    ) as r join targets as t on t.sweep = ${sweep} and t.seq = r.seq and t.state in (${sql.join(states)})
    group by bucket`.execute(context.db);
  return rows;
}

interface StepBucketRow {
  step: string;
  service: string;
  bucket: number | string;
  receipts: number | string;
}

/** Counts the final outcomes of each step per interval. */
async function stepsOf(
  { db, store }: SweepContext,
  sweepId: string,
  from: number,
  buckets: Buckets,
): Promise<StepBucketRow[]> {
  const { rows } = await sql<StepBucketRow>`
    select step, service, ${store.intervalOf('at', buckets)} as bucket, count(*) as receipts
    from receipts where ${ofSweep(sweepId)} and ${inSlice(from)} and phase = 'settled'
    group by step, service, bucket`.execute(db);
  return rows;
}

/** Sums the steps of all slices. */
class StepTally {
  readonly #steps = new Map<string, { step: string; service: string; counts: Map<number, number> }>();

  add(rows: readonly StepBucketRow[]): void {
    for (const { step, service, bucket, receipts } of rows) {
      const key = JSON.stringify([step, service]);
      const { counts } = this.#steps.get(key) ?? { counts: new Map<number, number>() };
      counts.set(Number(bucket), (counts.get(Number(bucket)) ?? 0) + Number(receipts));
      this.#steps.set(key, { step, service, counts });
    }
  }

  overTime(buckets: Buckets): StepOverTime[] {
    return [...this.#steps.values()].map(({ step, service, counts }) => ({
      step,
      service,
      buckets: inOrder(counts, buckets).map(({ at, users }) => ({ at, receipts: users })),
    }));
  }
}

function inSlice(from: number): RawBuilder<boolean> {
  return sql`seq between ${sql.lit(from)} and ${sql.lit(from + SLICE_USERS - 1)}`;
}

async function totalOf({ db }: SweepContext, sweepId: string): Promise<number> {
  const row = await db
    .selectFrom('sweeps')
    .select('total')
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  return row.total;
}

/** In milliseconds. */
interface Span {
  first: number;
  last: number;
}

/** A group as aggregated by the database for a slice of users. */
interface GroupRow {
  phase: ReceiptGroup['phase'];
  step: string;
  task: string;
  service: string;
  environment: string;
  key_slot: string | null;
  outcome: ReceiptOutcome;
  reason: string | null;
  failure_type: ReceiptGroup['failureType'] | null;
  status: number | null;
  code: string | null;
  receipts: number | string;
  with_proof: number | string;
  first_at: string | Date;
  last_at: string | Date;
}

/** Sums the groups of all slices. */
class GroupTally {
  readonly #groups = new Map<string, ReceiptGroup>();
  #span: Span | undefined;

  add(row: GroupRow): void {
    const key = keyOf(row);
    if (this.#groups.has(key) || this.#groups.size < MAX_GROUPS) this.#count(key, row, toGroup(row));
    else this.#count(keyOf({ ...row, reason: null, status: null, code: null }, 'various'), row, variousOf(row));
    if (row.phase === 'settled') this.#widen(new Date(row.first_at).getTime(), new Date(row.last_at).getTime());
  }

  #count(key: string, row: GroupRow, fresh: ReceiptGroup): void {
    const group = this.#groups.get(key) ?? fresh;
    group.receipts += Number(row.receipts);
    group.withProof += Number(row.with_proof);
    this.#groups.set(key, group);
  }

  #widen(first: number, last: number): void {
    this.#span = { first: Math.min(first, this.#span?.first ?? first), last: Math.max(last, this.#span?.last ?? last) };
  }

  /** By number of receipts, then in a fixed order, which no database guarantees. */
  get mostFirst(): ReceiptGroup[] {
    const groups = [...this.#groups].sort(
      ([a, { receipts: ofA }], [b, { receipts: ofB }]) => ofB - ofA || (a < b ? -1 : 1),
    );
    return groups.map(([, group]) => group);
  }

  /** From the first settled receipt to the last. */
  get settledSpan(): Span | undefined {
    return this.#span;
  }
}

function keyOf(row: GroupRow, kind = ''): string {
  const { phase, step, task, service, environment, key_slot, outcome, reason, failure_type, status, code } = row;
  return JSON.stringify([
    kind,
    phase,
    step,
    task,
    service,
    environment,
    key_slot,
    outcome,
    reason,
    failure_type,
    status,
    code,
  ]);
}

function toGroup(row: GroupRow): ReceiptGroup {
  return {
    ...withoutDetails(row),
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.status !== null && { status: row.status }),
    ...(row.code !== null && { code: row.code }),
  };
}

function variousOf(row: GroupRow): ReceiptGroup {
  return { ...withoutDetails(row), various: true };
}

function withoutDetails({
  phase,
  step,
  task,
  service,
  environment,
  key_slot,
  outcome,
  failure_type,
}: GroupRow): ReceiptGroup {
  return {
    phase,
    step,
    task,
    service,
    environment,
    ...(key_slot !== null && { keySlot: key_slot }),
    outcome,
    ...(failure_type !== null && { failureType: failure_type }),
    receipts: 0,
    withProof: 0,
  };
}
