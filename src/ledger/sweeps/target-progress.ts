import { sql } from 'kysely';
import type { RawBuilder, SqlBool } from 'kysely';
import type { Outcome } from '../../policy/outcome';
import { storable, storableOrNull } from '../values';
import { numberOf, orRefused, withKey, keyOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepFencedError } from './sweep-errors';
import { MOST_USERS_IN_A_WAVE } from './sweep-types';
import type { FlushWave, ChunkFence, Removal } from './sweep-types';

/** Maximum number of users whose report is written per statement. */
const SLICE_USERS = 5_000;

/** See `SweepLedger.saveProgress`. */
export function saveProgress(context: SweepContext, saved: SaveProgress): Promise<void> {
  return write(context, saved, { strict: true });
}

async function write(context: SweepContext, saved: SaveProgress, { strict }: { strict: boolean }): Promise<void> {
  const { sweepId, chunkId, fence, users } = saved;
  if (users.length > MOST_USERS_IN_A_WAVE)
    throw new RangeError(`users must contain at most ${MOST_USERS_IN_A_WAVE} users, and contains ${users.length}.`);
  const key = await keyOf(context, sweepId);
  const sweep = await numberOf(context, sweepId);
  const rows = users.map(({ seq, round, progress, waitsFor }) => [
    seq,
    round,
    key.encryptProgress(seq, progress),
    storableOrNull(waitsFor),
  ]);
  const writing = context.store.run(context.db, 'sweep_progress', {
    sweep,
    chunk_id: storable(chunkId),
    fence,
    users: JSON.stringify(rows),
    strict: strict ? 1 : 0,
  });
  await orRefused(writing, () => new SweepFencedError(chunkId));
}

/**
 * Records how far the deferred users of a flush have come: before they are deferred, so that none is opened without it.
 * Users whom an earlier try of the same flush has deferred are left out.
 */
export async function saveDeferred(context: SweepContext, { users, ...chunk }: FlushWave): Promise<void> {
  const deferred = users.flatMap((user) =>
    user.kind === 'deferred' && user.progress !== undefined
      ? [{ seq: user.seq, round: user.round, progress: user.progress, waitsFor: user.waitsFor }]
      : [],
  );
  if (deferred.length > 0) await write(context, { ...chunk, users: deferred }, { strict: false });
}

/** Deletes how far the settled users of a flush had come. */
export async function dropSettled(context: SweepContext, { sweepId, users }: FlushWave): Promise<void> {
  const seqs = users.flatMap((user) => (user.kind === 'settled' && user.hadProgress ? [user.seq] : []));
  if (seqs.length === 0) return;
  const sweep = await numberOf(context, sweepId);
  await sql`delete from target_progress where sweep = ${sweep} and seq in ${context.store.integersOf(seqs)}`.execute(
    context.db,
  );
}

/** See `SweepLedger.readProgress`. */
export async function readProgress(
  context: SweepContext,
  { sweepId, seqs }: { sweepId: string; seqs: readonly number[] },
): Promise<Map<number, RecordedProgress>> {
  return withKey(context, sweepId, async (key) => {
    const sweep = await numberOf(context, sweepId);
    const { rows } = await sql<{ seq: number; progress: string; waits_for: string | null; report: string | null }>`
      select seq, progress, waits_for, report from target_progress
      where sweep = ${sweep} and seq in ${context.store.integersOf(seqs)}`.execute(context.db);
    return new Map(
      rows.map(({ seq, progress, waits_for: step, report }) => [
        seq,
        {
          progress: key.decryptProgress(seq, progress),
          ...(step !== null && report !== null && { report: { ...(JSON.parse(report) as StepReport), step } }),
        },
      ]),
    );
  });
}

/** See `SweepLedger.countWaiting`. */
export async function countWaiting(context: SweepContext, sweepId: string): Promise<Record<string, number>> {
  const sweep = await numberOf(context, sweepId);
  const { rows } = await sql<{ step: string; users: number | string }>`
    select p.waits_for as step, count(*) as users
    from target_progress as p join targets as t on t.sweep = p.sweep and t.seq = p.seq
    where p.sweep = ${sweep} and p.waits_for is not null and p.report is null and t.state = 'pending'
    group by p.waits_for order by p.waits_for`.execute(context.db);
  return Object.fromEntries(rows.map(({ step, users }) => [step, Number(users)]));
}

/** See `SweepLedger.reportStep`. */
export async function reportStep(
  context: SweepContext,
  { sweepId, step, report, seqs }: ReportStep,
): Promise<{ users: number }> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  const text = storable(JSON.stringify(report));
  const wanted = seqs === undefined ? undefined : [...new Set(seqs)].sort((a, b) => a - b);
  let users = 0;
  for (let after = -1, at = 0; ;) {
    const part = wanted?.slice(at, at + SLICE_USERS);
    if (part?.length === 0) return { users };
    const waiting = await context.inTime(() => waitingFor(context, { sweep, step: storable(step), after, part }));
    if (waiting.length > 0) await context.inTime(() => writeReports(context, sweep, waiting, text));
    users += waiting.length;
    at += SLICE_USERS;
    if (part === undefined && waiting.length < SLICE_USERS) return { users };
    after = wanted ? -1 : (waiting.at(-1) ?? after);
  }
}

