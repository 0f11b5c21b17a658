import { MerkleLevels } from 'temporal-http-tasks/internal/policy/merkle-levels';
import { sha256 } from 'temporal-http-tasks/internal/ledger/sweeps/receipt-leaf';
import type { SealedField } from 'temporal-http-tasks/internal/ledger/sweeps/receipt-leaf';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import type { LogContent } from 'temporal-http-tasks/internal/ledger/log/log-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';

/** A receipt in a bundle, with the proof that it is under the root of its head. */
export interface BundledReceipt {
  index: number;
  fields: readonly SealedField[];
  path: readonly string[];
}

/** A head with some of its receipts, or all. */
export interface BundleSection {
  /** Canonical JSON. */
  head: string;
  /** The place of the head in the log; undefined if the log does not have it yet. */
  number: number | undefined;
  receipts: AsyncIterable<BundledReceipt> | Iterable<BundledReceipt>;
}

/** Maximum number of users in one request for proofs. */
const USERS_AT_ONCE = 1_000;

/** Returns the section of a sealed sweep with all its receipts, or with those of some users. */
export async function sectionOfSweep(
  { sweeps, log }: Pick<OpenedLedger, 'sweeps' | 'log'>,
  { sweepId, head, purgedAt }: Pick<SweepRow, 'sweepId' | 'purgedAt'> & { head: string },
  seqs?: readonly number[],
): Promise<BundleSection> {
  const leaves = await log.find({ kind: 'sweep', ref: sweepId });
  const number = leaves.find(({ content }) => content === head)?.number;
  // Only hashes are left of them.
  if (purgedAt !== undefined) return { head, number, receipts: [] };
  return { head, number, receipts: seqs ? proofsOf(sweeps, sweepId, seqs) : sweeps.proveAll({ sweepId }) };
}

async function* proofsOf(
  sweeps: OpenedLedger['sweeps'],
  sweepId: string,
  seqs: readonly number[],
): AsyncGenerator<BundledReceipt> {
  const ascending = [...seqs].sort((a, b) => a - b);
  for (let start = 0; start < ascending.length; start += USERS_AT_ONCE)
    yield* await sweeps.prove({ sweepId, seqs: ascending.slice(start, start + USERS_AT_ONCE) });
}

/**
 * Returns the sections that cover these receipts, and how many receipts none covers: their sweep has not ended, or an
 * earlier version recorded them.
 *
 * @param subjects Keyed hashes of one user: of calls about several users, only the user's own receipts are included.
 */
export async function sectionsOf(
  ledger: Pick<OpenedLedger, 'sweeps' | 'log'>,
  receipts: readonly Receipt[],
  subjects?: ReadonlySet<string>,
): Promise<{ sections: BundleSection[]; uncovered: number }> {
  const sections: BundleSection[] = [];
  let uncovered = 0;
  for (const [sweepId, ofSweep] of groupedBy(receipts.filter(isOfSweep), ({ workflowId }) => workflowId)) {
    const row: SweepRow | undefined = await ledger.sweeps.read(sweepId);
    const seqs = [...new Set(ofSweep.map(({ seq }) => seq))];
    if (row?.head === undefined) uncovered += ofSweep.length;
    else sections.push(await sectionOfSweep(ledger, { sweepId, head: row.head }, seqs));
  }
  const ofRuns = receipts.filter((receipt) => !isOfSweep(receipt));
  for (const ofRun of groupedBy(ofRuns, ({ workflowId, runId }) => `${workflowId}\n${runId}`).values()) {
    const left = new Set(ofRun.map(({ id }) => id));
    for (const leaf of await leavesOf(ledger, ofRun)) {
      const section = await sectionOfRun(ledger, leaf, left, leaf.kind === 'call' ? subjects : undefined);
      if (section) sections.push(section);
    }
    uncovered += left.size;
  }
  return { sections, uncovered };
}

function isOfSweep({ runId, activityId }: Receipt): boolean {
  return runId === '' && activityId === '';
}

/** The leaf of the whole run first, then those of single calls, the latest first. */
async function leavesOf({ log }: Pick<OpenedLedger, 'log'>, receipts: readonly Receipt[]): Promise<LogContent[]> {
  const [{ workflowId, runId } = { workflowId: '', runId: '' }] = receipts;
  const runs = await log.find({ kind: 'run', ref: `${workflowId}\n${runId}\n` });
  const leaves = runs.slice(-1);
  for (const activityId of new Set(receipts.map((receipt) => receipt.activityId)))
    leaves.push(...(await log.find({ kind: 'call', ref: `${workflowId}\n${runId}\n${activityId}` })).reverse());
  return leaves;
}

/** Removes what it covers from `left`; returns undefined if that is nothing. */
async function sectionOfRun(
  { log }: Pick<OpenedLedger, 'log'>,
  { content, number }: LogContent,
  left: Set<number>,
  subjects: ReadonlySet<string> | undefined,
): Promise<BundleSection | undefined> {
  const covered = await log.readCovered(content);
  const isNew = covered.some(({ id }) => left.has(id));
  if (!isNew) return undefined;
  const tree = new MerkleLevels(sha256, Buffer.concat(covered.map(({ leaf }) => leaf)));
  const receipts = covered.flatMap(({ id, fields }, index) => {
    left.delete(id);
    const isWanted = subjects === undefined || subjects.has(String(fields[SUBJECT]));
    const path = tree.path(index).map((hash) => Buffer.from(hash).toString('hex'));
    return isWanted ? [{ index, fields, path }] : [];
  });
  return { head: content, number, receipts };
}

/** The position of the subject in a receipt's fields. */
const SUBJECT = 9;

function groupedBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}
