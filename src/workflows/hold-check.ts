import { isCancellation, proxyLocalActivities, TemporalFailure } from '@temporalio/workflow';
import type { OffboardingActivities } from '../activities/contract';
import { hasPatch } from './patches';

/** The patch since which steps that the deadline leaves open are reported as held for a user on hold. */
const HELD_AT_THE_DEADLINE = 'held-at-the-deadline';

/** The patch since which no person is asked for a manual step that a hold forbids. */
const NOT_CHECKED_WHILE_HELD = 'not-asked-while-held';

/** The patch since which the report of a manual step is refused while the user is on hold. */
const NO_REPORT_WHILE_HELD = 'no-report-while-held';

const OPTIONS = {
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  localRetryThreshold: '10 seconds',
  summary: 'Check for a legal hold',
} as const;

/** Minimum time for the check, in milliseconds, also when the run's own time is over. */
const AT_LEAST_MS = 30_000;

/** How long the check is tried at the deadline, in milliseconds: a day, as for recording the end. */
const AT_DEADLINE_MS = 86_400_000;

const { 'httpTasks.checkHold': checkHold } = proxyLocalActivities<OffboardingActivities>(OPTIONS);

/** Checks whether the user of a run is on hold by now. Calls check it themselves; this is for what makes no call. */
export class HoldCheck {
  readonly #subjects: readonly string[];

  /** @param subjects The keyed hashes of the user's IDs. */
  constructor(subjects: readonly string[]) {
    this.#subjects = subjects;
  }

  /** Returns whether a hold is why the deadline leaves steps open. */
  async atDeadline(): Promise<boolean> {
    return hasPatch(HELD_AT_THE_DEADLINE) && this.#isHeld(AT_DEADLINE_MS);
  }

  /** Returns whether a hold forbids to ask for a manual step. */
  async beforeAsking(withinMs: number): Promise<boolean> {
    return hasPatch(NOT_CHECKED_WHILE_HELD) && this.#isHeld(withinMs);
  }

  /** Returns whether a hold forbids to accept the report of a manual step. */
  async whenReported(withinMs: number): Promise<boolean> {
    return hasPatch(NO_REPORT_WHILE_HELD) && this.#isHeld(withinMs);
  }

  /** While the ledger cannot be read, the check is repeated; when that takes too long, nothing is known of a hold. */
  async #isHeld(withinMs: number): Promise<boolean> {
    const scheduleToCloseTimeout = Math.max(withinMs, AT_LEAST_MS);
    try {
      const { held } = await checkHold.executeWithOptions({ ...OPTIONS, scheduleToCloseTimeout }, [
        { subjects: this.#subjects },
      ]);
      return held;
    } catch (error) {
      if (isCancellation(error) || !(error instanceof TemporalFailure)) throw error;
      return false;
    }
  }
}
