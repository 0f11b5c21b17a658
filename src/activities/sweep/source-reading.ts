import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { SnapshotMovedError } from '../../ledger/sweeps/sweep-errors';
import type { SnapshotBlock, SnapshotState, TargetRow } from '../../ledger/sweeps/snapshot-types';
import { identitiesOfUser } from '../../ledger/user-subjects';
import { CheckedRows } from '../../sources/check-rows';
import { sourceName } from '../../operator-policy/rules';
import { fileSource } from '../../sources/find-file';
import { openSource } from '../../sources/open-source';
import type { GoodRow } from '../../sources/source';
import { inAccount } from '../../sources/to-user';
import { UserColumns } from '../../sources/user-columns';
import { refusal, refuseTokens, requireService } from '../refusals';
import type { TakeSnapshot } from './contract';
import { requestOfUser } from '../../policy/legal-clock';
import type { Law } from '../../policy/request-claims';
import { idsOf, ONLY_ENVIRONMENT } from '../../policy/user-ids';
import type { NeededProviders } from './missing-providers';
import { environmentOf } from './plan-user';
import type { SweepDependencies } from './sweep-dependencies';
import type { DoneStep } from '../../policy/providers/step-plan';
import type { SourceSpec } from '../../policy/source-spec';

/** For the first run of a series, and a run that no Schedule started: all users up to its own nominal time. */
const EPOCH = new Date(0).toISOString();

/** Number of rows in one statement, which locks the embedded ledger for tens of milliseconds. */
const BLOCK_ROWS = 2_000;

/** Maximum number of characters in one statement: IDs may be long, and a statement is several times in memory. */
const BLOCK_CHARACTERS = 4_000_000;

/**
 * Maximum time between two writes of a slow source, in milliseconds, so that little has to be read again after a crash.
 */
const BLOCK_MS = 10_000;

/** Number of rows after which other work of this thread has its turn. */
const ROWS_IN_A_TURN = 250;

/** What to read, and for which plan. */
export type ReadSource = TakeSnapshot & SeriesRun & { law?: Law | undefined; needed: NeededProviders };

/** How reading is stopped and observed. */
export interface Control {
  signal: AbortSignal;
  /** @throws For a sweep that has too many users. */
  onProgress: (state: SnapshotState) => void;
  /** Whether a sweep may have that many users. */
  allows: (total: number) => boolean;
}

/** Where IDs of a provider are valid. */
interface Place {
  service: string;
  environment: string;
}

/** Reads a source into a sweep's targets, block by block. */
export class SourceReading {
  readonly #dependencies: SweepDependencies;
  readonly #input: ReadSource;
  readonly #signal: AbortSignal;
  readonly #onProgress: (state: SnapshotState) => void;
  readonly #allows: (total: number) => boolean;
  /** Of the providers of all rows so far. */
  readonly #environments: Record<string, string> = {};
  /** By provider and account. */
  readonly #places = new Map<string, Map<string, Place>>();
  #columns: UserColumns;

  constructor(dependencies: SweepDependencies, input: ReadSource, control: Control) {
    this.#dependencies = dependencies;
    this.#columns = new UserColumns(dependencies.providers);
    this.#input = input;
    this.#signal = control.signal;
    this.#onProgress = control.onProgress;
    this.#allows = control.allows;
  }

  /**
   * Continues after the rows that were read. While another attempt still reads, it continues after what that one wrote.
   */
  async readOn(begun: SnapshotState): Promise<SnapshotState> {
    const wrong = this.#dependencies.providers.problemOfAccount(this.#input.source.account);
    if (wrong !== undefined) throw refusal('source.account', wrong);
    await this.#refuseTokens();
    const others = await this.#dependencies.ledger.workers.readServices();
    this.#columns = new UserColumns(
      this.#dependencies.providers,
      others.map(({ service }) => service).filter((service) => !this.#dependencies.services.has(service)),
    );
    let state = begun;
    while (!state.complete) {
      try {
        return await this.#readBehind(state);
      } catch (error) {
        if (!(error instanceof SnapshotMovedError)) throw error;
        state = await this.#dependencies.ledger.sweeps.readSnapshot(this.#input.sweepId);
        this.#onProgress(state);
      }
    }
    return state;
  }

