import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { SEALED_COLUMNS } from 'temporal-http-tasks/internal/ledger/sweeps/leaf';
import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { ReceiptProof, SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { OUTCOMES } from 'temporal-http-tasks/internal/policy/outcome';
import { escapedJson } from 'temporal-http-tasks/internal/policy/printable';
import type { OutcomeCounts } from 'temporal-http-tasks/internal/policy/sweep-result';
import { withWorkersLedger } from '../ledger/open-ledger';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { outcomeCounts } from '../sweep/ledger-view';
import { print, printable, printJson } from '../terminal/output';

/** What the first line of a bundle begins with. */
export const BUNDLE = 'temporal-http-tasks receipts';
export const VERSION = 1;
/** How the root is computed. */
export const TREE = 'RFC 6962 with SHA-256; a leaf is the JSON of its fields';

/** Lines are written together: a million small writes would take minutes. */
const BUFFERED_CHARACTERS = 256 * 1024;
/**
 * Writes the evidence of a sweep into a new file that needs neither the ledger nor Temporal to be checked: a line with
 * the root and the run's id, then a line for each receipt with its proof. Each line proves itself together with the first,
 * so lines may be taken out; `verify --bundle --part` then checks the rest. Contains keyed hashes and no IDs.
 *
 * @throws Refusal when the file is there already or cannot be made.
 * @throws SweepConflictError when the sweep is not sealed, or its receipts are not those that were.
 */
export async function writeBundle(
  io: Io,
  { sweepId, file, json }: { sweepId: string; file: string; json: boolean },
): Promise<ExitCode> {
  return withWorkersLedger<ExitCode>(io, async ({ ledger: { sweeps } }) => {
    const row = await sweeps.read(sweepId);
    if (!row) throw new UnknownSweepError(sweepId);
    if (row.merkleRoot === undefined)
      throw new CommandFailure(
        'Conflict',
        `The sweep ${sweepId} is not sealed yet (${row.status}); it is when it has come to its end.`,
      );
    const counts = outcomeCounts(await sweeps.count(sweepId));
    const receipts = await writeFile(file, headerOf(row, counts), sweeps.proveAll({ sweepId }));
    if (json) printJson(io, { sweepId, file, receipts, merkleRoot: row.merkleRoot });
    else
      print(
        io,
        `Wrote ${receipts} receipts with their proofs into ${printable(file)}. Check them with: http-tasks verify --bundle ${printable(file)} --root ${row.merkleRoot}`,
      );
    return 0;
  });
}

/** Answers how many receipts it holds. */
async function writeFile(file: string, first: object, proofs: AsyncIterable<ReceiptProof>): Promise<number> {
  const handle = await create(file);
  try {
    return await write(handle, first, proofs);
  } catch (error) {
    // What is there looks like evidence and is not.
    await unlink(file);
    throw error;
  } finally {
    await handle.close();
  }
}

async function write(handle: FileHandle, first: object, proofs: AsyncIterable<ReceiptProof>): Promise<number> {
  const lines = new LineWriter(handle);
  await lines.add(first);
  let written = 0;
  for await (const { leaves: _, ...line } of proofs) {
    await lines.add(line);
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

async function create(file: string): Promise<FileHandle> {
  return open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EEXIST'
        ? 'is there already; name another file'
        : `cannot be created (${error.code ?? 'unknown error'})`;
    throw new Refusal('Usage', `--bundle: ${printable(file)} ${why}.`, 'bundle');
  });
}

class LineWriter {
  readonly #handle: FileHandle;
  #buffered = '';

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async add(line: object): Promise<void> {
    this.#buffered += `${escapedJson(JSON.stringify(line))}\n`;
    if (this.#buffered.length >= BUFFERED_CHARACTERS) await this.#flush();
  }

  async close(): Promise<void> {
    await this.#flush();
    await this.#handle.sync();
  }

  async #flush(): Promise<void> {
    await this.#handle.appendFile(this.#buffered);
    this.#buffered = '';
  }
}
