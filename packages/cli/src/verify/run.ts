import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepCounts, SweepRow, Verification } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { withWorkersLedger } from '../ledger/open-ledger';
import type { ExitCode, Io } from '../program/io';
import { verifyFirstBundle } from '../bundle/check-version-1';
import { count, inWords } from '../terminal/words';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { paint, print, printable, printJson, say, sayOver } from '../terminal/output';
import { printTable } from '../terminal/table';
import { readAnchor } from './anchor';
import type { SealedResult, SweepAnchor } from './anchor';
import { rowDifferences, unprovenFields } from './compare-row';
import type { FieldDifference } from './compare-row';

/** A sweep to be verified. */
export interface VerifySweep {
  sweepId: string;
  expectedRoot: string | undefined;
  json: boolean;
  temporal: TemporalOptions;
}

/** The origin of the root that the receipts were compared with. The ledger's own root confirms nothing. */
type ComparedWith = 'given' | 'workflow' | 'ledger';

/** The result of the verification of a sweep, as `--json` prints it. */
interface SweepVerification extends Omit<Verification, 'differences'> {
  sweepId: string;
  /** The receipts were compared with a root from outside the ledger. Without one, `ok` is false and the exit code 3. */
  anchored: boolean;
  comparedWith: ComparedWith;
  expectedRoot: string;
  differences: (Verification['differences'][number] | FieldDifference)[];
  /** Fields of the sweep's row that nothing outside the ledger confirms. */
  notProven: readonly string[];
}

/**
 * Recomputes the root of a sweep, compares it and the sweep's row with what is known outside the ledger, and prints the
 * differences.
 */
export async function verifySweep(io: Io, { sweepId, expectedRoot, json, temporal }: VerifySweep): Promise<ExitCode> {
  return withWorkersLedger<ExitCode>(io, async ({ ledger: { sweeps } }) => {
    const row = await sweeps.read(sweepId);
    if (!row) throw new UnknownSweepError(sweepId);
    const anchor = row.merkleRoot === undefined ? { claims: [], notes: [] } : await askTemporal(io, row, temporal);
    const { result, differences: ofRuns } = resultOf(row, anchor);
    const root = expectedRoot ?? result?.merkleRoot;
    const found = await sweeps.verify({
      sweepId,
      ...(root !== undefined && { expectedRoot: root }),
      onProgress: progressOn(io),
    });
    const counts = await sweeps.count(sweepId);
    const verification = assess({ row, counts, found, result, ofRuns, root, given: expectedRoot });
    if (json) printJson(io, verification);
    else printVerification(io, verification);
    if (!verification.anchored || result === undefined) for (const note of anchor.notes) say(io, note);
    if (!verification.anchored) {
      say(
        io,
        "Not verifiable: only the ledger's own root was compared, and anyone who can change receipts could " +
          'change it too. Give the root that you kept with --root.',
      );
    }
    return exitCodeOf(verification);
  });
}

/** Returns 3 when nothing differs but nothing outside the evidence confirms what was sealed. */
function exitCodeOf({ ok, differenceCount }: { ok: boolean; differenceCount: number }): ExitCode {
  if (ok) return 0;
  return differenceCount > 0 ? 1 : 3;
}

async function askTemporal(io: Io, row: SweepRow, temporal: TemporalOptions): Promise<SweepAnchor> {
  try {
    return await withTemporal(io, temporal, (client) => readAnchor(client, row));
  } catch (error) {
    return {
      claims: [],
      notes: [`The workflow's result cannot be read: ${error instanceof Error ? error.message : String(error)}`],
    };
  }
}

/**
 * Returns the result to compare with: that of the run that the row names. Results of other runs contradict the row, or
 * each other.
 */
function resultOf(
  { claimedBy = '' }: SweepRow,
  { claims }: SweepAnchor,
): { result: SealedResult | undefined; differences: FieldDifference[] } {
  const own = claims.find(({ firstRunId }) => firstRunId === claimedBy);
  const others = claims.filter((claim) => claim.firstRunId !== claimedBy);
  const contradicting = own ? others.filter(({ result }) => result.merkleRoot !== own.result.merkleRoot) : others;
  return {
    result: (own ?? others[0])?.result,
    differences: contradicting.map(({ firstRunId }) => ({
      kind: 'sweep',
      field: 'claimedBy',
      found: claimedBy,
      expected: firstRunId,
    })),
  };
}

interface Found {
  row: SweepRow;
  counts: SweepCounts;
  found: Verification;
  result: SealedResult | undefined;
  ofRuns: readonly FieldDifference[];
  root: string | undefined;
  given: string | undefined;
}

function assess({ row, counts, found, result, ofRuns, root, given }: Found): SweepVerification {
  const anchored = root !== undefined;
  const expectedRoot = root ?? found.sealedRoot;
  const ofRow = rowDifferences({
    row,
    counts,
    receipts: found.receipts + (found.purged ?? 0),
    root: found.root,
    expectedRoot,
    result,
  }).filter(({ field }) => !ofRuns.some((one) => one.field === field));
  const differences = [...ofRuns, ...ofRow, ...found.differences];
  const differenceCount = found.differenceCount + ofRuns.length + ofRow.length;
  return {
    sweepId: row.sweepId,
    ...found,
    ok: anchored && found.ok && differenceCount === 0,
    anchored,
    comparedWith: given !== undefined ? 'given' : anchored ? 'workflow' : 'ledger',
    expectedRoot,
    differences,
    differenceCount,
    notProven: unprovenFields(result, { row, anchored }),
  };
}

