import { rankOf } from '../../policy/outcome';
import type { SnapshotReport } from '../../policy/snapshot-report';
import type { TargetUser } from '../../policy/target-reference';
import { idsOf, NAMED_FIELDS } from '../../policy/user-ids';
import { moveRedriven, recordUsers } from '../requests/sweep-requests';
import type { MovedRequests, RequestingUser } from '../requests/sweep-requests';
import type { SweepBlock } from '../store';
import type { IsThing } from '../user-subjects';
import { requireHashes, storable } from '../values';
import { findDone } from './done-before';
import { duplicateKeys, NO_KEYS, thingsOf } from './duplicate-keys';
import { environmentsOf, noteEnvironments } from './environments';
import { KnownKeys } from './known-keys';
import { encryptedReferences } from './references';
import { keyOf, numberOf, orRefused } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SnapshotMovedError, UnknownSweepError } from './sweep-errors';
import type { SweepKey } from './sweep-key';
import { MOST_ROWS_AT_ONCE } from './snapshot-types';
import type { BeginSnapshot, SnapshotBlock, SnapshotState, SnapshotWriter, TargetRow } from './snapshot-types';

/** Maximum number of blocks that were given and are not written yet. */
const MOST_ON_THE_WAY = 4;

/** Rows that are copied from another sweep. */
interface RedrivenRows {
  sweepId: string;
  /** The number that each of them has there. */
  seqOf: ReadonlyMap<TargetRow, number>;
}

/** A block whose new rows are known. */
interface Prepared {
  block: Omit<SweepBlock, 'ids'>;
  /** Encrypted. */
  ids: Promise<Uint8Array>;
  requesting: readonly RequestingUser[];
  moved: MovedRequests | undefined;
  environments: Readonly<Record<string, string>>;
  state: SnapshotState;
}

/**
 * See `SweepLedger.writeSnapshot`. The new rows of a block are determined after those of the block before, and written
 * after it, each in one statement; between the two its IDs are encrypted. A write is refused if another process appended
 * anything, so that what was determined is still valid; after a write that fails, no later block is written.
 */
export class SqlSnapshotWriter implements SnapshotWriter {
  readonly #context: SweepContext;
  readonly #options: BeginSnapshot;
  readonly #sweep: number;
  readonly #known: KnownKeys;
  readonly #skipDone: boolean;
  readonly #environments: Record<string, string>;
  /** With every block whose new rows were determined. */
  #planned: SnapshotState;
  #state: SnapshotState;
  #rowsOnTheWay = 0;
  /** Settles when the new rows of the latest block are determined. */
  #prepared: Promise<unknown> = Promise.resolve();
  /** For each block that is not known to be written, in their order. */
  readonly #writes: Promise<void>[] = [];

  private constructor(
    context: SweepContext,
    options: BeginSnapshot,
    begun: {
      sweep: number;
      known: KnownKeys;
      skipDone: boolean;
      environments: Readonly<Record<string, string>>;
      state: SnapshotState;
    },
  ) {
    this.#context = context;
    this.#options = options;
    this.#sweep = begun.sweep;
    this.#known = begun.known;
    this.#skipDone = begun.skipDone;
    this.#environments = { ...begun.environments };
    this.#planned = this.#state = begun.state;
  }

  /** @throws SnapshotMovedError when the version is not the snapshot's, or the snapshot is complete. */
  static async begin(context: SweepContext, options: BeginSnapshot): Promise<SqlSnapshotWriter> {
    const { sweepId, version } = options;
    const { sweep, row } = await context.inTime(async () => {
      // Refuses a sweep whose key was destroyed.
      await keyOf(context, sweepId);
      return { sweep: await numberOf(context, sweepId), row: await readState(context, sweepId) };
    });
    if (row.snapshot_version !== version || row.snapshot_complete === 1) throw new SnapshotMovedError();
    const known = await KnownKeys.take(context, sweep, version);
    const { total, duplicates, rejected, snapshot_report: report } = row;
    return new SqlSnapshotWriter(context, options, {
      sweep,
      known,
      skipDone: row.skip_done === 1,
      environments: environmentsOf(row),
      state: {
        version,
        total,
        duplicates,
        rejected,
        complete: false,
        ...(report !== null && { report: JSON.parse(report) as SnapshotReport }),
      },
    });
  }

