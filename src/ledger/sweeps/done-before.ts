import { sql } from 'kysely';
import { isBad, isGood } from '../../policy/offboard-result';
import { OUTCOMES } from '../../policy/outcome';
import type { Outcome } from '../../policy/outcome';
import { isOneOf, rowsOf } from '../values';
import type { SweepContext } from './sweep-context';
import type { TargetRow } from './sweep-types';

/** A receipt of an earlier end, as far as it says whether a user was done with. */
interface EndReceipt {
  workflow_id: string;
  run_id: string;
  seq: number;
  phase: string;
  subject: string;
  service: string;
  outcome: string | null;
  items: string | null;
}

/**
 * Those of the rows whom an earlier run or sweep brought to a good end for each of their ids. When in doubt a user is
 * not done: off-boarding twice does no harm, and leaving somebody out does.
 *
 * - Nothing in that end may be failed, unknown, not found or held.
 * - Each id of the row needs a good receipt of its own, so that an id that was not known then is not forgotten now. The
 *   receipt has to be about a call to the id's own provider: a run writes its last word on every step under the first of
 *   the user's ids, so that one about Batch stands under the id at Plaid too.
 * - It must not have been about some Items only: a sweep's target says so itself, and a run's last look found none left.
 * - A row for some Items only is never skipped, since nothing tells which ones an earlier end was about.
 */
export async function findDone(context: SweepContext, rows: readonly TargetRow[]): Promise<Set<TargetRow>> {
  const asked = rows.filter(({ user }) => user.itemIds === undefined);
  const ends = await readEnds(context, [...new Set(asked.flatMap(({ subjects }) => subjects))]);
  const endsBySubject = new Map<string, EndReceipt[][]>();
  for (const end of ends) {
    for (const subject of new Set(end.map((receipt) => receipt.subject))) {
      endsBySubject.set(subject, [...(endsBySubject.get(subject) ?? []), end]);
    }
  }
  return new Set(
    asked.filter((row) => (endsBySubject.get(row.subjects[0] ?? '') ?? []).some((end) => isDone(end, row))),
  );
}

function isDone(end: readonly EndReceipt[], row: TargetRow): boolean {
  if (end.some(({ phase, outcome }) => phase === 'settled' && isOutcome(outcome) && spoils(outcome))) return false;
  const lastLook = end.findLast(({ outcome, items }) => outcome === 'read' && items !== null);
  if (lastLook !== undefined && lastLook.items !== '[]') return false;
  return row.subjects.every((subject, index) => {
    const service = serviceOf(row, index);
    return end.some((one) => one.subject === subject && one.service === service && isOutcome(one.outcome) && isGood(one.outcome));
  });
}

/** Whose id a subject of the row is: the one at Batch comes last (see `userSubjects`). */
function serviceOf({ user, subjects }: TargetRow, index: number): 'plaid' | 'batch' {
  return user.batchUserId !== undefined && index === subjects.length - 1 ? 'batch' : 'plaid';
}

function spoils(outcome: Outcome): boolean {
  return outcome === 'held' || isBad(outcome, false);
}

function isOutcome(outcome: string | null): outcome is Outcome {
  return OUTCOMES.some((one) => one === outcome);
}

/**
 * All receipts of every end that is about one of these subjects: a run's are its own, a sweep's those of one target. Of
 * a target the ledger knows itself whether it was about some Items only.
 */
async function readEnds({ db, dialect }: SweepContext, subjects: readonly string[]): Promise<EndReceipt[][]> {
  const ends = await db
    .selectFrom('receipts as r')
    .leftJoin('sweeps as s', 's.sweep_id', 'r.sweep_id')
    .leftJoin('targets as t', (join) => join.onRef('t.sweep', '=', 's.number').onRef('t.seq', '=', 'r.seq'))
    .select(['r.workflow_id', 'r.run_id', 'r.sweep_id', 'r.seq'])
    .where(isOneOf(dialect, 'r.subject', subjects))
    .where('r.phase', '=', 'settled')
    .where((eb) => eb.or([eb('t.some_items', 'is', null), eb('t.some_items', '=', 0)]))
    .execute();
  const keys = new Set(
    ends.map((end) => JSON.stringify([end.workflow_id, end.run_id, end.sweep_id === null ? null : end.seq])),
  );
  const column = (index: number) => (dialect === 'postgres' ? sql`value::jsonb->>${sql.lit(index)}` : sql`value->>${sql.lit(index)}`);
  const { rows } = await sql<EndReceipt & { ending: number }>`
    select list.seq as ending, r.workflow_id, r.run_id, r.seq, r.phase, r.subject, r.service, r.outcome, r.items
    from ${rowsOf(dialect, [...keys])} as list
    join receipts as r on r.workflow_id = ${column(0)} and r.run_id = ${column(1)}
    where ${column(2)} is null or (r.activity_id = '' and r.seq = cast(${column(2)} as integer))
    order by r.id`.execute(db);
  const found = new Map<number, EndReceipt[]>();
  for (const row of rows) {
    const end = found.get(row.ending);
    if (end === undefined) found.set(row.ending, [row]);
    else end.push(row);
  }
  return [...found.values()];
}