  /** While blocks are written, the next ones are read, unless the sweep might have too many users with these. */
  async #readBehind(begun: SnapshotState): Promise<SnapshotState> {
    const { ledger, providers } = this.#dependencies;
    const { sweepId, doneSteps } = this.#input;
    const checked = await this.#open(begun);
    const writer = await ledger.sweeps.writeSnapshot({
      sweepId,
      version: begun.version,
      doneSteps,
      isThing: providers.isThing,
      onWritten: this.#onProgress,
    });
    let bad = begun.rejected;
    let block = new Block(begun.position ?? '');
    const write = async (complete: boolean): Promise<void> => {
      this.#signal.throwIfAborted();
      const { append } = block;
      const rejected = checked.counts.bad - bad;
      bad = checked.counts.bad;
      const { report } = checked;
      block = new Block(append.position);
      await writer.append({ ...append, environments: this.#environments, rejected, report, complete });
      if (!complete && !this.#allows(writer.mostUsers)) await writer.flush();
    };
    let rows = 0;
    try {
      for await (const group of checked.groups()) {
        this.#signal.throwIfAborted();
        for (const row of group) {
          block.add(this.#targetOf(row), row);
          if (block.isFull) await write(false);
          // Threads report to this one between two turns.
          if ((rows += 1) % ROWS_IN_A_TURN === 0) await nextTurn();
        }
        if (block.isLate) await write(false);
      }
    } catch (error) {
      await writer.end();
      throw error;
    }
    await write(true);
    return writer.end();
  }

  async #open({ position, total, duplicates, rejected, report }: SnapshotState): Promise<CheckedRows> {
    const { sourceSettings: settings, customSources: custom, catalogue, sender } = this.#dependencies;
    const { source: spec, scheduledTime, badRows } = this.#input;
    const previousScheduledTime = await previousTime(this.#dependencies, this.#input);
    const source = await openSource(spec, {
      settings,
      known: this.#columns,
      custom,
      catalogue,
      sender,
      scheduledTime,
      previousScheduledTime,
    });
    const after =
      position === undefined ? undefined : { position, counts: { good: total + duplicates, bad: rejected }, report };
    const { problemOf } = this.#columns;
    const name = spec.file === undefined ? sourceName(spec) : fileSource(spec.file);
    return new CheckedRows(source, { name, tolerance: badRows, after, problemOf, signal: this.#signal });
  }

  #targetOf({ user: given, line }: GoodRow): TargetRow {
    const { hasher, providers } = this.#dependencies;
    const user = inAccount(given, this.#input.source.account);
    const { account = '' } = user;
    // Also of providers at which a user has nothing but things.
    if (user.ids !== undefined || user.itemIds !== undefined)
      for (const provider of Object.keys(idsOf(user))) this.#placeOf(provider, account);
    const subjects = identitiesOfUser(user, providers.isThing).map(({ provider, value }) => {
      const { service, environment } = this.#placeOf(provider, account);
      return hasher.subject(service, environment, value);
    });
    const { dryRun, law } = this.#input;
    // A dry run carries out no request.
    if (dryRun || user.receivedAt === undefined) return { user, line, subjects };
    const { holidays, timeZone } = this.#dependencies;
    return { user, line, subjects, request: requestOfUser(user, { law, holidays, timeZone }) };
  }

  /** Returns where the IDs of an account at a provider are valid. */
  #placeOf(provider: string, account: string): Place {
    const known = this.#places.get(provider)?.get(account);
    if (known !== undefined) return known;
    const { services, providers } = this.#dependencies;
    const service = providers.serviceNameAt(provider, account === '' ? undefined : account);
    this.#environments[service] ??= this.#environmentOf(provider, service);
    const place = { service, environment: environmentOf(services, service) };
    const places = this.#places.get(provider) ?? new Map<string, Place>();
    this.#places.set(provider, places.set(account, place));
    return place;
  }

  /** Called once for each service. Without settings it is unknown which of several environments applies. */
  #environmentOf(provider: string, service: string): string {
    const { services, providers } = this.#dependencies;
    this.#input.needed.require(service, 'source');
    const { environments = {} } = providers.find(provider)?.service ?? {};
    if (Object.keys(environments).length > 1) requireService(services, service, 'source');
    return environmentOf(services, service);
  }

  /** Only a list in the input is in the history; tokens from other sources go into the ledger, encrypted. */
  async #refuseTokens(): Promise<void> {
    const { inline = [] } = this.#input.source;
    const users = inline.map((user, index) => [`source.inline.${index}`, user] as const);
    await refuseTokens(users, this.#dependencies.allowSensitive, this.#dependencies.providers);
  }
}

/** Rows that are written together. */
class Block {
  readonly #rows: TargetRow[] = [];
  readonly #lateAtMs = performance.now() + BLOCK_MS;
  /** The row after which the source continues. */
  #last: Pick<GoodRow, 'position'>;
  #characters = 0;

  constructor(position: string) {
    this.#last = { position };
  }

  add(row: TargetRow, read: GoodRow): void {
    this.#rows.push(row);
    this.#last = read;
    this.#characters += charactersOf(row.user);
  }

  get isFull(): boolean {
    return this.#rows.length >= BLOCK_ROWS || this.#characters >= BLOCK_CHARACTERS;
  }

  /** Whether the source is so slow that these rows should not wait for more. */
  get isLate(): boolean {
    return this.#rows.length > 0 && performance.now() >= this.#lateAtMs;
  }

  get append(): Pick<SnapshotBlock, 'rows' | 'position'> {
    return { rows: this.#rows, position: this.#last.position };
  }
}

/** Returns about how long a user is in a statement. */
function charactersOf(user: TargetRow['user']): number {
  if (user.ids !== undefined || user.itemIds !== undefined) return JSON.stringify(user).length;
  return (
    (user.plaidUserId ?? user.plaidUserToken ?? '').length +
    (user.batchUserId ?? '').length +
    (user.reference ?? '').length +
    (user.account ?? '').length
  );
}

/** The parts of a run that its series depends on. */
interface SeriesRun extends Pick<TakeSnapshot, 'sweepId' | 'scheduleId' | 'scheduledTime'> {
  source: SourceSpec;
  /** Steps that an earlier end must have done before a user is left out as done. */
  doneSteps: readonly DoneStep[];
  /** A dry run, which is part of a series of its own. */
  dryRun: boolean;
}

/**
 * Returns the value of `:previousScheduledTime` for the source: the nominal time of the latest earlier run of the same
 * Schedule up to which all users were done, so that a night that was missed, skipped, paused or failed is read again.
 * Runs count only if they could have done the same: over the same query (including its text) or custom source, in the
 * same environment, with the same steps. Dry runs count for dry runs. Undefined for a source that does not use the
 * time.
 */
async function previousTime(
  { ledger, services, providers, sourceSettings }: SweepDependencies,
  input: SeriesRun,
): Promise<string | undefined> {
  const { source, sweepId, scheduleId, scheduledTime, doneSteps, dryRun } = input;
  const query = source.query === undefined ? undefined : sourceSettings.query(source.query);
  if (!source.custom && !query?.text.parameters.includes('previousScheduledTime')) return undefined;
  if (scheduleId === undefined) return EPOCH;
  const { namespace } = Context.current().info;
  const [first = '', ...more] = providers.names;
  const others = [...more, ...providers.accounts.listed];
  // A provider with only one environment does not matter.
  const elsewhere = others.flatMap((name) => {
    const environment = environmentOf(services, name);
    return environment === ONLY_ENVIRONMENT ? [] : [[name, environment]];
  });
  const parts = [
    namespace,
    scheduleId,
    query === undefined ? source.custom : [query.name, query.text.parts, query.text.parameters],
    environmentOf(services, first),
    doneSteps,
    dryRun,
    ...elsewhere,
  ];
  // The options of a custom source may contain anything, and the ledger would store this text unchanged.
  const series = createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
  return (await ledger.sweeps.joinSeries({ sweepId, series, scheduledAt: scheduledTime })) ?? EPOCH;
}
