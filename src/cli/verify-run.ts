import type { Client } from '@temporalio/client';
import { UnknownSweepError } from '../ledger/sweeps/sweep-errors';
import type { SweepRow, Verification } from '../ledger/sweeps/sweep-types';
import type { SweepResult } from '../policy/sweep-result';
import type { ExitCode, Io } from './io';
import { withWorkersLedger } from './open-ledger';
import { paint, print, printJson, printTable, say } from './output';
import { verifyBundle } from './receipt-bundle-check';
import { count } from './sweep/reading-report';
import { resultOfRun, runOfSweep } from './sweep/sweep-run';
import { withTemporal } from './temporal-client';
import type { TemporalOptions } from './temporal-options';

/** A sweep to be verified. */
export interface VerifySweep {
  sweepId: string;
  expectedRoot: string | undefined;
  json: boolean;
  temporal: TemporalOptions;
}

/** Where the root came from that the receipts were compared with. */
type ComparedWith = 'given' | 'workflow' | 'ledger';

/** Computes the root of a sweep anew and prints what differs. */
export async function verifySweep(io: Io, { sweepId, expectedRoot, json, temporal }: VerifySweep): Promise<ExitCode> {
  return withWorkersLedger<ExitCode>(io, async ({ ledger: { sweeps } }) => {
    const row = await sweeps.read(sweepId);
    if (!row) throw new UnknownSweepError(sweepId);
    const root = expectedRoot ?? (row.merkleRoot === undefined ? undefined : await rootOfWorkflow(io, row, temporal));
    const comparedWith: ComparedWith = expectedRoot !== undefined ? 'given' : root === undefined ? 'ledger' : 'workflow';
    const verification = await sweeps.verify({ sweepId, ...(root !== undefined && { expectedRoot: root }), onProgress: progressOn(io) });
    if (json) printJson(io, { sweepId, ...verification, expectedRoot: root ?? verification.sealedRoot, comparedWith });
    else printVerification(io, verification, root, comparedWith);
    if (comparedWith === 'ledger') say(io, "Only the ledger's own root was compared: whoever can change receipts could change it too. Give the one that you kept with --root.");
    return verification.ok ? 0 : 1;
  });
}

/** What the workflow answered when it ended; undefined when nobody has it any more. */
async function rootOfWorkflow(io: Io, row: SweepRow, temporal: TemporalOptions): Promise<string | undefined> {
  try {
    const result = await withTemporal(io, temporal, (client) => readResult(client, row));
    if (result?.merkleRoot !== undefined && result.sweepId === row.sweepId) return result.merkleRoot;
    say(io, "Temporal does not have the result of this sweep's workflow any more.");
  } catch (error) {
    say(io, `The workflow's result cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return undefined;
}

async function readResult(client: Client, row: SweepRow): Promise<SweepResult | undefined> {
  const run = await runOfSweep(client, row);
  return run && resultOfRun(client, client.workflow.getHandle(run.workflowId, run.runId));
}

/** A line that is written over and over, where a person looks on. */
function progressOn({ stderr }: Io): (receipts: number) => void {
  return (receipts) => {
    if (stderr.isTTY) stderr.write(`\r\u001b[K${count(receipts)} receipts\r`);
  };
}

const SOURCES: Record<ComparedWith, string> = { given: '--root', workflow: "the workflow's result", ledger: 'the ledger' };

function printVerification(io: Io, verification: Verification, root: string | undefined, comparedWith: ComparedWith): void {
  const { ok, differences, differenceCount, receipts, sealedRoot, keptRoot } = verification;
  printDifferences(io, ['What', 'User (seq)', 'Step', 'Receipt'], differences.map(({ kind, seq, step, receipt }) => [kind, String(seq), step, String(receipt)]), differenceCount);
  print(io, `Receipts:       ${count(receipts)}`);
  print(io, `Computed root:  ${verification.root}`);
  print(io, `Expected root:  ${root ?? sealedRoot} (${SOURCES[comparedWith]})`);
  if (sealedRoot !== (root ?? sealedRoot)) print(io, `Root in the ledger: ${sealedRoot}`);
  if (keptRoot !== sealedRoot) print(io, `Root of the leaves kept at the sealing: ${keptRoot}; they were changed too.`);
  printVerdict(io, ok, 'Nothing was changed, added or removed since the sealing.', 'These are NOT the receipts that were sealed.');
}

/** Checks a bundle by itself and prints what differs. */
export async function verifyFile(io: Io, { file, expectedRoot, json }: { file: string; expectedRoot: string | undefined; json: boolean }): Promise<ExitCode> {
  const verification = await verifyBundle({ file, expectedRoot });
  const { ok, sweepId, runId, merkleRoot, receipts, leaves, differences, differenceCount } = verification;
  const comparedWith = expectedRoot === undefined ? 'bundle' : 'given';
  if (json) printJson(io, { ...verification, expectedRoot: expectedRoot ?? merkleRoot, comparedWith });
  else {
    printDifferences(io, ['What', 'Line', 'User (seq)', 'Step'], differences.map(({ kind, line, seq, step = '' }) => [kind, String(line), String(seq ?? ''), step]), differenceCount);
    print(io, `Sweep ${sweepId}${runId === undefined ? '' : `, first run ${runId}`}`);
    print(io, `Receipts: ${count(receipts)} of the ${count(leaves)} that were sealed`);
    print(io, `Root of the bundle: ${merkleRoot}`);
    if (expectedRoot !== undefined && expectedRoot !== merkleRoot) print(io, `Expected root: ${expectedRoot}`);
    printVerdict(io, ok, 'Every receipt in it is one that was sealed under this root.', 'The bundle does NOT hold what was sealed under the expected root.');
  }
  if (expectedRoot === undefined) say(io, "The root is the bundle's own: compare it with the one in the workflow's result, or give that with --root.");
  return ok ? 0 : 1;
}

function printDifferences(io: Io, head: readonly string[], rows: readonly string[][], howMany: number): void {
  if (rows.length === 0) return;
  printTable(io, head, rows);
  if (howMany > rows.length) print(io, `and ${count(howMany - rows.length)} more`);
}

function printVerdict(io: Io, ok: boolean, good: string, bad: string): void {
  print(io, paint(io, ok ? 'green' : 'red', ok ? good : bad));
}
