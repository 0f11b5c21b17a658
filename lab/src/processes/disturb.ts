import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '@temporal-http-tasks/testing/internal/simulators/seeded-random';
import type { Progress } from '@temporal-http-tasks/cli/internal/faults/print';
import type { Stage } from './stage';

/** The disturbances of a sweep. */
export interface Disturbances {
  kills: number;
  ledgerOutages: number;
  serverRestarts: number;
}

/** Pause between a worker that polls again and the next disturbance, in milliseconds. */
const PAUSE_MS = { least: 300, most: 2_500 };

/** Duration of an outage, in milliseconds; longer than the ledger's own timeout. */
const OUTAGE_MS = 6_000;

/**
 * Interrupts processes at random moments until the sweep has ended or enough was done: kills workers with SIGKILL,
 * takes the ledger away twice, and restarts the Temporal server once.
 */
export async function disturb(
  stage: Stage,
  plan: { kills: number; seed: number },
  over: AbortSignal,
  progress: Progress,
): Promise<Disturbances> {
  const random = seededRandom(plan.seed);
  const done: Disturbances = { kills: 0, ledgerOutages: 0, serverRestarts: 0 };
  const at = (share: number): number => Math.ceil(plan.kills * share);
  while (done.kills < plan.kills) {
    await delay(PAUSE_MS.least + random() * (PAUSE_MS.most - PAUSE_MS.least), undefined, { signal: over }).catch(
      () => undefined,
    );
    if (over.aborted) break;
    await stage.workers.killOne(Math.floor(random() * 1_000));
    done.kills += 1;
    progress.step();
    // In addition to the kills, so that both also coincide.
    if (!over.aborted && [at(1 / 4), at(3 / 4)].includes(done.kills) && done.ledgerOutages < 2) {
      const outages = done.kills === at(1 / 4) && at(1 / 4) === at(3 / 4) ? 2 : 1;
      for (let outage = 0; outage < outages; outage += 1) {
        await stage.ledger.shutFor(OUTAGE_MS);
        done.ledgerOutages += 1;
      }
    }
    if (!over.aborted && done.kills === at(1 / 2)) {
      await stage.restartServer();
      done.serverRestarts += 1;
    }
  }
  return done;
}
