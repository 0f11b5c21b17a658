import { setTimeout as delay } from 'node:timers/promises';
import { readRequestSettings } from 'temporal-http-tasks/internal/config/request-settings';
import { environmentFor } from 'temporal-http-tasks/internal/config/service-settings';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { SnapshotMovedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type {
  AppendTargets,
  SnapshotState,
  TargetRow,
} from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import { identitiesOf, subjectsOf } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { IsThing } from 'temporal-http-tasks/internal/ledger/user-subjects';
import { requestOfUser } from 'temporal-http-tasks/internal/policy/legal-clock';
import type { DoneStep } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import type { Law } from 'temporal-http-tasks/internal/policy/request-claims';
import { idsOf, ONLY_ENVIRONMENT } from 'temporal-http-tasks/internal/policy/user-ids';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { CheckedRows } from 'temporal-http-tasks/internal/sources/check-rows';
import type { CheckOptions } from 'temporal-http-tasks/internal/sources/check-rows';
import { fileSource } from 'temporal-http-tasks/internal/sources/find-file';
import { openLocalFile } from 'temporal-http-tasks/internal/sources/open-source';
import { RejectFile } from 'temporal-http-tasks/internal/sources/reject-file';
import { SourceError, SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';
import type { GoodRow, Source } from 'temporal-http-tasks/internal/sources/source';
import { inAccount } from 'temporal-http-tasks/internal/sources/to-user';
import { UserColumns } from 'temporal-http-tasks/internal/sources/user-columns';
import type { OpenedLedger } from '../ledger/open-ledger';
import { CommandFailure, Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { printable, say } from '../terminal/output';
import { ReadingReport } from './reading-report';
import { count } from '../terminal/words';
import type { LocalFile } from './sweep-options';

/** A local file that becomes the snapshot of a sweep. */
export interface LocalSnapshot {
  sweepId: string;
  local: LocalFile;
  maxUsers: number;
  /** Steps that an earlier end must have done before a user is left out as done. */
  doneSteps: readonly DoneStep[];
  /** The providers that this command knows; those of the worker, if both have the same settings. */
  providers: ProviderSet;
  /** Of the sweep, for users with requests of their own. */
  law?: Law | undefined;
  /** A dry run carries out no request, so that none is recorded. @default false */
  dryRun?: boolean;
}

/**
 * Opens the file of a sweep, before anything else is done.
 *
 * @param input What the file `-` stands for. @default the standard input of this process
 * @throws Refusal when it does not exist or its format is unknown.
 */
export async function openSweepFile(
  { file, format, ignoreColumns, allowPlaceholders }: LocalFile,
  { known, input }: { known?: UserColumns; input?: AsyncIterable<unknown> } = {},
): Promise<Source> {
  return openLocalFile(file, { format, ignoreColumns, allowPlaceholders, known, input }).catch((error: unknown) => {
    throw refusalOf(error, file);
  });
}

/**
 * Streams a file into the ledger as the users of a sweep. Continues a snapshot that an earlier attempt left unfinished,
 * provided that the file has not changed.
 *
 * When the file is refused or the command is interrupted, the sweep's key is destroyed, and no user can be offboarded
 * by it.
 *
 * @throws Refusal naming `source`, `maxUsers` or `rejectFile`.
 */
export async function takeLocalSnapshot(
  io: Io,
  { ledger, hasher }: OpenedLedger,
  { snapshot, source, signal }: { snapshot: LocalSnapshot; source: Source; signal: AbortSignal },
): Promise<SnapshotState> {
  const { sweepId, local, maxUsers, doneSteps, providers, law, dryRun = false } = snapshot;
  const { holidays, timeZone } = readRequestSettings(io.env);
  const environments = environmentsOf(io, providers);
  const columns = new UserColumns(providers);
  const rejects = local.rejectFile === undefined ? undefined : await createRejectFile(local.rejectFile);
  const report = new ReadingReport(io, local.file);
  const reading = new FileReading({
    sweeps: ledger.sweeps,
    sweepId,
    signal,
    maxUsers,
    environments,
    doneSteps,
    isThing: providers.isThing,
    toRow: ({ user: given, line }) => {
      const user = inAccount(given, local.account);
      const identities = identitiesOf(idsOf(user), providers.isThing);
      const serviceOf = (provider: string): string => providers.serviceNameAt(provider, user.account);
      const environmentOf = (provider: string): string => environments[serviceOf(provider)] ?? ONLY_ENVIRONMENT;
      const subjects = subjectsOf(identities, environmentOf, hasher, serviceOf);
      return { user, line, subjects, ...(!dryRun && { request: requestOfUser(user, { law, holidays, timeZone }) }) };
    },
    onProgress: (state) => report.show(state),
  });
  let state: SnapshotState | undefined;
  try {
    const begun = await beginSnapshot(ledger.sweeps, snapshot, environments);
    state = await reading.read(
      begun,
      (after) =>
        new CheckedRows(source, {
          name: fileSource(local.file),
          tolerance: local.badRows,
          // To the end, so that all of them are reported together.
          lookFor: Infinity,
          after,
          problemOf: columns.problemOf,
          signal,
          onBadRow: async (row) => {
            report.badRow(row);
            await rejects?.add(row);
          },
        }),
    );
    return state;
  } catch (error) {
    throw await afterFailure(io, ledger.sweeps, { sweepId, file: local.file, error, interrupted: signal.aborted });
  } finally {
    await rejects?.close();
    report.end(state, local.rejectFile);
  }
}

/** Returns the environments in which the IDs at each service are valid. */
export function environmentsOf({ env }: Io, { all, accounts }: ProviderSet): Record<string, string> {
  const main = all.map(({ service }) => service);
  return Object.fromEntries(
    [...main, ...accounts.servicesAt(main)].map((service) => [service.name, environmentFor(env, service)]),
  );
}

async function createRejectFile(file: string): Promise<RejectFile> {
  return RejectFile.create(file).catch((error: unknown) => {
    if (!(error instanceof SourceError)) throw error;
    throw new Refusal('Usage', `--reject-file ${printable(file)}: ${withoutField(error)}`, 'rejectFile');
  });
}

/** Begins a new snapshot, or continues an unfinished one. */
async function beginSnapshot(
  sweeps: SweepLedger,
  { sweepId, local, providers }: LocalSnapshot,
  environments: Readonly<Record<string, string>>,
): Promise<SnapshotState> {
  const row = await sweeps.create({ sweepId, skipDone: local.skipDone });
  if (row.endedAt !== undefined || row.claimedBy !== undefined || !row.readable)
    throw new TakenIdError(sweepId, `already exists (${row.status})`);
  if (row.skipDone !== local.skipDone) {
    throw new TakenIdError(sweepId, `was started ${row.skipDone ? 'with' : 'without'} --skip-done`);
  }
  for (const [name, begunFor] of Object.entries(row.environments)) {
    const environment = environments[name] ?? ONLY_ENVIRONMENT;
    const title = providers.find(name)?.title ?? name;
    if (begunFor !== environment)
      throw new TakenIdError(sweepId, `was started for ${title}'s ${begunFor} and not its ${environment}`);
  }
  return sweeps.readSnapshot(sweepId);
}

/** Destroys what was read, unless the same command can continue it. Returns the failure to report. */
async function afterFailure(
  io: Io,
  sweeps: SweepLedger,
  { sweepId, file, error, interrupted }: { sweepId: string; file: string; error: unknown; interrupted: boolean },
): Promise<unknown> {
  if (error instanceof TakenIdError) return error;
  if (error instanceof LedgerUnavailableError || error instanceof SourceUnavailableError) {
    return new CommandFailure(
      'Failed',
      `${error.message} Nothing was started. The rows read so far are in the ledger: run the same command with ` +
        `--id ${sweepId} to continue.`,
    );
  }
  await discardSnapshot(io, sweeps, { sweepId, status: interrupted ? 'cancelled' : 'failed' });
  if (interrupted)
    return new CommandFailure(
      'Interrupted',
      `Interrupted while reading ${printable(file)}. Nothing was started, and the rows read so far are destroyed.`,
    );
  return refusalOf(error, file);
}

/**
 * Destroys what was read of a sweep that is not started; returns false, after printing what to do, when the ledger
 * fails.
 */
export async function discardSnapshot(
  io: Io,
  sweeps: SweepLedger,
  change: { sweepId: string; status: 'cancelled' | 'failed' },
): Promise<boolean> {
  try {
    await sweeps.setStatus(change);
    await sweeps.release(change.sweepId);
    return true;
  } catch {
    say(io, `The rows read so far could not be destroyed; run: http-tasks sweep release ${printable(change.sweepId)}`);
    return false;
  }
}

/** Returns what to throw for an error of a source, without the field, which is not one of a command. */
export function refusalOf(error: unknown, file: string): unknown {
  if (error instanceof SourceUnavailableError) return new CommandFailure('Failed', error.message);
  if (!(error instanceof SourceError)) return error;
  return new Refusal('Task.InvalidInput', `--source ${printable(file)}: ${withoutField(error)}`, 'source');
}

/** Returns a source's error without its field, which is not one of this command's. */
function withoutField({ field, message }: SourceError): string {
  return message.startsWith(`${field}: `) ? message.slice(field.length + 2) : message;
}

/** Number of rows in one statement, which locks the embedded ledger for tens of milliseconds. */
const BLOCK_ROWS = 2_000;

/** Number of attempts, and the time between them, when the ledger is unavailable. */
const TRIES = 5;
const PAUSE_MS = 2_000;

/** The ID belongs to something that this command must not change. */
class TakenIdError extends CommandFailure {
  constructor(sweepId: string, how: string) {
    super('Conflict', `A sweep ${sweepId} ${how}, so nothing was started. Choose another --id.`);
  }
}

/** How a file is read into the ledger. */
interface ReadingOptions {
  sweeps: SweepLedger;
  sweepId: string;
  maxUsers: number;
  isThing: IsThing;
  /** The environments for which IDs are hashed, by provider. */
  environments: Readonly<Record<string, string>>;
  /** Steps that an earlier end must have done before a user is left out as done. */
  doneSteps: readonly DoneStep[];
  signal: AbortSignal;
  toRow: (row: GoodRow) => TargetRow;
  onProgress: (state: SnapshotState) => void;
}

/** Reads the rows of a source into the ledger, block by block. */
class FileReading {
  readonly #options: ReadingOptions;
  /** Number of bad rows that were reported to the ledger. */
  #reportedBad = 0;

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /** @param check Checks the rows after those that were read before. */
  async read(begun: SnapshotState, check: (after: CheckOptions['after']) => CheckedRows): Promise<SnapshotState> {
    const { complete, total, duplicates } = begun;
    // Bad rows after the last good one are read again; those of a complete snapshot are known and are not counted
    // again.
    const bad = complete ? 0 : begun.rejected;
    this.#reportedBad = bad;
    const after =
      begun.position === undefined
        ? undefined
        : { position: begun.position, counts: { good: total + duplicates, bad }, report: begun.report };
    const checked = check(after);
    let state = begun;
    let block: TargetRow[] = [];
    let position = begun.position ?? '';
    for await (const row of checked.rows()) {
      if (complete) throw new SourceError('file', 'has more rows than when it was read for this sweep.');
      block.push(this.#options.toRow(row));
      position = row.position;
      if (block.length < BLOCK_ROWS) continue;
      state = await this.#write(state, {
        rows: block,
        position,
        rejected: this.#newlyBad(checked),
        report: checked.report,
      });
      block = [];
    }
    if (complete) return this.#withinLimit(begun);
    return this.#write(state, {
      rows: block,
      position,
      rejected: this.#newlyBad(checked),
      report: checked.report,
      complete: true,
    });
  }

  #newlyBad({ counts }: CheckedRows): number {
    const fresh = counts.bad - this.#reportedBad;
    this.#reportedBad = counts.bad;
    return fresh;
  }

  async #write({ version }: SnapshotState, block: Omit<AppendTargets, 'sweepId' | 'version'>): Promise<SnapshotState> {
    const { sweeps, sweepId, environments, isThing, doneSteps, signal, onProgress } = this.#options;
    signal.throwIfAborted();
    const state = this.#withinLimit(
      await appendPatiently(sweeps, { ...block, sweepId, environments, isThing, doneSteps, version }, signal),
    );
    onProgress(state);
    return state;
  }

  #withinLimit(state: SnapshotState): SnapshotState {
    const { maxUsers } = this.#options;
    if (state.total <= maxUsers) return state;
    const message = `maxUsers: the file has more than ${count(maxUsers)} users. Check that it is the right one; --max-users allows more.`;
    throw new Refusal('Task.InvalidInput', message, 'maxUsers');
  }
}

/** Appends a block, with retries while the ledger is unavailable. */
async function appendPatiently(sweeps: SweepLedger, block: AppendTargets, signal: AbortSignal): Promise<SnapshotState> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await sweeps.appendTargets(block);
    } catch (error) {
      if (error instanceof SnapshotMovedError) return await afterMove(sweeps, block, tries);
      if (!(error instanceof LedgerUnavailableError) || tries === TRIES) throw error;
      await delay(PAUSE_MS, undefined, { signal });
    }
  }
}

/**
 * Returns the state after a conflict: the previous write succeeded although its response was lost, or another process
 * writes this sweep.
 */
async function afterMove(sweeps: SweepLedger, block: AppendTargets, tries: number): Promise<SnapshotState> {
  const state = await sweeps.readSnapshot(block.sweepId);
  if (tries > 1 && state.version === block.version + 1 && state.position === block.position) return state;
  throw new TakenIdError(block.sweepId, 'is being read by another process');
}
