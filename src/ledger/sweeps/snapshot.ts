import type { SnapshotReport } from '../../policy/snapshot-report';
import type { TargetUser } from '../../policy/target-reference';
import { rankOf } from '../../policy/outcome';
import { idsOf, NAMED_FIELDS } from '../../policy/user-ids';
import type { IsThing } from '../user-subjects';
import type { SweepBlock } from '../store';
import { requireHashes, storable } from '../values';
import { findDone } from './done-before';
import { duplicateKeys, NO_KEYS, thingsOf } from './duplicate-keys';
import { environmentsOf, noteEnvironments } from './environments';
import { moveRedriven, recordUsers } from '../requests/sweep-requests';
import type { MovedRequests, RequestingUser } from '../requests/sweep-requests';
import { encryptedReferences } from './references';
import { KnownKeys } from './known-keys';
import { keyOf, numberOf, orRefused, withKey } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SnapshotMovedError, SweepConflictError, UnknownSweepError } from './sweep-errors';
import type { SweepKey } from './sweep-key';
import { MOST_ROWS_AT_ONCE } from './sweep-types';
import type { AppendTargets, SnapshotState, TargetRow } from './sweep-types';

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

/**
 * See `SweepLedger.appendTargets`. First determines which rows are new, then writes them in one statement. The write is
 * refused if anything was appended in between, so the result of the check is still valid.
 */
export function appendTargets(context: SweepContext, append: AppendTargets): Promise<SnapshotState> {
  return appendRows(context, append);
}

/** Rows that are copied from another sweep. */
interface RedrivenRows {
  sweepId: string;
  /** The number that each of them has there. */
  seqOf: ReadonlyMap<TargetRow, number>;
}

async function appendRows(
  context: SweepContext,
  append: AppendTargets,
  redriven?: RedrivenRows,
): Promise<SnapshotState> {
  const { sweepId, rows, rejected = 0, complete = false } = append;
  if (rows.length > MOST_ROWS_AT_ONCE) {
    throw new RangeError(`rows must contain at most ${MOST_ROWS_AT_ONCE} rows, and contains ${rows.length}.`);
  }
  for (const { subjects } of rows) requireHashes('rows.subjects', subjects);
  const key = await keyOf(context, sweepId);
  const sweep = await numberOf(context, sweepId);
  const state = await readState(context, sweepId);
  if (state.snapshot_version !== append.version || state.snapshot_complete === 1) throw new SnapshotMovedError();
  const unknown = unknownEnvironments(append, environmentsOf(state));
  if (Object.keys(unknown).length > 0) await noteEnvironments(context, sweepId, unknown);
  const done =
    state.skip_done === 1 ? await findDone(context, rows, append.doneSteps, append.isThing) : new Set<TargetRow>();
  const known = await KnownKeys.of(context, sweep, state.snapshot_version);
  const { fresh, keys, shared } = await withoutDuplicates(context, { known, key, rows, done, isThing: append.isThing });
  const ids = await key.encryptUsers(
    state.total,
    fresh.map(({ user }) => literal(user)),
  );
  const references = fresh.map(({ user }) => user.reference);
  const report = reportOf(append, state.snapshot_report, shared);
  const block: SweepBlock = {
    sweep,
    version: append.version,
    rows: fresh.map((row, index) => ({
      ids: ids[index] ?? '',
      subjects: row.subjects,
      worst: done.has(row) ? rankOf('skipped') : null,
      someItems: thingsOf(row.user, append.isThing) === null ? 0 : 1,
      line: row.line ?? null,
    })),
    keys: known.textOf(keys),
    names: encryptedReferences(context.keys, { sweepId, first: state.total, references }),
    position: key.encryptPosition(append.position),
    complete: complete ? 1 : 0,
    duplicates: rows.length - fresh.length,
    rejected,
    report: report === undefined ? null : storable(JSON.stringify(report)),
  };
  const requesting = fresh.flatMap(({ user, subjects, request }, index): RequestingUser[] =>
    request ? [{ seq: state.total + index, facts: request, subjects, reference: user.reference }] : [],
  );
  const moved = redriven && {
    from: redriven.sweepId,
    to: sweepId,
    seqs: fresh.map((row, index) => ({ before: redriven.seqOf.get(row) ?? -1, now: state.total + index })),
  };
  await orRefused(writeWithRequests(context, block, { append, requesting, moved }), () => new SnapshotMovedError());
  if (complete) context.knownKeys.delete(sweep);
  else await known.follow(context, keys);
  return {
    version: append.version + 1,
    position: append.position,
    total: state.total + fresh.length,
    duplicates: state.duplicates + block.duplicates,
    rejected: state.rejected + rejected,
    complete,
    ...(report !== undefined && { report }),
  };
}

/** Returns what is known about the source including these rows; undefined for a redrive. */
function reportOf({ report }: AppendTargets, before: string | null, shared: number): SnapshotReport | undefined {
  const known = before === null ? undefined : (JSON.parse(before) as SnapshotReport);
  if (report === undefined) return known;
  return { ...report, sharedIds: (known?.sharedIds ?? 0) + shared };
}

