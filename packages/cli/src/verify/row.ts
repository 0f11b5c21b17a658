import type { SweepCounts, SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { outcomeCounts } from '../sweep/ledger-view';
import type { SealedResult } from './anchor';

/** A field of a sweep that is not what it should be. */
export interface FieldDifference {
  kind: 'sweep';
  field: string;
  found: string | number;
  expected: string | number;
}

const PROVEN_BY_RESULT = ['claimedBy', 'status', 'total', 'counts', 'redriveOf'] as const;
const OF_SOURCE = ['duplicates', 'rejected'] as const;
const NEVER_PROVEN = ['createdAt', 'endedAt', 'plan', 'maxUsers', 'needsApproval', 'approvedBy', 'approvedAt'] as const;

/** Fields of a sweep's row that nothing outside the ledger confirms. */
export function unprovenFields(result: SealedResult | undefined): readonly string[] {
  return [...(result ? [] : PROVEN_BY_RESULT), ...(result && knowsItsSource(result) ? [] : OF_SOURCE), ...NEVER_PROVEN];
}

/** A run that is cancelled while its source is read does not learn how many rows were read. */
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

/** What in a sweep's row and in its users contradicts the receipts, the expected root, or the workflow's result. */
export function rowDifferences({ row, counts, receipts, root, expectedRoot, result }: Compared): FieldDifference[] {
  const found = new Differences();
  found.compare('merkleRoot', row.merkleRoot, expectedRoot);
  found.compare('computedRoot', root, expectedRoot);
  found.compare('leaves', row.leaves, receipts);
  found.compare('total', row.total, result?.counts.total ?? counts.total);
  if (!result) return found.list;
  found.compare('workflowRoot', result.merkleRoot, expectedRoot);
  found.compare('status', row.status, result.status);
  if (knowsItsSource(result)) {
    found.compare('duplicates', row.duplicates, result.duplicates);
    found.compare('rejected', row.rejected, result.rejected);
  }
  found.compare('redriveOf', row.redriveOf ?? '', result.redriveOf ?? '');
  for (const [outcome, users] of Object.entries(outcomeCounts(counts))) {
    const expected = (result.counts as Record<string, unknown>)[outcome];
    // An outcome that the version of the run did not know.
    if (typeof expected === 'number') found.compare(`counts.${outcome}`, users, expected);
  }
  return found.list;
}

class Differences {
  readonly list: FieldDifference[] = [];

  compare(field: string, found: string | number | undefined, expected: string | number): void {
    if (found !== expected) this.list.push({ kind: 'sweep', field, found: found ?? '', expected });
  }
}
