import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { RequestFacts } from '../../policy/legal-clock';
import { WORST_FIRST, rankOf } from '../../policy/outcome';
import type { Outcome } from '../../policy/outcome';
import type { HoldEnvironments } from '../ledger';
import { numberOf } from '../sweeps/sweep-context';
import type { SweepContext } from '../sweeps/sweep-context';
import type { Tables } from '../tables';
import { storable } from '../values';
import { moveTo, newRow, openReceivedAt, receivedMoment } from './request-rows';

/** Users of a sweep whose outcomes are recorded with one statement. */
const SLICE = 5_000;

/** Rows in one INSERT: each has up to 14 values, and SQLite allows 32,766. */
const ROWS_IN_ONE = 1_000;

/** What ends a user's request as carried out. */
const CARRIED_OUT: readonly Outcome[] = ['removed', 'alreadyGone', 'accepted'];

/** A user of a sweep with a request of its own. */
export interface RequestingUser {
  seq: number;
  facts: RequestFacts;
  subjects: readonly string[];
  reference?: string | undefined;
}

/** Records the requests of users of a sweep, in the transaction that writes the users. */
export async function recordUsers(
  context: Pick<SweepContext, 'keys'>,
  db: Kysely<Tables>,
  {
    sweepId,
    users,
    environments,
  }: { sweepId: string; users: readonly RequestingUser[]; environments: HoldEnvironments },
): Promise<void> {
  const place = { workflowId: sweepId, firstRun: '' };
  const known = await openBySubject(db, sweepId, users);
  const fresh = [];
  for (const user of users) {
    const { seq, facts, subjects, reference } = user;
    const id = known.get(keyOf(facts, subjects.find((one) => known.has(keyOf(facts, one))) ?? ''));
    if (id === undefined) fresh.push(newRow(context, { ...place, facts, subjects, environments, reference }, seq));
    else await moveTo(db, id, { ...place, seq });
  }
  for (let from = 0; from < fresh.length; from += ROWS_IN_ONE)
    await db
      .insertInto('requests')
      .values(fresh.slice(from, from + ROWS_IN_ONE))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
}

/** Returns the open requests that these users may have made before, by moment of receipt and subject. */
async function openBySubject(
  db: Kysely<Tables>,
  sweepId: string,
  users: readonly RequestingUser[],
): Promise<ReadonlyMap<string, number>> {
  const moments = [...new Set(users.flatMap(({ facts }) => receivedMoment(facts) ?? []))];
  const found = new Map<string, number>();
  for (let from = 0; from < moments.length; from += ROWS_IN_ONE)
    for (const row of await openReceivedAt(db, moments.slice(from, from + ROWS_IN_ONE))) {
      if (row.workflow_id === storable(sweepId)) continue;
      const receivedAt = row.received_at === null ? '' : new Date(row.received_at).toISOString();
      for (const subject of JSON.parse(row.subjects) as string[]) found.set(`${receivedAt} ${subject}`, Number(row.id));
    }
  return found;
}

function keyOf(facts: RequestFacts, subject: string): string {
  return `${receivedMoment(facts) ?? ''} ${subject}`;
}

/** Users of a sweep who are taken up by another one. */
export interface MovedRequests {
  from: string;
  to: string;
  /** At least one: the number of a user in each of the sweeps. */
  seqs: readonly { before: number; now: number }[];
}

/** Has the requests of users who are taken up by a redrive belong to it. */
export async function moveRedriven(db: Kysely<Tables>, { from, to, seqs }: MovedRequests): Promise<void> {
  const rows = await db
    .selectFrom('requests')
    .select(['id', 'seq'])
    .where('workflow_id', '=', storable(from))
    .where('first_run', '=', '')
    .where('seq', '>=', Math.min(...seqs.map(({ before }) => before)))
    .where('seq', '<=', Math.max(...seqs.map(({ before }) => before)))
    .execute();
  const nowOf = new Map(seqs.map(({ before, now }) => [before, now]));
  for (const { id, seq } of rows) {
    const now = nowOf.get(seq);
    if (now !== undefined) await moveTo(db, Number(id), { workflowId: to, firstRun: '', seq: now });
  }
}

/** See `SweepLedger.endRequests`. */
export async function endRequests(
  context: SweepContext,
  { sweepId, alsoDone }: { sweepId: string; alsoDone: readonly Outcome[] },
): Promise<void> {
  const { db, store } = context;
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  const last = await context.inTime(() =>
    db
      .selectFrom('requests')
      .select((eb) => eb.fn.max('seq').as('seq'))
      .where('workflow_id', '=', storable(sweepId))
      .where('first_run', '=', '')
      .executeTakeFirst(),
  );
  const at = store.instant(new Date().toISOString());
  const carriedOut = [...CARRIED_OUT, ...alsoDone].map(rankOf);
  const names = sql.join(
    WORST_FIRST.map((outcome) => sql`when ${sql.lit(rankOf(outcome))} then ${sql.lit(outcome)}`),
    sql` `,
  );
  const worst = sql`(select t.worst from targets t where t.sweep = ${sweep} and t.seq = requests.seq)`;
  for (let from = 0; from <= (last?.seq ?? -1); from += SLICE) {
    await context.inTime(() =>
      sql`update requests set
          outcome = case ${worst} ${names} end,
          done = case when ${worst} in (${sql.join(carriedOut.map((rank) => sql.lit(rank)))}) then 1 else 0 end,
          ended_at = ${at}
        where workflow_id = ${storable(sweepId)} and first_run = '' and seq >= ${from} and seq < ${from + SLICE}
          and done = 0`.execute(db),
    );
  }
}
