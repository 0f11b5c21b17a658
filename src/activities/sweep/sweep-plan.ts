import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import type { ChunkPlan } from './contract';
import { rejected, withSweep } from './sweep-work';

/**
 * The plan that a sweep was opened with. One that 0.1.0 opened has none and takes the first that its own run gives; from
 * then on that one counts, whatever a caller says.
 *
 * @throws ApplicationFailure `Task.Rejected`, final, when there is no plan at all.
 */
export async function planOfSweep(
  sweeps: SweepLedger,
  { sweepId, claimedBy, plan }: SweepRow,
  given: ChunkPlan | undefined,
): Promise<ChunkPlan> {
  if (plan !== undefined) return JSON.parse(plan) as ChunkPlan;
  if (given === undefined || claimedBy === undefined)
    throw rejected(`The sweep ${sweepId} has no plan. Start it again.`);
  const { plan: adopted } = await withSweep(() =>
    sweeps.adoptPlan({ sweepId, by: claimedBy, plan: JSON.stringify(given) }),
  );
  if (adopted === undefined) throw rejected(`The sweep ${sweepId} took no plan.`);
  return JSON.parse(adopted) as ChunkPlan;
}