  get mostUsers(): number {
    return this.#state.total + this.#rowsOnTheWay;
  }

  async append(given: SnapshotBlock, redriven?: RedrivenRows): Promise<void> {
    const { rows } = given;
    if (rows.length > MOST_ROWS_AT_ONCE)
      throw new RangeError(`rows must contain at most ${MOST_ROWS_AT_ONCE} rows, and contains ${rows.length}.`);
    for (const { subjects } of rows) requireHashes('rows.subjects', subjects);
    const prepared = this.#prepared.then(() => this.#context.inTime(() => this.#prepare(given, redriven)));
    const before = this.#writes.at(-1) ?? Promise.resolve();
    const written = Promise.all([prepared, before]).then(([next]) => this.#write(next, rows.length));
    this.#rowsOnTheWay += rows.length;
    // Failures are reported when the next blocks are given, and by `flush`.
    written.catch(() => undefined);
    this.#prepared = prepared;
    this.#writes.push(written);
    while (this.#writes.length >= MOST_ON_THE_WAY) await this.#next();
  }

  async flush(): Promise<SnapshotState> {
    while (this.#writes.length > 0) await this.#next();
    return this.#state;
  }

  async end(): Promise<SnapshotState> {
    const state = await this.flush();
    if (!state.complete) this.#known.giveBack(this.#context);
    return state;
  }

  /** Waits for the first block on the way; it stays there if it fails, so that each later call fails too. */
  async #next(): Promise<void> {
    await this.#writes[0];
    void this.#writes.shift();
  }

  async #prepare(
    { rows, environments = {}, position, rejected = 0, report: facts, complete = false }: SnapshotBlock,
    redriven: RedrivenRows | undefined,
  ): Promise<Prepared> {
    const [context, sweep, known, before] = [this.#context, this.#sweep, this.#known, this.#planned];
    const { sweepId, doneSteps, isThing } = this.#options;
    // Read for each block, because another process may have destroyed it.
    const key = await keyOf(context, sweepId);
    await this.#noteEnvironments(rows, environments);
    const done = this.#skipDone ? await findDone(context, rows, doneSteps, isThing) : new Set<TargetRow>();
    const { fresh, shared } = await withoutDuplicates(context, { known, key, rows, done, isThing });
    const users = fresh.map(({ user, subjects }) => ({ user: literal(user), subjects }));
    const encrypted = key.encryptUsers(before.total, users, context.store.idsForm);
    // Awaited by the write, unless an earlier one fails.
    encrypted.catch(() => undefined);
    const report = reportOf(facts, before.report, shared);
    const duplicates = rows.length - fresh.length;
    this.#planned = {
      version: before.version + 1,
      position,
      total: before.total + fresh.length,
      duplicates: before.duplicates + duplicates,
      rejected: before.rejected + rejected,
      complete,
      ...(report !== undefined && { report }),
    };
    return {
      block: {
        sweep,
        version: before.version,
        lists: context.store.blockLists(
          fresh.map((row) => ({
            subjects: row.subjects,
            worst: done.has(row) ? rankOf('skipped') : null,
            someItems: thingsOf(row.user, isThing) === null ? 0 : 1,
            line: row.line ?? null,
          })),
        ),
        keys: known.text,
        names: encryptedReferences(context.keys, {
          sweepId,
          first: before.total,
          references: fresh.map(({ user }) => user.reference),
        }),
        position: key.encryptPosition(position),
        complete: complete ? 1 : 0,
        duplicates,
        rejected,
        report: report === undefined ? null : storable(JSON.stringify(report)),
      },
      ids: encrypted,
      requesting: fresh.flatMap(({ user, subjects, request }, index): RequestingUser[] =>
        request ? [{ seq: before.total + index, facts: request, subjects, reference: user.reference }] : [],
      ),
      moved: redriven && {
        from: redriven.sweepId,
        to: sweepId,
        seqs: fresh.map((row, index) => ({ before: redriven.seqOf.get(row) ?? -1, now: before.total + index })),
      },
      environments,
      state: this.#planned,
    };
  }

  /** Records where the IDs of these rows are valid, if that is not recorded. */
  async #noteEnvironments(rows: readonly TargetRow[], environments: Readonly<Record<string, string>>): Promise<void> {
    const unknown = unknownEnvironments(rows, environments, this.#environments);
    if (Object.keys(unknown).length === 0) return;
    await noteEnvironments(this.#context, this.#options.sweepId, unknown);
    Object.assign(this.#environments, unknown);
  }

  async #write(prepared: Prepared, rows: number): Promise<void> {
    const { block, state } = prepared;
    const whole = { ...block, ids: await prepared.ids };
    await this.#context.inTime(async () => {
      await orRefused(this.#writeWithRequests(whole, prepared), () => new SnapshotMovedError());
      if (!state.complete) await this.#known.follow(this.#context);
    });
    this.#state = state;
    this.#rowsOnTheWay -= rows;
    this.#options.onWritten?.(state);
  }

  /** Users with requests of their own are written together with these. */
  async #writeWithRequests(
    block: SweepBlock,
    { requesting, moved, environments: given }: Pick<Prepared, 'requesting' | 'moved' | 'environments'>,
  ): Promise<void> {
    const [context, { sweepId }] = [this.#context, this.#options];
    const areMoved = moved !== undefined && moved.seqs.length > 0;
    if (requesting.length === 0 && !areMoved) return context.store.appendBlock(context.db, block, block.complete === 1);
    const environments = Object.fromEntries(Object.entries(given).map(([service, name]) => [service, [name]]));
    await context.db.transaction().execute(async (transaction) => {
      await context.store.appendBlock(transaction, block, true);
      await recordUsers(context, transaction, { sweepId, users: requesting, environments });
      if (areMoved) await moveRedriven(transaction, moved);
    });
  }
}

/** Reads what a sweep knows of its source. @throws UnknownSweepError */
export async function readState({ db }: SweepContext, sweepId: string) {
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

/** Returns what is known about the source including these rows; undefined for a redrive. */
function reportOf(
  report: SnapshotBlock['report'],
  before: SnapshotReport | undefined,
  shared: number,
): SnapshotReport | undefined {
  return report === undefined ? before : { ...report, sharedIds: (before?.sharedIds ?? 0) + shared };
}

/** Returns the environments of these rows' services that are not recorded, or recorded differently. */
function unknownEnvironments(
  rows: readonly TargetRow[],
  environments: Readonly<Record<string, string>>,
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
 * Returns the rows that are duplicates neither of earlier rows here nor of those in earlier blocks, and how many share an
 * ID with an earlier row. Adds their keys to the known ones. A row that is left out as done makes only other done rows
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
): Promise<{ fresh: TargetRow[]; shared: number }> {
  const { direct } = known;
  const keyed = rows.map((row) => duplicateKeys(key, row, { isDone: done.has(row), isThing, direct }));
  const asked = keyed.flatMap(({ lookedUp, shared }) => (shared.length === 0 ? lookedUp : [...lookedUp, ...shared]));
  const before = await known.known(context, asked);
  const isKnown = (one: string): boolean => known.has(one) || before.has(one);
  known.beginBlock();
  const fresh: TargetRow[] = [];
  let sharing = 0;
  let index = 0;
  for (const row of rows) {
    const { lookedUp, left, shared } = keyed[index++] ?? NO_KEYS;
    const only = left[0];
    // Most rows have one key, which is looked up and added in one step.
    if (left === lookedUp && only !== undefined && left.length === 1) {
      if (!before.has(only) && known.add(only)) fresh.push(row);
      continue;
    }
    if (lookedUp.some(isKnown)) continue;
    fresh.push(row);
    if (shared.some(isKnown)) sharing += 1;
    for (const one of left) if (!before.has(one)) known.add(one);
  }
  return { fresh, shared: sharing };
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
