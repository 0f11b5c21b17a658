import { SettingsError } from '../../config/problems';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { SweepCounts, SweepRow } from '../../ledger/sweeps/sweep-types';
import { OUTCOMES } from '../../policy/outcome';
import { noCounts } from '../../policy/sweep-result';
import type { OutcomeCounts, SweepResult } from '../../policy/sweep-result';
import type { Io } from '../io';
import { withWorkersLedger } from '../open-ledger';

/** What the ledger knows about a sweep; undefined when it has none of that id, or when no ledger is set here. */
export async function sweepInLedger(io: Io, sweepId: string): Promise<SweepResult | undefined> {
  try {
    return await withWorkersLedger(io, async ({ ledger }) => {
      const row = await ledger.sweeps.read(sweepId);
      return row && readResult(ledger.sweeps, row);
    });
  } catch (error) {
    if (error instanceof SettingsError) return undefined;
    throw error;
  }
}

/** A sweep as its workflow would tell it. */
export async function readResult(sweeps: SweepLedger, row: SweepRow): Promise<SweepResult> {
  const { sweepId, status, pausedBecause, duplicates, rejected, merkleRoot, redriveOf } = row;
  return {
    sweepId,
    status,
    ...(pausedBecause !== undefined && { pausedBecause }),
    counts: outcomeCounts(await sweeps.count(sweepId)),
    duplicates,
    rejected,
    ...(merkleRoot !== undefined && { merkleRoot }),
    ...(redriveOf !== undefined && { redriveOf }),
  };
}

/** Users by outcome; those who have none yet are pending. */
export function outcomeCounts(counts: SweepCounts): OutcomeCounts {
  const { total, pending, open, waitingForBulk } = counts;
  const byOutcome = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, counts[outcome]]));
  return { ...noCounts(), ...byOutcome, total, pending: pending + open + waitingForBulk };
}
