import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { statusOfSweep } from '../../policy/sweep-result';
import type { ChunkPlan, EndedSweep, EndSweep } from './contract';
import { outcomeCounts } from './plan-chunks';
import type { SweepDependencies } from './sweep-dependencies';
import { beating, rejected, withSweep } from './sweep-work';

/** Ids of failed and unknown users are kept for so long, for a redrive. */
const IDS_KEPT_MS = 30 * 24 * 3_600_000;

/**
 * See `SweepActivities`. Each of its steps may be repeated, and they come in an order in which nothing is lost when the
 * worker dies between two of them: the ids go only once the receipts are sealed and the status is written.
 *
 * Ids of users who failed or are unknown stay readable for a redrive, until one has ended, `release`, or for 30 days. When
 * there are none, the sweep's key is destroyed at once. What other sweeps have kept for too long is destroyed here too,
 * also those that were given up and never ended.
 */
export async function endSweep({ ledger }: Pick<SweepDependencies, 'ledger'>, input: EndSweep, sweep: SweepRow): Promise<EndedSweep> {
  const progress = { sealedReceipts: 0, purgedUsers: 0 };
  return beating(
    () => progress,
    (signal) =>
      withSweep(async () => {
        const { sweeps } = ledger;
        const { sweepId, cancelled } = input;
        const { notFoundIsFine } = sweep.plan === undefined ? input : (JSON.parse(sweep.plan) as ChunkPlan);
        const counts = outcomeCounts(await sweeps.count(sweepId));
        if (counts.pending > 0) throw rejected(`${counts.pending} users of the sweep ${sweepId} have no outcome yet, so it cannot be sealed.`);
        const { merkleRoot } = await sweeps.seal({
          sweepId,
          onProgress: (receipts) => {
            signal.throwIfAborted();
            progress.sealedReceipts = receipts;
          },
        });
        const status = cancelled ? 'cancelled' : statusOfSweep(counts, notFoundIsFine);
        await sweeps.setStatus({ sweepId, status });
        await sweeps.purge({
          sweepId,
          onProgress: (users) => {
            signal.throwIfAborted();
            progress.purgedUsers = users;
          },
        });
        if (counts.failed + counts.unknown === 0) await sweeps.release(sweepId);
        // Those whom a redrive took up stand in it, with their outcome; a cancelled one has left some of them out.
        if (sweep.redriveOf !== undefined && !cancelled) await sweeps.release(sweep.redriveOf);
        await sweeps.releaseUntouchedSince(new Date(Date.now() - IDS_KEPT_MS).toISOString());
        return { status, counts, merkleRoot };
      }),
  );
}
