import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { Io } from '../program/io';
import type { TemporalOptions } from '../temporal/options';

/** Sweeps that a stop had paused. */
export interface ResumedSweeps {
  resumed: string[];
  /** Those that could not be resumed, for example because Temporal could not be reached. */
  paused: string[];
}

/** Maximum number of sweeps that are checked, newest first. */
const LATEST_SWEEPS = 1_000;
const RESUME_WITHIN_MS = 30_000;

/** Sends `resume` to every sweep that is paused because everything was stopped. One that cannot be resumed sees
 * within half an hour that the stop is lifted. */
export async function resumeStopped(
  io: Io,
  { sweeps }: Pick<OpenedLedger, 'sweeps'>,
  { by, ...temporal }: TemporalOptions & { by: string },
): Promise<ResumedSweeps> {
  const paused = (await sweeps.list({ limit: LATEST_SWEEPS })).filter(
    ({ status, pausedBecause }) => status === 'paused' && pausedBecause === 'stopped',
  );
  if (paused.length === 0) return { resumed: [], paused: [] };
  const result: ResumedSweeps = { resumed: [], paused: [] };
  const { withTemporal } = await import('../temporal/client.js');
  try {
    await withTemporal(io, temporal, async (client) => {
      for (const { sweepId, claimedBy } of paused) {
        // Another run under this ID may be paused for a reason of its own.
        const handle = client.workflow.getHandle(sweepId, undefined, { firstExecutionRunId: claimedBy });
        const resuming = client.withDeadline(Date.now() + RESUME_WITHIN_MS, () =>
          handle.executeUpdate('resume', { args: [{ by, because: 'stopped' }] }),
        );
        await resuming.then(
          () => result.resumed.push(sweepId),
          () => result.paused.push(sweepId),
        );
      }
    });
  } catch {
    const done = new Set([...result.resumed, ...result.paused]);
    result.paused.push(...paused.flatMap(({ sweepId }) => (done.has(sweepId) ? [] : [sweepId])));
  }
  return result;
}
