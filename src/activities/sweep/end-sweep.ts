import { Context } from '@temporalio/activity';
import { LedgerUnavailableError } from '../../ledger/ledger';
import { SweepReleasedError } from '../../ledger/sweeps/sweep-errors';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { statusOfSweep } from '../../policy/sweep-result';
import type { ChunkPlan, EndedSweep, EndSweep } from './contract';
import { outcomeCounts } from '../../ledger/sweeps/summary-types';
import { isDryRun } from './sweep-steps';
import type { SweepDependencies } from './sweep-dependencies';
import { withHeartbeat, rejected, withSweep } from './sweep-work';

/** How long the IDs of failed and unknown users are kept for a redrive, in milliseconds. */
const IDS_KEPT_MS = 30 * 24 * 3_600_000;

/** Time after which an unfinished end of a sweep counts as interrupted, in milliseconds. */
const INTERRUPTED_MS = 3_600_000;

/**
 * See `SweepActivities`. Each of its steps may be repeated, in an order in which nothing is lost when the worker dies
 * between two of them: the IDs are deleted only after the receipts are sealed and the status is recorded.
 *
 * IDs of failed and unknown users stay readable for a redrive, until one has ended, `release`, or for 30 days, under a
 * new key; the key of all users' IDs is destroyed. When no such user is left, no key stays. Expired IDs of other sweeps
 * are destroyed here too, including those of sweeps that never ended.
 */
export async function endSweep(
  { ledger }: Pick<SweepDependencies, 'ledger'>,
  input: EndSweep,
  sweep: SweepRow,
): Promise<EndedSweep> {
  const progress = { sealedReceipts: 0, purgedUsers: 0 };
  return withHeartbeat(
    () => progress,
    (signal) =>
      withSweep(async () => {
        const { sweeps } = ledger;
        const { sweepId, cancelled } = input;
        const { notFoundIsFine } = sweep.plan === undefined ? input : (JSON.parse(sweep.plan) as ChunkPlan);
        const counts = outcomeCounts(await sweeps.count(sweepId));
        if (counts.pending > 0)
          throw rejected(
            `${counts.pending} users of the sweep ${sweepId} have no outcome yet, so it cannot be sealed.`,
          );
        const status = cancelled ? 'cancelled' : statusOfSweep(counts, notFoundIsFine, sweep.rejected);
        const { merkleRoot } = await sweeps.seal({
          sweepId,
          end: { status, counts },
          onProgress: (receipts) => {
            signal.throwIfAborted();
            progress.sealedReceipts = receipts;
          },
        });
        if (!cancelled && counts.failed + counts.unknown + sweep.rejected === 0) await sweeps.finishInSeries(sweepId);
        await sweeps.setStatus({ sweepId, status });
        if (!isDryRun(sweep)) await endRequests(ledger, { sweepId, status, cancelled, notFoundIsFine });
        const heartbeat = (users: number): void => {
          signal.throwIfAborted();
          progress.purgedUsers = users;
        };
        // The worker's sealer does it too; here it ensures that a sweep that has ended is in a checkpoint.
        await ledger.log.seal().catch((error: unknown) => {
          if (signal.aborted) throw error;
          Context.current().log.warn('The sealed sweep is not in the log yet; it is added later.', { sweep: sweepId });
        });
        await sweeps.purge({ sweepId, onProgress: heartbeat });
        if (counts.failed + counts.unknown === 0) await sweeps.release(sweepId);
        else await sweeps.rekey({ sweepId, onProgress: heartbeat }).catch(unlessReleased);
        // Users who were redriven are in it, with their outcome; a cancelled redrive has left some of them out.
        if (sweep.redriveOf !== undefined && !cancelled) await sweeps.release(sweep.redriveOf);
        await sweeps.releaseUntouchedSince(new Date(Date.now() - IDS_KEPT_MS).toISOString());
        await eraseOthers(sweeps, signal, heartbeat);
        return { status, counts, merkleRoot };
      }),
  );
}

/** Users whom a cancelled sweep skipped still have to be deleted. */
async function endRequests(
  { sweeps, requests }: SweepDependencies['ledger'],
  {
    sweepId,
    status,
    cancelled,
    notFoundIsFine,
  }: { sweepId: string; status: string; cancelled: boolean; notFoundIsFine: boolean },
): Promise<void> {
  const alsoDone = [...(cancelled ? [] : (['skipped'] as const)), ...(notFoundIsFine ? (['notFound'] as const) : [])];
  await sweeps.endRequests({ sweepId, alsoDone });
  await requests.end({ workflowId: sweepId, firstRun: '', outcome: status });
}

/**
 * Finishes what was left of other sweeps: of one that an earlier version ended, or whose workflow was terminated at its
 * end.
 */
async function eraseOthers(
  sweeps: SweepLedger,
  signal: AbortSignal,
  onProgress: (users: number) => void,
): Promise<void> {
  for (const sweepId of await sweeps.listEndedUnderFirstKey(new Date(Date.now() - INTERRUPTED_MS).toISOString())) {
    try {
      await sweeps.purge({ sweepId, onProgress });
      await sweeps.rekey({ sweepId, onProgress });
    } catch (error) {
      // A problem of another sweep, such as a key that cannot be decrypted, must not prevent this one's end.
      if (signal.aborted || error instanceof LedgerUnavailableError) throw error;
      Context.current().log.warn('The IDs of an ended sweep could not be encrypted under a new key.', {
        sweep: sweepId,
      });
    }
  }
}

/** Ignores that the sweep was released meanwhile, by a redrive that ended or by a user: nothing is left to encrypt. */
function unlessReleased(error: unknown): void {
  if (!(error instanceof SweepReleasedError)) throw error;
}