/** See `SweepLedger.appendRedriven`. The position is the seq of the last copied user in the first sweep. */
export async function appendRedriven(
  context: SweepContext,
  { sweepId, limit, leaveRequests = false }: { sweepId: string; limit: number; leaveRequests?: boolean },
): Promise<SnapshotState> {
  const state = await readSnapshot(context, sweepId);
  if (state.complete) return state;
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
  const seqOf = new Map<TargetRow, number>();
  const rows = found.map(({ seq, user, subjects, line }): TargetRow => {
    const row = { user, subjects: JSON.parse(subjects) as string[], ...(line !== null && { line }) };
    seqOf.set(row, seq);
    return row;
  });
  const append = {
    sweepId,
    version: state.version,
    environments,
    rows,
    position: String(found.at(-1)?.seq ?? after),
    complete: found.length < limit,
  };
  return appendRows(context, append, leaveRequests ? undefined : { sweepId: first, seqOf });
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

async function readState({ db }: SweepContext, sweepId: string) {
  const row = await db
    .selectFrom('sweeps')
    .select([
      'snapshot_version',
      'snapshot_position',
      'snapshot_complete',
      'total',
      'duplicates',
      'rejected',
      'snapshot_report',
    ])
    .select(['skip_done', 'redrive_of', 'environments', 'plaid_environment'])
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  return row;
}

/** Returns the environments of these rows' services that are not recorded, or recorded differently. */
function unknownEnvironments(
  { rows, environments = {} }: AppendTargets,
  known: Readonly<Record<string, string>>,
): Record<string, string> {
  const left = Object.entries(environments).filter(([service, environment]) => known[service] !== environment);
  if (left.length === 0) return {};
  const used = new Set(
    rows.flatMap(({ user }) =>
      Object.keys(idsOf(user)).map((provider) => {
        const own = `${provider}/${user.account ?? ''}`;
        return Object.hasOwn(environments, own) ? own : provider;
      }),
    ),
  );
  return Object.fromEntries(left.filter(([service]) => used.has(service)));
}

/**
 * Returns the rows that are duplicates neither of earlier rows here nor of those already written, the keys to store for
 * them, and how many share an ID with an earlier row. A row that is left out as done makes only other done rows
 * duplicates, because a later row of the same user may state a later closure.
 */
async function withoutDuplicates(
  context: SweepContext,
  {
    known,
    key,
    rows,
    done,
    isThing,
  }: {
    known: KnownKeys;
    key: SweepKey;
    rows: readonly TargetRow[];
    done: ReadonlySet<TargetRow>;
    isThing: IsThing | undefined;
  },
): Promise<{ fresh: TargetRow[]; keys: string[]; shared: number }> {
  const { direct } = known;
  const keyed = rows.map((row) => duplicateKeys(key, row, { isDone: done.has(row), isThing, direct }));
  const asked: string[] = [];
  for (const { lookedUp, shared } of keyed) {
    for (const one of lookedUp) asked.push(one);
    for (const one of shared) asked.push(one);
  }
  const seen = await known.among(context, asked);
  const keys: string[] = [];
  const fresh: TargetRow[] = [];
  let sharing = 0;
  for (const [index, row] of rows.entries()) {
    const { lookedUp: askedFor, left, shared } = keyed[index] ?? NO_KEYS;
    if (askedFor.some((one) => seen.has(one))) continue;
    fresh.push(row);
    if (shared.some((one) => seen.has(one))) sharing += 1;
    for (const one of left) {
      if (!seen.has(one)) keys.push(one);
      seen.add(one);
    }
  }
  return { fresh, keys, shared: sharing };
}

/** Returns only the fields of a target; a source's row may have more, which must not be stored. */
function literal(user: TargetUser): TargetUser {
  for (const field in user) if (!STORED.has(field)) return withoutOthers(user);
  return user;
}

function withoutOthers(user: TargetUser): TargetUser {
  const kept: Record<string, unknown> = {};
  for (const field of STORED_FIELDS) if (user[field] !== undefined) kept[field] = user[field];
  return kept;
}

/** The fields of a user that are stored. */
const STORED_FIELDS = [...NAMED_FIELDS.map(({ field }) => field), 'reference', 'account', 'ids'] as const;
const STORED: ReadonlySet<string> = new Set(STORED_FIELDS);

/** Users with requests of their own are written together with these. */
async function writeWithRequests(
  context: SweepContext,
  block: SweepBlock,
  {
    append,
    requesting,
    moved,
  }: { append: AppendTargets; requesting: readonly RequestingUser[]; moved: MovedRequests | undefined },
): Promise<void> {
  const { sweepId, environments: given = {} } = append;
  const areMoved = moved !== undefined && moved.seqs.length > 0;
  if (requesting.length === 0 && !areMoved) return context.store.appendBlock(context.db, block);
  const environments = Object.fromEntries(Object.entries(given).map(([service, name]) => [service, [name]]));
  await context.db.transaction().execute(async (transaction) => {
    await context.store.appendBlock(transaction, block);
    await recordUsers(context, transaction, { sweepId, users: requesting, environments });
    if (areMoved) await moveRedriven(transaction, moved);
  });
}
