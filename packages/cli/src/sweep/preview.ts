import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { snapshotWarnings } from 'temporal-http-tasks/internal/policy/snapshot-report';
import type { RejectedRow } from 'temporal-http-tasks/internal/policy/snapshot-report';
import { DEFAULT_MAX_USERS } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import { idsOf } from 'temporal-http-tasks/internal/policy/user-ids';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { CheckedRows } from 'temporal-http-tasks/internal/sources/check-rows';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { inAccount } from 'temporal-http-tasks/internal/sources/to-user';
import { UserColumns } from 'temporal-http-tasks/internal/sources/user-columns';
import { withWorkersLedger } from '../ledger/open-ledger';
import { refuseForbiddenInput } from '../policy/forbidden';
import { reportOf } from '../program/errors';
import type { ErrorReport } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withTemporal } from '../temporal/client';
import { placeText, readWorkerPlace } from '../temporal/worker-place';
import { removalFacts } from '../terminal/deletion-question';
import { withInterruption } from '../terminal/interruption';
import { print, printJson, printable, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { readProviders, refuseUnknownAccount } from '../users/provider-ids';
import { openSweepFile, refusalOf } from './local-snapshot';
import { reportLines } from './reading-report';
import { counted } from '../terminal/words';
import type { LocalFile, SweepOptions, WantedSweep } from './sweep-options';
import { sourceName } from './sweep-question';

/** Number of rows that are shown as they are read. */
const SHOWN_ROWS = 10;
const MASKED = '****';

/** A row of a file as it is read, with sensitive IDs masked. */
interface PreviewRow {
  line: number;
  reference?: string;
  account?: string;
  /** By `provider.id`, in the file's order. */
  ids: Readonly<Record<string, string>>;
}

/** What a sweep would read, and what it would delete where. */
interface Preview {
  source: string;
  /** Of a file on this machine; the worker reads other sources. */
  file?: {
    /** Rows that are users; duplicates are found when the sweep reads the file. */
    users: number;
    rejected: number;
    rejectedRows: readonly RejectedRow[];
    columns?: { used: readonly string[]; ignored: readonly string[] };
    warnings: readonly string[];
    first: readonly PreviewRow[];
    /** Why a sweep of this file would be refused. */
    refused?: ErrorReport;
  };
  environment: string;
  production: boolean;
  unknownBecause?: string;
  removals: readonly (readonly [where: string, what: string])[];
  taskQueue: string;
  namespace: string;
}

/**
 * Reads the file of a sweep to its end and reports what of it a sweep would use, what it would delete where, and why it
 * would be refused. Writes nothing and starts nothing.
 */
export async function previewSweep(io: Io, wanted: WantedSweep, options: SweepOptions): Promise<ExitCode> {
  const { input, local } = wanted;
  const { taskQueue } = readQueueSettings(io.env);
  refuseForbiddenInput(io, input, { local: local !== undefined });
  const known = await readProviders(io, undefined);
  if (local) refuseUnknownAccount(known, local.account);
  const file = local && (await readFile(io, local, { known, maxUsers: input.maxUsers ?? DEFAULT_MAX_USERS }));
  return withTemporal<ExitCode>(io, options, async (client) => {
    const place = await readWorkerPlace(io, client, taskQueue);
    const preview: Preview = {
      source: local?.file ?? sourceName(input.source),
      ...(file && { file }),
      environment: placeText(place),
      production: place.production,
      ...(place.unknownBecause !== undefined && { unknownBecause: place.unknownBecause }),
      removals: removalFacts({ input, place, known }),
      taskQueue,
      namespace: place.namespace,
    };
    if (options.json) printJson(io, preview);
    else printPreview(io, preview);
    return file?.refused ? 2 : 0;
  });
}

async function readFile(
  io: Io,
  local: LocalFile,
  { known, maxUsers }: { known: ProviderSet; maxUsers: number },
): Promise<Preview['file']> {
  const others = await withWorkersLedger(io, ({ ledger }) => ledger.workers.readServices());
  const columns = new UserColumns(
    known,
    others.map(({ service }) => service),
  );
  return withInterruption(async ({ signal }) => {
    const source = await openSweepFile(local, { known: columns, input: io.stdin });
    const rows = new CheckedRows(source, {
      tolerance: local.badRows,
      lookFor: Infinity,
      problemOf: columns.problemOf,
      signal,
    });
    const first: PreviewRow[] = [];
    let refused: ErrorReport | undefined;
    try {
      for await (const { line, user } of rows.rows())
        if (first.length < SHOWN_ROWS) first.push(rowOf(line, inAccount(user, local.account), known));
      if (rows.counts.good > maxUsers)
        throw new SourceError('maxUsers', `the file has ${rows.counts.good} users, and ${maxUsers} are allowed.`);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      refused = reportOf(refusalOf(error, local.file)).report;
    }
    const { columns: found, rejectedRows, idsInManyRows } = rows.report;
    return {
      users: rows.counts.good,
      rejected: rows.counts.bad,
      rejectedRows,
      ...(found && { columns: { used: found.used, ignored: found.ignored } }),
      warnings: snapshotWarnings({ idsInManyRows, sharedIds: 0 }),
      first,
      ...(refused && { refused }),
    };
  });
}

function rowOf(line: number, user: TargetUser, known: ProviderSet): PreviewRow {
  const ids = Object.entries(idsOf(user)).flatMap(([provider, given]) =>
    Object.entries(given).map(([id, value]) => {
      const isSensitive = known.find(provider)?.ids[id]?.sensitive ?? false;
      const shown = typeof value === 'string' ? [value] : value;
      return [`${provider}.${id}`, isSensitive ? MASKED : shown.join(', ')] as const;
    }),
  );
  return {
    line,
    ...(user.reference !== undefined && { reference: user.reference }),
    ...(user.account !== undefined && { account: user.account }),
    ids: Object.fromEntries(ids),
  };
}

function printPreview(io: Io, { source, file, environment, unknownBecause, removals, ...queue }: Preview): void {
  print(io, `Environment: ${environment}`);
  if (unknownBecause !== undefined) print(io, `Unknown: ${unknownBecause}`);
  for (const [where, what] of removals) print(io, `${where}: ${what}`);
  print(io, `Task queue: ${queue.taskQueue}, namespace ${queue.namespace}`);
  if (!file) {
    print(io, `Users: all that ${source} has when the worker reads it.`);
    return;
  }
  const { users, rejected, rejectedRows, columns, first, refused } = file;
  const rejectedText = counted(rejected, 'row that cannot be a user', 'rows that cannot be users');
  print(io, `Users: ${counted(users, 'row', 'rows')} of ${printable(source)}; ${rejectedText}`);
  for (const { line, problem } of rejectedRows) print(io, `  line ${line}: ${problem}`);
  for (const line of reportLines(columns && { columns, sharedIds: 0, idsInManyRows: 0 })) print(io, line);
  for (const warning of file.warnings) print(io, `Warning: ${warning}`);
  const names = [...new Set(first.flatMap(({ ids }) => Object.keys(ids)))];
  if (first.length > 0)
    printTable(
      io,
      ['Line', 'Reference', ...names],
      first.map(({ line, reference = '', ids }) => [String(line), reference, ...names.map((name) => ids[name] ?? '')]),
    );
  if (refused) say(io, refused.message);
}
