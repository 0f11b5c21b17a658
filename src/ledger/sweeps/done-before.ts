import { sql } from 'kysely';
import type { DoneStep } from '../../policy/providers/step-plan';
import { isBad, isGood } from '../../policy/offboard-result';
import { instantMs } from '../../policy/instant';
import { OUTCOMES } from '../../policy/outcome';
import type { Outcome } from '../../policy/outcome';
import { pairSubjects } from '../user-subjects';
import type { IsThing } from '../user-subjects';
import { thingsOf } from './duplicate-keys';
import type { SweepContext } from './sweep-context';
import type { TargetRow } from './snapshot-types';

/**
 * Minimum time between the closure and the first call of an earlier end, in milliseconds. The clocks of the worker and
 * of the database that states the closure may differ by this much.
 */
export const CLOCK_MARGIN_MS = 60_000;

/** The parts of an earlier end's receipt that show whether a user is done. */
interface EndReceipt {
  workflow_id: string;
  /** Empty for a receipt of a sweep. */
  run_id: string;
  seq: number;
  phase: string;
  step: string;
  task: string;
  subject: string;
  service: string;
  outcome: string | null;
  reason: string | null;
  failure_type: string | null;
  status: number | null;
  items: string | null;
}

/** The receipts of an earlier run, or of one user in an earlier sweep. */
interface End {
  /** Earliest possible time of its calls, in milliseconds since 1970. */
  sinceMs: number;
  receipts: readonly EndReceipt[];
}

/**
 * Returns the rows whose data was deleted according to the receipts: an earlier run or sweep succeeded for each of the
 * row's IDs, by calls that all began after the row's `closedAt`. Receipts say what was deleted, not what the provider
 * has now, so a row without `closedAt` is never returned. In doubt a user is not done, because offboarding twice does
 * no harm and omitting a user does.
 *
 * - The end began at least {@link CLOCK_MARGIN_MS} after the closure. A sweep begins when it is created, a run with its
 *   first receipt.
 * - It has no outcome failed, unknown, not found or held.
 * - Each ID of the row has its own successful receipt for a call to its own provider. A run records the outcomes of all
 *   steps under the first of the user's IDs, so a receipt about Batch also exists under the Plaid ID.
 * - Each of `steps` that the row needs succeeded or had nothing to do.
 * - A run's own calls confirm its outcomes. A run that was reset reports what the previous run did, possibly long
 *   before the closure.
 * - The end did not concern only some Items: a sweep's target records that, and a run's last list of Items was empty.
 * - A row for only some Items is never done, because receipts do not say which Items an earlier end concerned.
 */
export async function findDone(
  context: SweepContext,
  rows: readonly TargetRow[],
  steps: readonly DoneStep[] = [],
  isThing?: IsThing,
): Promise<Set<TargetRow>> {
  const closures = new Map<TargetRow, number>();
  for (const row of rows) {
    const closedMs =
      row.user.closedAt === undefined || thingsOf(row.user, isThing) !== null
        ? undefined
        : instantMs(row.user.closedAt);
    if (closedMs !== undefined) closures.set(row, closedMs);
  }
  if (closures.size === 0) return new Set();
  const ends = await readEnds(context, [...new Set([...closures.keys()].flatMap(({ subjects }) => subjects))]);
  const endsBySubject = new Map<string, End[]>();
  for (const end of ends) {
    for (const subject of new Set(end.receipts.map((receipt) => receipt.subject))) {
      const known = endsBySubject.get(subject);
      if (known) known.push(end);
      else endsBySubject.set(subject, [end]);
    }
  }
  const isDone = ([row, closedMs]: [TargetRow, number]): boolean =>
    (endsBySubject.get(row.subjects[0] ?? '') ?? []).some(
      (end) => end.sinceMs >= closedMs + CLOCK_MARGIN_MS && provesDeleted(end, { row, steps, isThing }),
    );
  return new Set([...closures].filter(isDone).map(([row]) => row));
}

/** Reasons of skipped steps that had nothing to do for the user. */
const NOTHING_TO_DO: readonly string[] = ['noItems', 'needsUserId', 'noId'];

function provesDeleted(
  { receipts }: End,
  { row, steps, isThing }: { row: TargetRow; steps: readonly DoneStep[]; isThing: IsThing | undefined },
): boolean {
  if (receipts.some(({ phase, outcome }) => phase === 'settled' && isOutcome(outcome) && spoils(outcome))) return false;
  const lastLook = receipts.findLast(({ outcome, items }) => outcome === 'read' && items !== null);
  if (lastLook !== undefined && lastLook.items !== '[]') return false;
  if (!receipts.every((receipt) => isBorneOut(receipt, receipts))) return false;
  return pairSubjects(row.user, row.subjects, isThing).every(({ service, subject }) => {
    const isProven = receipts.some(
      (one) => one.subject === subject && providerOfService(one) === service && isGoodOutcome(one.outcome),
    );
    return isProven && steps.every((step) => step.service !== service || receipts.some((one) => isEndOf(step, one)));
  });
}

