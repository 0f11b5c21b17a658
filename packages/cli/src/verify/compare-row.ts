import { createHash } from 'node:crypto';
import type { SweepCounts, SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { outcomeCounts } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import type { SealedResult } from './anchor';

/** A field of a sweep with a wrong value. */
export interface FieldDifference {
  kind: 'sweep';
  field: string;
  found: string | number;
  expected: string | number;
}

const PROVEN_BY_RESULT = ['claimedBy', 'status', 'total', 'counts', 'redriveOf'] as const;
const NOT_IN_HEAD = ['endedAt', 'maxUsers', 'needsApproval'] as const;
const OF_SOURCE = ['duplicates', 'rejected'] as const;
const NEVER_PROVEN = ['createdAt', 'endedAt', 'plan', 'maxUsers', 'needsApproval', 'approvedBy', 'approvedAt'] as const;

/** Fields of a sweep's row that nothing outside the ledger confirms. The head of a sweep is confirmed with its root. */
export function unprovenFields(
  result: SealedResult | undefined,
  { row: { head }, anchored }: { row: SweepRow; anchored: boolean },
): readonly string[] {
  if (head !== undefined && anchored) return NOT_IN_HEAD;
  return [...(result ? [] : PROVEN_BY_RESULT), ...(result && knowsItsSource(result) ? [] : OF_SOURCE), ...NEVER_PROVEN];
}

/**
 * Returns whether a run knows how many rows its source has; one that was cancelled while it read the source does not.
 */
function knowsItsSource({ status }: SealedResult): boolean {
  return status !== 'cancelled';
}

interface Compared {
  row: SweepRow;
  /** Users by outcome, as the ledger counts them now. */
  counts: SweepCounts;
  /** Receipts of the sweep in the ledger, and their root. */
  receipts: number;
  root: string;
  expectedRoot: string;
  /** Absent when Temporal does not have it. */
  result: SealedResult | undefined;
}

/**
 * Returns what in a sweep's row and in its users contradicts the receipts, the expected root, or the workflow's result.
 */
export function rowDifferences({ row, counts, receipts, root, expectedRoot, result }: Compared): FieldDifference[] {
  const found = new Differences();
  found.compare('merkleRoot', row.merkleRoot, expectedRoot);
  found.compare('computedRoot', root, expectedRoot);
  found.compare('leaves', row.leaves, receipts);
  found.compare('total', row.total, result?.counts.total ?? counts.total);
  if (result) compareResult(found, row, counts, { result, expectedRoot });
  compareHead(found, row, counts);
  return found.list;
}

function compareResult(
  found: Differences,
  row: SweepRow,
  counts: SweepCounts,
  { result, expectedRoot }: { result: SealedResult; expectedRoot: string },
): void {
  found.compare('workflowRoot', result.merkleRoot, expectedRoot);
  found.compare('status', row.status, result.status);
  if (knowsItsSource(result)) {
    found.compare('duplicates', row.duplicates, result.duplicates);
    found.compare('rejected', row.rejected, result.rejected);
  }
  found.compare('redriveOf', row.redriveOf ?? '', result.redriveOf ?? '');
  for (const [outcome, users] of Object.entries(outcomeCounts(counts))) {
    const expected = (result.counts as Record<string, unknown>)[outcome];
    // An outcome that the run's version did not know.
    if (typeof expected === 'number') found.compare(`counts.${outcome}`, users, expected);
  }
}

/** What in a sweep's row and in its users contradicts its head. */
export function headDifferences(row: SweepRow, counts: SweepCounts): FieldDifference[] {
  const found = new Differences();
  compareHead(found, row, counts);
  return found.list;
}

/** Compares the row with the head, which is confirmed with the root. */
function compareHead(found: Differences, row: SweepRow, counts: SweepCounts): void {
  if (row.head === undefined) return;
  const head = JSON.parse(row.head) as Record<string, unknown> & { source?: Record<string, unknown> };
  const compare = (field: string, ofRow: string | number | undefined, ofHead: unknown): void => {
    if (ofHead !== null && ofHead !== undefined) found.compare(field, ofRow, ofHead as string | number);
    else if (ofRow !== undefined) found.compare(field, ofRow, 'nothing');
  };
  compare('sweepId', row.sweepId, head['sweepId']);
  compare('claimedBy', row.claimedBy, head['firstRun']);
  compare('total', row.total, head.source?.['users']);
  compare('duplicates', row.duplicates, head.source?.['duplicates']);
  compare('rejected', row.rejected, head.source?.['rejected']);
  // A worker of an earlier version seals without it.
  const name = head.source?.['name'];
  if (name !== undefined) compare('source', row.report?.source, name);
  compare('redriveOf', row.redriveOf, head['redriveOf']);
  compare('approvedBy', row.approvedBy, head['approvedBy']);
  compare('approvedAt', row.approvedAt, head['approvedAt']);
  compare('createdAt', row.createdAt, head['startedAt']);
  compare('policyDigest', row.policyDigest, head['policy']);
  compare('plan', digestOf(row.plan), head['plan']);
  compare('stepsPlan', digestOf(row.stepsPlan), head['steps']);
  // A seal that was made without the worker's end of the sweep has neither.
  if (head['status'] !== null) compare('status', row.status, head['status']);
  if (head['counts'] === null || typeof head['counts'] !== 'object') return;
  for (const [outcome, users] of Object.entries(outcomeCounts(counts)))
    compare(`counts.${outcome}`, users, (head['counts'] as Record<string, unknown>)[outcome]);
}

function digestOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : createHash('sha256').update(text).digest('hex');
}

class Differences {
  readonly list: FieldDifference[] = [];

  compare(field: string, found: string | number | undefined, expected: string | number): void {
    if (found === expected || this.list.some((known) => known.field === field)) return;
    this.list.push({ kind: 'sweep', field, found: found ?? '', expected });
  }
}
