import { createHash } from 'node:crypto';
import { readFile, unlink } from 'node:fs/promises';
import type { Checkpoint } from 'temporal-http-tasks/internal/ledger/log/log-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { rootOfHead } from 'temporal-http-tasks/internal/ledger/sweeps/head';
import { canonicalJson } from 'temporal-http-tasks/internal/policy/canonical-json';
import type { CanonicalValue } from 'temporal-http-tasks/internal/policy/canonical-json';
import { checkSignatures, parseCheckpoint } from '@temporal-http-tasks/evidence/internal/verifier/checkpoint';
import { BUNDLE, VERSION } from '@temporal-http-tasks/evidence/internal/verifier/verify-bundle';
import { Refusal } from '../program/errors';
import { printable } from '../terminal/output';
import { LineWriter, createBundleFile } from './new-file';
import { nodeCrypto } from './node-crypto';
import type { BundleSection } from './sections';

/** What was written. */
export interface WrittenBundle {
  receipts: number;
  /** The roots of its sections, in hex. */
  roots: string[];
  /** Whether every section has a checkpoint with a signature. */
  signed: boolean;
}

/**
 * Writes sections as a bundle of version 2 into a new file (docs/evidence.md).
 *
 * @param kept A checkpoint that was kept, as text; the proofs lead to it.
 * @throws Refusal when the file exists or cannot be created.
 * @throws SweepConflictError when the receipts are not those that were sealed.
 */
export async function writeSections(
  { log }: Pick<OpenedLedger, 'log'>,
  sections: readonly BundleSection[],
  { file, kept }: { file: string; kept?: string | undefined },
): Promise<WrittenBundle> {
  const handle = await createBundleFile(file);
  try {
    const lines = new LineWriter(handle);
    const written: WrittenBundle = { receipts: 0, roots: [], signed: true };
    for (const [index, section] of sections.entries()) {
      const proven = await proofInLog(log, section, kept);
      written.signed &&= proven.checkpoint?.includes('\n\n\u2014 ') ?? false;
      written.roots.push(rootOfHead(section.head));
      await lines.add(headerLine({ section: index + 1, sections: sections.length }, section.head, proven));
      for await (const { index, fields, path } of section.receipts) {
        await lines.add(canonicalJson({ index, fields, path }));
        written.receipts += 1;
      }
    }
    await lines.close();
    return written;
  } catch (error) {
    // An incomplete file would look like evidence.
    await unlink(file);
    throw error;
  } finally {
    await handle.close();
  }
}

/** Adds what is queued to the log. A process that may only read uses the log as it is. */
export async function sealIfAllowed({ log }: Pick<OpenedLedger, 'log'>): Promise<void> {
  await log.seal().catch(() => undefined);
}

/** Reads a checkpoint from a file. @throws Refusal */
export async function readCheckpointFile(file: string, option: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Refusal(
      'Usage',
      `--${option}: ${printable(file)} cannot be read (${error.code ?? 'unknown error'}).`,
      option,
    );
  });
  if (parseCheckpoint(text) !== undefined) return text;
  throw new Refusal('Usage', `--${option}: ${printable(file)} is not a checkpoint of a log.`, option);
}

interface ProofInLog {
  index: number | null;
  path: readonly string[];
  checkpoint: string | null;
}

const NOT_IN_LOG: ProofInLog = { index: null, path: [], checkpoint: null };

async function proofInLog(
  log: OpenedLedger['log'],
  { head, number }: BundleSection,
  kept: string | undefined,
): Promise<ProofInLog> {
  if (number === undefined) return NOT_IN_LOG;
  const checkpoint = kept === undefined ? await log.covering(number) : undefined;
  const note = kept ?? (checkpoint && (await isBoundTo(head, checkpoint)) ? checkpoint?.note : undefined);
  const size = note === undefined ? undefined : parseCheckpoint(note)?.size;
  if (note === undefined || size === undefined) return NOT_IN_LOG;
  if (size <= number)
    throw new Refusal(
      'Usage',
      '--checkpoint: the checkpoint is older than the evidence; give one that was written after the sweep or run ended.',
      'checkpoint',
    );
  return { index: number, path: await log.proveInclusion({ number, size }), checkpoint: note };
}

/** Whether a checkpoint has a signature of a key that the head names, if it names any. */
async function isBoundTo(head: string, { note }: Checkpoint): Promise<boolean> {
  const { keys = [] } = JSON.parse(head) as { keys?: string[] };
  const parsed = parseCheckpoint(note);
  if (parsed === undefined) return false;
  return keys.length === 0 || (await checkSignatures(nodeCrypto, parsed, keys)).signedBy.length > 0;
}

function headerLine(
  place: { section: number; sections: number },
  head: string,
  { index, path, checkpoint }: ProofInLog,
): string {
  const line = {
    bundle: BUNDLE,
    version: VERSION,
    ...place,
    head: JSON.parse(head) as CanonicalValue,
    index,
    path,
    checkpoint,
  };
  const sum = createHash('sha256').update(canonicalJson(line)).digest('hex');
  return canonicalJson({ ...line, sum });
}
