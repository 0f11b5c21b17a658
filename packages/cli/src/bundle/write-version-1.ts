import { unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { SEALED_COLUMNS } from 'temporal-http-tasks/internal/ledger/sweeps/receipt-leaf';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { ReceiptProof, SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { OUTCOMES } from 'temporal-http-tasks/internal/policy/outcome';
import { escapedJson } from 'temporal-http-tasks/internal/policy/printable';
import type { OutcomeCounts } from 'temporal-http-tasks/internal/policy/sweep-result';
import { outcomeCounts } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import { LineWriter, createBundleFile } from './new-file';

/** The start of the first line of a bundle. */
export const BUNDLE = 'temporal-http-tasks receipts';
export const VERSION = 1;
/** How the root is computed. */
export const TREE = 'RFC 6962 with SHA-256; a leaf is the JSON of its fields';

/**
 * Writes the evidence of a sweep that version 0.1.0 sealed: a line with the root and the run's ID, then a line for each
 * receipt with its proof. Returns the number of receipts.
 *
 * @throws Refusal when the file exists or cannot be created.
 * @throws SweepConflictError when the receipts are not those that were sealed.
 */
export async function writeFirstBundle(sweeps: SweepLedger, row: SweepRow, file: string): Promise<number> {
  const counts = outcomeCounts(await sweeps.count(row.sweepId));
  return writeFile(file, headerOf(row, counts), sweeps.proveAll({ sweepId: row.sweepId }));
}

/** Returns the number of receipts that it wrote. */
async function writeFile(file: string, first: object, proofs: AsyncIterable<ReceiptProof>): Promise<number> {
  const handle = await createBundleFile(file);
  try {
    return await write(handle, first, proofs);
  } catch (error) {
    // An incomplete file looks like evidence.
    await unlink(file);
    throw error;
  } finally {
    await handle.close();
  }
}

async function write(handle: FileHandle, first: object, proofs: AsyncIterable<ReceiptProof>): Promise<number> {
  const lines = new LineWriter(handle);
  await lines.add(escapedJson(JSON.stringify(first)));
  let written = 0;
  for await (const { leaves: _, ...line } of proofs) {
    await lines.add(escapedJson(JSON.stringify(line)));
    written += 1;
  }
  await lines.close();
  return written;
}

function headerOf(
  { sweepId, claimedBy: runId, status, total, merkleRoot, leaves, createdAt, endedAt }: SweepRow,
  counts: OutcomeCounts,
): object {
  return {
    bundle: BUNDLE,
    version: VERSION,
    sweepId,
    ...(runId !== undefined && { runId }),
    status,
    users: total,
    counts: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, counts[outcome]])),
    createdAt,
    endedAt,
    merkleRoot,
    leaves,
    tree: TREE,
    fields: SEALED_COLUMNS,
  };
}
