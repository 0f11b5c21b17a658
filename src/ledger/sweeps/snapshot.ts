import { rankOf } from '../../policy/outcome';
import type { SnapshotReport } from '../../policy/snapshot-report';
import { environmentsOf } from './environments';
import { readState, SqlSnapshotWriter } from './snapshot-writer';
import { keyOf, numberOf, withKey } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepConflictError } from './sweep-errors';
import type { AppendTargets, SnapshotState, TargetRow } from './snapshot-types';

/** Maximum number of values per statement, below the limits of the databases. */
const MAX_PARAMETERS = 500;

/** See `SweepLedger.readSnapshot`. */
export async function readSnapshot(context: SweepContext, sweepId: string): Promise<SnapshotState> {
  const row = await readState(context, sweepId);
  const position = row.snapshot_position;
  return {
    version: row.snapshot_version,
    ...(position !== null && { position: (await keyOf(context, sweepId)).decryptPosition(position) }),
    total: row.total,
    duplicates: row.duplicates,
    rejected: row.rejected,
    complete: row.snapshot_complete === 1,
    ...(row.snapshot_report !== null && { report: JSON.parse(row.snapshot_report) as SnapshotReport }),
  };
}

/** See `SweepLedger.appendTargets`. */
export async function appendTargets(
  context: SweepContext,
  { sweepId, version, doneSteps, isThing, ...block }: AppendTargets,
): Promise<SnapshotState> {
  const writer = await SqlSnapshotWriter.begin(context, { sweepId, version, doneSteps, isThing });
  await writer.append(block);
  return writer.end();
}

/** See `SweepLedger.appendRedriven`. The position is the seq of the last copied user in the first sweep. */
export async function appendRedriven(
  context: SweepContext,
  { sweepId, limit, leaveRequests = false }: { sweepId: string; limit: number; leaveRequests?: boolean },
): Promise<SnapshotState> {
  const state = await context.inTime(() => readSnapshot(context, sweepId));
  if (state.complete) return state;
  const { after, environments, first, found } = await context.inTime(() =>
    readRedriven(context, { sweepId, state, limit }),
  );
  const seqOf = new Map<TargetRow, number>();
  const rows = found.map(({ seq, user, subjects, line }): TargetRow => {
    const row = { user, subjects: JSON.parse(subjects) as string[], ...(line !== null && { line }) };
    seqOf.set(row, seq);
    return row;
  });
  const writer = await SqlSnapshotWriter.begin(context, { sweepId, version: state.version });
  const [position, complete] = [String(found.at(-1)?.seq ?? after), found.length < limit];
  await writer.append(
    { environments, rows, position, complete },
    leaveRequests ? undefined : { sweepId: first, seqOf },
  );
  return writer.end();
}

/** Reads the next users to copy, with their IDs. */
async function readRedriven(
  context: SweepContext,
  { sweepId, state, limit }: { sweepId: string; state: SnapshotState; limit: number },
) {
  const { redrive_of: first } = await readState(context, sweepId);
  if (first === null) {
    throw new SweepConflictError(
      `sweepId: sweep ${sweepId} was not created with redriveOf, so there is nothing to copy.`,
    );
  }
  const environments = environmentsOf(await readState(context, first));
  const after = state.position === undefined ? -1 : Number(state.position);
  const number = await numberOf(context, first);
  const found = await withKey(context, first, async (key) =>
    (await readFailed(context, number, { after, limit })).map(({ seq, ids, subjects, line }) => ({
      seq,
      line,
      user: key.decryptUser(seq, ids),
      subjects,
    })),
  );
  return { after, environments, first, found };
}

/**
 * Returns the next failed and unknown users of a sweep, in two reads; a purge in between does not affect these states.
 */
async function readFailed(
  { db }: SweepContext,
  sweep: number,
  { after, limit }: { after: number; limit: number },
): Promise<{ seq: number; ids: string; subjects: string; line: number | null }[]> {
  const targets = await db
    .selectFrom('targets')
    .select(['seq', 'source_line'])
    .where('sweep', '=', sweep)
    .where('seq', '>', after)
    .where('state', '=', 'done')
    .where('worst', 'in', [rankOf('failed'), rankOf('unknown')])
    .orderBy('seq')
    .limit(limit)
    .execute();
  const lines = new Map(targets.map(({ seq, source_line: line }) => [seq, line]));
  const found: Awaited<ReturnType<typeof readFailed>> = [];
  for (const part of partsOf(
    targets.map(({ seq }) => seq),
    MAX_PARAMETERS,
  )) {
    const ids = db.selectFrom('target_ids').select(['seq', 'ids', 'subjects']).where('sweep', '=', sweep);
    for (const row of await ids.where('seq', 'in', part).orderBy('seq').execute())
      found.push({ ...row, line: lines.get(row.seq) ?? null });
  }
  return found;
}

function* partsOf<T>(list: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < list.length; from += size) yield list.slice(from, from + size);
}
