import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { SweepCounts, SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { OUTCOMES } from 'temporal-http-tasks/internal/policy/outcome';
import type { SnapshotReport } from 'temporal-http-tasks/internal/policy/snapshot-report';
import { noCounts } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { OutcomeCounts, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
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

/** What the ledger knows of a sweep's source; undefined when it cannot be asked, since it only adds to an answer. */
export async function reportInLedger(io: Io, sweepId: string): Promise<SnapshotReport | undefined> {
  return withWorkersLedger(io, async ({ ledger }) => (await ledger.sweeps.read(sweepId))?.report).catch(
    () => undefined,
  );
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