/** Returns whether the receipt settles the step as successful or as having nothing to do. */
function isEndOf({ step, task }: DoneStep, receipt: EndReceipt): boolean {
  if (receipt.phase !== 'settled' || receipt.step !== step || (task !== undefined && receipt.task !== task))
    return false;
  return (
    isGoodOutcome(receipt.outcome) || (receipt.outcome === 'skipped' && NOTHING_TO_DO.includes(receipt.reason ?? ''))
  );
}

/**
 * Returns whether the run's own calls confirm what it settled. In a sweep the calling process itself records the
 * outcome.
 */
function isBorneOut(
  { run_id: run, phase, step, outcome, reason }: EndReceipt,
  receipts: readonly EndReceipt[],
): boolean {
  if (run === '' || phase !== 'settled') return true;
  // One call per provider determines for all its steps that the user no longer exists.
  if (outcome === 'alreadyGone')
    return receipts.some((one) => providerOf(one) === providerOf({ step }) && hasResponse(one));
  if (outcome !== 'removed' && outcome !== 'accepted' && reason !== 'noItems') return true;
  return receipts.some((one) => one.step === step && hasResponse(one));
}

/** The provider of a receipt whose service may be one of its accounts, `plaid/acme`. */
function providerOfService({ service }: Pick<EndReceipt, 'service'>): string {
  return service.split('/', 1)[0] ?? '';
}

function providerOf({ step }: Pick<EndReceipt, 'step'>): string {
  return step.split('.', 1)[0] ?? '';
}

/**
 * Returns whether the receipt is of a call that changed something, listed Items, or was rejected because the user does
 * not exist.
 */
function hasResponse({ phase, outcome, items, status, failure_type: failureType }: EndReceipt): boolean {
  if (phase !== 'outcome') return false;
  const isList = outcome === 'read' && items !== null;
  const isRefused = failureType === 'Task.Rejected' && status !== null && status >= 400 && status < 500;
  return isList || isRefused || isGoodOutcome(outcome);
}

function spoils(outcome: Outcome): boolean {
  return outcome === 'held' || isBad(outcome, false);
}

function isGoodOutcome(outcome: string | null): boolean {
  return isOutcome(outcome) && isGood(outcome);
}

function isOutcome(outcome: string | null): outcome is Outcome {
  return OUTCOMES.some((one) => one === outcome);
}

/**
 * Returns all receipts of every end that concerns one of these subjects: all receipts of a run, or those of one target
 * of a sweep. Targets that concerned only some Items are left out.
 */
async function readEnds({ db, store }: SweepContext, subjects: readonly string[]): Promise<End[]> {
  const ends = await db
    .selectFrom('receipts as r')
    .leftJoin('sweeps as s', 's.sweep_id', 'r.sweep_id')
    .leftJoin('targets as t', (join) => join.onRef('t.sweep', '=', 's.number').onRef('t.seq', '=', 'r.seq'))
    .select(['r.workflow_id', 'r.run_id', 'r.sweep_id', 'r.seq', 's.created_at'])
    .where(store.isOneOf('r.subject', subjects))
    .where('r.phase', '=', 'settled')
    .where((eb) => eb.or([eb('t.some_items', 'is', null), eb('t.some_items', '=', 0)]))
    .execute();
  const createdAt = new Map(
    ends.map((end) => [
      JSON.stringify([end.workflow_id, end.run_id, end.sweep_id === null ? null : end.seq]),
      end.created_at,
    ]),
  );
  const keys = [...createdAt.keys()];
  const column = (index: number) => store.textAt('list.value', index);
  const { rows } = await sql<EndReceipt & { ending: number; at: Date | string }>`
    select list.seq as ending, r.workflow_id, r.run_id, r.seq, r.phase, r.step, r.task, r.subject, r.service, r.outcome, r.reason,
      r.failure_type, r.status, r.items, r.at
    from ${store.rowsOf(keys)} as list
    join receipts as r on r.workflow_id = ${column(0)} and r.run_id = ${column(1)}
    where ${column(2)} is null or (r.activity_id = '' and r.seq = cast(${column(2)} as integer))
    order by r.id`.execute(db);
  const found = new Map<number, { firstMs: number; receipts: EndReceipt[] }>();
  for (const row of rows) {
    const atMs = new Date(row.at).getTime();
    const end = found.get(row.ending);
    if (end === undefined) found.set(row.ending, { firstMs: atMs, receipts: [row] });
    else {
      end.firstMs = Math.min(end.firstMs, atMs);
      end.receipts.push(row);
    }
  }
  return [...found].map(([ending, { firstMs, receipts }]) => {
    const created = createdAt.get(keys[ending] ?? '');
    return { sinceMs: created === null || created === undefined ? firstMs : new Date(created).getTime(), receipts };
  });
}
