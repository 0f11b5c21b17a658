import type { OpenedLedger } from './open-ledger';
import { SweepConflictError } from './sweeps/sweep-errors';

const DAY_MS = 86_400_000;

/** What a purge of receipts deleted. */
export interface PurgedEvidence {
  /** What ended before it was purged. ISO 8601, UTC. */
  before: string;
  sweeps: string[];
  /** Single runs and calls. */
  runs: number;
  /** Sweeps that were left alone because their receipts are not those that were sealed. */
  changed: string[];
}

/**
 * Deletes the receipts of sweeps, runs and calls that ended more than some days ago. Hashes, heads and the log stay. May be
 * interrupted anywhere and repeated by any process.
 *
 * @param purge.onProgress Called after each slice; throws to stop.
 */
export async function purgeEvidence(
  { sweeps, log }: Pick<OpenedLedger, 'sweeps' | 'log'>,
  {
    days,
    onProgress = () => undefined,
  }: { days: number; onProgress?: (what: { sweeps: number; runs: number }) => void },
): Promise<PurgedEvidence> {
  const before = new Date(Date.now() - days * DAY_MS).toISOString();
  const purged: PurgedEvidence = { before, sweeps: [], runs: 0, changed: [] };
  const progress = () => onProgress({ sweeps: purged.sweeps.length, runs: purged.runs });
  for (const sweepId of await sweeps.listPurgeable({ before })) {
    try {
      await sweeps.purgeReceipts({ sweepId, before, onProgress: progress });
      purged.sweeps.push(sweepId);
    } catch (error) {
      if (!(error instanceof SweepConflictError)) throw error;
      purged.changed.push(sweepId);
    }
  }
  for (let more = true; more;) {
    const done = await log.purgeRuns({ before });
    purged.runs += done.runs;
    more = done.more;
    progress();
  }
  return purged;
}