/** Returns a line that is overwritten while the command runs in a terminal. */
function progressOn(io: Io): (receipts: number) => void {
  return (receipts) => sayOver(io, `${count(receipts)} receipts`);
}

const SOURCES: Record<ComparedWith, string> = {
  given: '--root',
  workflow: "the workflow's result",
  ledger: "the ledger's own",
};

function printVerification(io: Io, verification: SweepVerification): void {
  const {
    differences,
    differenceCount,
    receipts,
    purged,
    root,
    sealedRoot,
    keptRoot,
    expectedRoot,
    comparedWith,
    notProven,
  } = verification;
  const rows = differences.map((one) =>
    one.kind === 'sweep'
      ? [one.kind, '', one.field, `${one.found}, not ${one.expected}`]
      : [one.kind, String(one.seq + 1), one.step, String(one.receipt)],
  );
  printDifferences(io, ['What', 'User', 'Step or field', 'Receipt or value'], rows, differenceCount);
  print(io, `Receipts:       ${count(receipts)}`);
  if (purged !== undefined) print(io, `Purged:         ${count(purged)}, of which only the hashes are left`);
  print(io, `Computed root:  ${root}`);
  print(io, `Expected root:  ${expectedRoot} (${SOURCES[comparedWith]})`);
  if (sealedRoot !== expectedRoot) print(io, `Root in the ledger: ${sealedRoot}`);
  if (keptRoot !== sealedRoot)
    print(io, `Root of the leaves stored at the sealing: ${keptRoot}; they were changed too.`);
  print(io, `Not proven:     ${notProven.map(inWords).join(', ')}`);
  printVerdict(
    io,
    verification,
    purged === undefined
      ? 'Nothing was changed, added or removed since the sealing.'
      : 'The hashes of its receipts lead to the root. Receipts themselves were purged.',
    'These are NOT the receipts and numbers that were sealed.',
  );
}

/**
 * Checks a bundle of version 0.1.0 by itself and prints the differences. Its header is proven only as far as the
 * receipts prove it.
 */
export async function verifyFirstFile(
  io: Io,
  { file, expectedRoot, part, json }: { file: string; expectedRoot: string | undefined; part: boolean; json: boolean },
): Promise<ExitCode> {
  const verification = await verifyFirstBundle({ file, expectedRoot, part });
  const { anchored, sweepId, runId, merkleRoot, receipts, leaves, notProven, differences, differenceCount } =
    verification;
  const comparedWith = anchored ? 'given' : 'bundle';
  if (json) printJson(io, { ...verification, expectedRoot: expectedRoot ?? merkleRoot, comparedWith });
  else {
    const rows = differences.map((one) =>
      one.kind === 'header'
        ? [one.kind, '1', '', `${one.field}: ${one.found}, not ${one.expected}`]
        : [one.kind, String(one.line), one.seq === undefined ? '' : String(one.seq + 1), one.step ?? ''],
    );
    printDifferences(io, ['What', 'Line', 'User', 'Step or field'], rows, differenceCount);
    print(io, `Sweep: ${printable(sweepId)}`);
    if (runId !== undefined) print(io, `First run: ${printable(runId)}`);
    const of = notProven.includes('leaves')
      ? '; how many were sealed is not proven'
      : ` of the ${count(leaves)} that were sealed`;
    print(io, `Receipts: ${count(receipts)}${of}`);
    print(io, `Root of the bundle: ${merkleRoot}`);
    if (expectedRoot !== undefined && expectedRoot !== merkleRoot) print(io, `Expected root: ${expectedRoot}`);
    if (notProven.length > 0) print(io, `Not proven: ${printable(notProven.map(inWords).join(', '))}`);
    printVerdict(
      io,
      verification,
      'Every receipt in it was sealed under this root.',
      'The bundle does NOT contain what was sealed under the expected root.',
    );
  }
  if (!anchored)
    say(
      io,
      "Not verifiable: the root is the bundle's own, which its author chose. Give the one in the workflow's result with --root.",
    );
  else if (!verification.ok && differenceCount === 0)
    say(
      io,
      'Not verifiable: receipts may be missing, and nothing in the file proves how many were sealed. Give --part ' +
        'if the file is intentionally a part.',
    );
  return exitCodeOf(verification);
}

function printDifferences(io: Io, head: readonly string[], rows: readonly string[][], howMany: number): void {
  if (rows.length === 0) return;
  printTable(io, head, rows);
  if (howMany > rows.length) print(io, `and ${count(howMany - rows.length)} more`);
}

function printVerdict(io: Io, verification: { ok: boolean; differenceCount: number }, good: string, bad: string): void {
  if (verification.ok) print(io, paint(io, 'green', good));
  else if (verification.differenceCount > 0) print(io, paint(io, 'red', bad));
  else print(io, paint(io, 'yellow', 'Not verifiable.'));
}