/** Returns the next users who wait for the step and are not at work. */
async function waitingFor(
  context: SweepContext,
  of: { sweep: number; step: string; after: number; part: readonly number[] | undefined },
): Promise<number[]> {
  const among = of.part === undefined ? sql`p.seq > ${of.after}` : sql`p.seq in ${context.store.integersOf(of.part)}`;
  const { rows } = await sql<{ seq: number }>`
    select p.seq from target_progress as p join targets as t on t.sweep = p.sweep and t.seq = p.seq
    where p.sweep = ${of.sweep} and p.waits_for = ${of.step} and p.report is null and t.state = 'pending' and ${among}
    order by p.seq limit ${SLICE_USERS}`.execute(context.db);
  return rows.map(({ seq }) => seq);
}

/** The report first: a user who is opened without one would wait again. */
async function writeReports(
  context: SweepContext,
  sweep: number,
  seqs: readonly number[],
  report: string,
): Promise<void> {
  const theirs = sql`sweep = ${sweep} and seq in ${context.store.integersOf(seqs)}`;
  await sql`update target_progress set report = ${report} where ${theirs}`.execute(context.db);
  await sql`update targets set not_before = null where ${theirs} and state = 'pending'`.execute(context.db);
}

/** Deletes all that is recorded of how far users of an ended sweep had come. */
export async function dropAllProgress(context: SweepContext, sweep: number): Promise<void> {
  await context.inTime(() => context.db.deleteFrom('target_progress').where('sweep', '=', sweep).execute());
}

/** How far some users of a wave have come, to be recorded before their next calls. */
export interface SaveProgress extends ChunkFence {
  /** At most `MOST_USERS_IN_A_WAVE`. */
  users: readonly { seq: number; round: number; progress: unknown; waitsFor?: string | undefined }[];
}

/** What a person reports about a step that users wait for. */
interface StepReport {
  outcome: 'removed' | 'skipped' | 'failed';
  /** For example the number of a ticket; no personal data. */
  evidence?: string;
}

/** How far a user had come. */
export interface RecordedProgress {
  progress: unknown;
  /** What a person has reported about the step that the user waited for. */
  report?: StepReport & { step: string };
}

/** A report about the users who wait for a step now. */
export interface ReportStep {
  sweepId: string;
  step: string;
  report: StepReport;
  /** Only these users; all who wait when absent. */
  seqs?: readonly number[];
}

interface UsersOfSweep {
  sweepId: string;
  seqs: readonly number[];
}

interface RemovalRow {
  seq: number;
  step: string;
  task: string;
  request_id: string | null;
  items: string | null;
}

/** See `SweepLedger.readRemovals`. */
export async function readRemovals(context: SweepContext, of: UsersOfSweep): Promise<Map<number, Removal[]>> {
  const from = receiptsSaying(context, of, ['removed']);
  const { rows } =
    await sql<RemovalRow>`select r.seq, r.step, r.task, r.request_id, r.items from ${from} order by r.id`.execute(
      context.db,
    );
  const found = new Map<number, Removal[]>();
  for (const { seq, step, task, request_id: requestId, items } of rows) {
    const removal = {
      step,
      task,
      ...(requestId !== null && { requestId }),
      items: items === null ? [] : (JSON.parse(items) as string[]),
    };
    const before = found.get(seq);
    if (before) before.push(removal);
    else found.set(seq, [removal]);
  }
  return found;
}

/** See `SweepLedger.readPartlyDone`. */
export async function readPartlyDone(context: SweepContext, of: UsersOfSweep): Promise<Set<number>> {
  const from = receiptsSaying(context, of, ['removed', 'alreadyGone', 'accepted']);
  const { rows } = await sql<{ seq: number }>`select distinct r.seq from ${from}`.execute(context.db);
  return new Set(rows.map(({ seq }) => seq));
}

/**
 * Selects receipts with these outcomes, reaching each user through the index `receipts_key` even without statistics.
 */
function receiptsSaying(
  { store }: SweepContext,
  { sweepId, seqs }: UsersOfSweep,
  outcomes: readonly Outcome[],
): RawBuilder<unknown> {
  const ofUser = sql<SqlBool>`r.workflow_id = ${storable(sweepId)} and r.run_id = '' and r.activity_id = ''
    and r.seq = cast(list.value as integer) and r.phase in ('outcome', 'settled') and r.outcome in (${sql.join(outcomes)})`;
  return store.receiptsOfEach(seqs, ofUser);
}
