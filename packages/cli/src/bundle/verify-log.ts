import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { SETTINGS } from 'temporal-http-tasks/internal/config/setting-table';
import type { LogLedger } from 'temporal-http-tasks/internal/ledger/log/log-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { checkSignatures, parseCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import type { ParsedCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import { isConsistent } from '@temporal-http-tasks/evidence/internal/verifier/proofs';
import type { ExitCode, Io } from '../program/io';
import { withWorkersLedger } from '../ledger/open-ledger';
import { paint, print, printJson, printable, sayOver } from '../terminal/output';
import { count, counted, localTime } from '../terminal/words';
import { printTable } from '../terminal/table';
import { nodeCrypto } from './node-crypto';
import { LeafCheck } from './check-leaves';
import type { LogDifference } from './check-leaves';
import { checkTimestamps, timestampWords } from './timestamp';
import type { GivenTimestamps } from './timestamp';
import { toVerifierKey } from './verify-file';
import { readCheckpointFile, sealIfAllowed } from './write-bundle';

/** Number of leaves that are read together. */
const PAGE = 1_000;

const MOST_NAMED = 1_000;

/** What the ledger is compared with. */
export interface VerifyLog {
  /** A file with a checkpoint that was kept. */
  since: string;
  keys: readonly string[];
  /** How many days receipts have to be kept; the least that is possible unless it is given. */
  keptDays?: number | undefined;
}

/** What was found. */
export interface LogVerification {
  ok: boolean;
  anchored: true;
  since: { origin: string; size: number; root: string; time?: string; signedBy: string[] };
  now: { origin: string; size: number; root: string };
  /** That the log of then is the beginning of the log of now (RFC 6962, 2.1.2). */
  proof: string[];
  /** Leaves whose receipts were purged; absent if there are none. */
  purged?: number;
  differences: LogDifference[];
  differenceCount: number;
}

/**
 * Compares the ledger with a checkpoint that was kept: the log of then must be the beginning of the log of now, every row
 * that a leaf is about must be what the leaf says, and no row may be without a leaf.
 */
export async function verifyLog(
  io: Io,
  given: Omit<VerifyLog, 'keptDays'> & GivenTimestamps & { json: boolean },
): Promise<ExitCode> {
  const note = await readCheckpointFile(given.since, 'since');
  const { receiptsDays: keptDays } = readLedgerSettings(io.env);
  const stamps = await checkTimestamps(given, [note]);
  return withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
    await sealIfAllowed(ledger);
    const kept = parseCheckpoint(note);
    if (kept === undefined) throw new TypeError('The checkpoint was read before.');
    const document = await compareLedger(ledger, kept, { ...given, keptDays }, (leaves) =>
      sayOver(io, `${count(leaves)} leaves`),
    );
    for (const stamp of stamps)
      if ('problem' in stamp) addTo(document, { kind: 'timestamp', ref: stamp.file, problem: stamp.problem });
    const timestamps = stamps.filter((stamp) => !('problem' in stamp));
    if (given.json) printJson(io, { ...document, ...(stamps.length > 0 && { timestamps }) });
    else {
      for (const line of timestampWords(stamps)) print(io, `Stamped:    ${printable(line)}`);
      print(io, words(io, document));
    }
    return document.ok ? 0 : 1;
  });
}

function addTo(document: LogVerification, difference: LogDifference): void {
  document.ok = false;
  document.differences.unshift(difference);
  document.differenceCount += 1;
}

/** See `verifyLog`. */
export async function compareLedger(
  ledger: Pick<OpenedLedger, 'log' | 'sweeps'>,
  kept: ParsedCheckpoint,
  { keys, keptDays = SETTINGS.HTTP_TASKS_RECEIPTS_DAYS.min }: Omit<VerifyLog, 'since'>,
  onProgress: (leaves: number) => void = () => undefined,
): Promise<LogVerification> {
  const { origin, size, root } = await ledger.log.state();
  const differences: LogDifference[] = [];
  const verifierKeys = await Promise.all(keys.map((key) => toVerifierKey(key, origin)));
  const { signedBy } = await checkSignatures(nodeCrypto, kept, verifierKeys);
  if (keys.length > 0 && signedBy.length === 0)
    differences.push({ kind: 'checkpoint', problem: 'has no valid signature of a given key' });
  const proof = await consistency(ledger.log, kept, { origin, size, root }, differences);
  const check = await LeafCheck.create(ledger, { kept, keptDays });
  for (let from = 0; from < size; from += PAGE) {
    for (const leaf of await ledger.log.readLeaves({ from, limit: Math.min(PAGE, size - from) }))
      differences.push(...(await check.problemsOf(leaf)));
    onProgress(Math.min(size, from + PAGE));
  }
  differences.push(...(await ledger.log.findOutside()));
  return {
    ok: differences.length === 0,
    anchored: true,
    since: {
      origin: kept.origin,
      size: kept.size,
      root: kept.root,
      ...(kept.time !== undefined && { time: kept.time }),
      signedBy,
    },
    now: { origin, size, root },
    proof,
    ...(check.purged > 0 && { purged: check.purged }),
    differences: differences.slice(0, MOST_NAMED),
    differenceCount: differences.length,
  };
}

/** Returns how the log differs from one that was only appended to since the checkpoint. */
async function consistency(
  log: LogLedger,
  kept: { origin: string; size: number; root: string },
  now: { origin: string; size: number; root: string },
  differences: LogDifference[],
): Promise<string[]> {
  const add = (problem: string) => differences.push({ kind: 'log', problem });
  if (kept.origin !== now.origin) add(`is ${now.origin}; the checkpoint is of ${kept.origin}`);
  if (kept.size > now.size) add(`has ${now.size} leaves; the checkpoint has ${kept.size}`);
  try {
    const root = await log.rootAt(now.size);
    if (root !== now.root) add('has leaves that its state does not have: they were changed');
    if (kept.size > now.size) return [];
    const proof = await log.proveConsistency({ from: kept.size, to: now.size });
    if (!(await isConsistent(nodeCrypto, { from: kept, to: { size: now.size, root }, proof })))
      add('is not a continuation of the checkpoint: earlier leaves were changed or removed');
    return proof;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    add(error.message);
    return [];
  }
}

function words(io: Io, { ok, since, now, purged = 0, differences, differenceCount }: LogVerification): string {
  const rows = differences.map(({ number, kind, ref = '', problem }) => [
    number === undefined ? '' : String(number),
    kind,
    printable(ref),
    printable(problem),
  ]);
  if (rows.length > 0) printTable(io, ['Leaf', 'Kind', 'Of', 'Problem'], rows);
  if (differenceCount > rows.length) print(io, `and ${count(differenceCount - rows.length)} more`);
  print(
    io,
    `Checkpoint: ${count(since.size)} leaves${since.time === undefined ? '' : ` of ${printable(localTime(since.time))}`}`,
  );
  print(io, `Now:        ${count(now.size)} leaves of ${now.origin}, root ${now.root}`);
  if (purged > 0) print(io, `Purged:     the receipts of ${counted(purged, 'leaf', 'leaves')}`);
  return ok
    ? paint(io, 'green', 'The log was only appended to, and the ledger matches the log.')
    : paint(io, 'red', 'The ledger does NOT match the checkpoint and the log.');
}
