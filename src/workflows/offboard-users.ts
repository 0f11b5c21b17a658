import {
  CancellationScope,
  CancelledFailure,
  ContinueAsNew,
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  patched,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { DEFAULT_APPROVE_WITHIN, MOST_USERS_WITH_CHILDREN, offboardUsersInput } from '../policy/sweep-input';
import type { CheckedSweepInput, OffboardUsersInput } from '../policy/sweep-input';
import { toDurationMs } from '../policy/deadline';
import type { SweepResult } from '../policy/sweep-result';
import { parseWorkflowInput, refuseMoreInputs, withBoundedDeadline } from './parse-workflow-input';
import { makeSearchable } from './search-attributes';
import { BulkCalls, UserChunks } from './sweep/user-chunks';
import { ChildRuns } from './sweep/child-runs';
import { closeTargets, countUsers, endedByStop, hasNoLocalActivities, setSweepStatus } from './sweep/sweep-activities';
import { beginSweep, chunkPlan, endOfSweep, sweepFailed } from './sweep/begin-and-end';
import { SweepControl } from './sweep/sweep-control';
import { describeSweep } from './sweep/sweep-details';
import { SweepState } from './sweep/sweep-state';
import type { CarriedSweep } from './sweep/sweep-state';
import type { PassEnd } from './sweep/user-chunks';

export type { CarriedSweep } from './sweep/sweep-state';

/** Maximum number of events of a run before it continues as new, far below the server's limit. */
const MOST_EVENTS = 5_000;

/**
 * How often a stopped sweep checks whether the stop is lifted, in milliseconds; the time doubles from the first to the
 * longest.
 */
const LOOK_FOR_START_MS = { first: 15_000, longest: 1_800_000 };

/** The patch since which a sweep can be found by its status while it waits for approval. */
const FOUND_WHILE_WAITING = 'sweep-found-while-waiting-for-approval';

/** The patch since which the wait for an approval is limited, and the deadline counts from the approval. */
const APPROVAL_HAS_A_TIME = 'approval-has-a-time';

/** Number of updates in a run from which on they, and not the server's settings, are the reason for a long history. */
const FEW_UPDATES = 100;

/**
 * The patch since which a run whose history is long because of updates continues as new without waiting for its chunks.
 */
const UPDATES_MAKE_ROOM = 'updates-make-room';

/** The patch since which the time for the work stops during pauses. */
const CLOCK_STOPS_WHILE_PAUSED = 'clock-stops-while-paused';

/** Pause after a round without progress, in milliseconds, so that whatever blocks the users can end. */
const IDLE_PAUSE_MS = 5_000;

/**
 * Offboards all users of a source: reads them into the ledger, waits for an approval if requested, and processes them
 * in chunks or, for few users, with a child workflow each, until every user has an outcome. Most of it is irreversible.
 *
 * The users' IDs are in the ledger only, encrypted; the history contains counts. Users who are blocked are retried in
 * rounds. The sweep pauses on a refused key and beyond the tolerance. It can be paused, resumed, slowed down and
 * cancelled at any time; calls in progress then finish, and users who were not begun are returned.
 *
 * Returns `completed` or `partial` with counts that add up and the Merkle root over the sealed receipts.
 *
 * @param carried Progress of the runs before this one; for continue-as-new only.
 * @throws ApplicationFailure `Task.InvalidInput` naming the field, also for a source that is empty, wrong or too large.
 * @throws ApplicationFailure `Offboarding.Failed` with the result in its details, when users failed and none succeeded.
 * @throws CancelledFailure after a cancellation; the result is in the query `progress`.
 */
export async function offboardUsers(rawInput: OffboardUsersInput, carried?: CarriedSweep): Promise<SweepResult>;
export async function offboardUsers(
  rawInput: OffboardUsersInput,
  carried?: CarriedSweep,
  ...more: unknown[]
): Promise<SweepResult> {
  refuseMoreInputs(
    'offboardUsers',
    workflowInfo().continuedFromExecutionRunId === undefined && carried !== undefined ? [carried, ...more] : more,
  );
  const input = parseWorkflowInput(
    'offboardUsers',
    offboardUsersInput,
    withBoundedDeadline(rawInput, carried !== undefined),
  );
  return new Sweep(rawInput, input, carried).execute();
}

class Sweep {
  readonly #rawInput: OffboardUsersInput;
  readonly #input: CheckedSweepInput;
  readonly #state: SweepState;
  readonly #control: SweepControl;
  readonly #chunks: UserChunks;
  readonly #bulk: BulkCalls;
  readonly #children: ChildRuns;
  /** Whether the users need not be counted before the next pass. */
  #isCounted = false;

  constructor(rawInput: OffboardUsersInput, input: CheckedSweepInput, carried: CarriedSweep | undefined) {
    this.#rawInput = rawInput;
    this.#input = input;
    this.#state = new SweepState(input, carried);
    this.#state.hasNoLocalActivities = hasNoLocalActivities();
    this.#control = new SweepControl(this.#state);
    this.#control.onChange = () => this.#onChange();
    this.#state.onChange = () => this.#showProgress();
    this.#chunks = new UserChunks(this.#state, chunkPlan(input), () => this.#mustStop);
    this.#bulk = new BulkCalls(this.#state);
    this.#children = new ChildRuns(this.#state, () => this.#mustStop);
    this.#show();
  }

  async execute(): Promise<SweepResult> {
    try {
      // Limits are written concurrently with the work, until it ends.
      const rates = new CancellationScope();
      const writing = rates.run(() => this.#control.writeRates()).catch(() => undefined);
      try {
        await this.#work();
      } finally {
        rates.cancel();
        await writing;
      }
    } catch (error) {
      // Not a failure: the next run continues.
      if (error instanceof ContinueAsNew) throw error;
      if (!endedByStop(error, CancellationScope.current())) {
        await this.#giveUp();
        throw error;
      }
      await CancellationScope.nonCancellable(() => this.#end(true));
      throw isCancellation(error) ? error : new CancelledFailure('The sweep was cancelled.');
    }
    const notApproved = this.#state.cancelledBecause !== undefined;
    const result = await CancellationScope.nonCancellable(() => this.#end(notApproved));
    if (result.status === 'failed') throw sweepFailed(result);
    return result;
  }

  async #work(): Promise<void> {
    if (!this.#state.opened) {
      await beginSweep(this.#state);
      this.#control.opened();
      this.#isCounted = this.#isCountedByPlan;
    }
    if (await this.#approved()) await this.#passAll();
    // From here on the sweep accepts no updates; those that it accepted are completed.
    this.#state.phase = 'closing';
    this.#showProgress();
    await condition(() => this.#control.isSettled && allHandlersFinished());
  }

  /** Runs rounds until every user has an outcome. */
  async #passAll(): Promise<void> {
    while (await this.#someoneLeft()) {
      const end = await this.#pass();
      this.#show();
      await this.#continueAsNewIfLong();
      if (this.#state.isPaused) await this.#resumed();
      else if (!end.left) await this.#pauseAfter(end);
    }
  }

  /** Returns whether the sweep may begin. When the approval did not arrive in time, all users are left out. */
  async #approved(): Promise<boolean> {
    const state = this.#state;
    // The approval may have been the last update that the previous run recorded.
    if (state.approvedBy !== undefined) state.startHeldClock();
    const isAsked = this.#input.approval || state.approvalTerms !== undefined;
    if (!isAsked || state.approvedBy !== undefined || state.counts.total === 0) return true;
    state.phase = 'waitingForApproval';
    const hasATime = patched(APPROVAL_HAS_A_TIME);
    if (hasATime) {
      state.holdClock();
      state.approveUntilMs ??= this.#approveUntilMs;
    }
    if (patched(FOUND_WHILE_WAITING)) this.#show();
    else this.#showProgress();
    await this.#writeStatus();
    if (hasATime && !(await this.#approvedInTime())) return false;
    if (!hasATime) await condition(() => state.approvedBy !== undefined);
    if (hasATime) state.startClock(Date.now());
    state.phase = 'users';
    await this.#writeStatus();
    return true;
  }

  /** Returns when the wait for an approval ends; a deadline that is a moment also ends it. */
  get #approveUntilMs(): number {
    const untilMs = Date.now() + (toDurationMs(this.#input.approveWithin ?? DEFAULT_APPROVE_WITHIN) ?? 0);
    return Math.min(untilMs, this.#state.isTooLateAtMs ?? untilMs);
  }

  async #approvedInTime(): Promise<boolean> {
    const state = this.#state;
    const leftMs = (state.approveUntilMs ?? 0) - Date.now();
    const changed = () => state.approvedBy !== undefined || state.mustMakeRoom;
    if (leftMs > 0) await condition(changed, leftMs, { summary: 'Wait for the approval' });
    if (state.approvedBy === undefined) await this.#continueAsNewIfLong();
    // An approval that is being recorded counts: the ledger may have it already.
    await condition(() => allHandlersFinished());
    if (state.approvedBy !== undefined) return true;
    state.cancelledBecause = 'notApproved';
    state.phase = 'closing';
    return false;
  }

  /**
   * Updates the counts while nothing is in progress, and closes the users who are left when the deadline has passed.
   */
  async #someoneLeft(): Promise<boolean> {
    const state = this.#state;
    if (state.isPaused) await this.#resumed();
    if (!this.#isCounted) state.count(await countUsers(state));
    this.#isCounted = false;
    this.#show();
    if (state.counts.pending > 0 && Date.now() >= state.deadlineAtMs) {
      state.phase = 'closing';
      this.#showProgress();
      await closeTargets({ sweepId: state.sweepId, reason: 'deadline' });
      return false;
    }
    return state.counts.pending > 0;
  }

  /** Processes all users who can be tried now; then makes the bulk calls for those who lack nothing else. */
  async #pass(): Promise<PassEnd> {
    const state = this.#state;
    state.phase = 'users';
    state.nextTryAtMs = undefined;
    state.hasReports = false;
    if (state.nextSeq === 0) state.round += 1;
    this.#showProgress();
    const users = this.#usesChildren ? await this.#children.pass() : await this.#chunks.pass();
    if (users.left || this.#mustStop) return users;
    const planned = await countUsers(state);
    state.count(planned);
    state.pauseBeyondTolerance();
    const apps = Object.entries(planned.readyForBulk).flatMap(([app, ready]) => (ready > 0 ? [app] : []));
    if (apps.length === 0 || this.#mustStop) {
      this.#isCounted = state.hasNoLocalActivities;
      return users;
    }
    state.phase = 'bulk';
    this.#show();
    const bulk = await this.#bulk.pass(apps);
    const waits = [users.earliestMs, bulk.earliestMs].filter((time) => time !== undefined);
    return {
      moved: users.moved || bulk.moved,
      left: false,
      earliestMs: waits.length > 0 ? Math.min(...waits) : undefined,
    };
  }

  /** Waits, by a durable timer, until a user can be tried again. */
  async #pauseAfter({ moved, earliestMs }: PassEnd): Promise<void> {
    const state = this.#state;
    const leastMs = moved ? 0 : IDLE_PAUSE_MS;
    const untilMs = Math.min(Math.max(earliestMs ?? 0, Date.now() + leastMs), state.deadlineAtMs);
    const delayMs = moved && earliestMs === undefined ? 0 : untilMs - Date.now();
    if (delayMs <= 0 || state.counts.pending === 0) return;
    state.phase = 'waiting';
    // Users who only wait for a manual step wait until a report, or the deadline.
    if (untilMs < state.deadlineAtMs) state.nextTryAtMs = untilMs;
    this.#isCounted = this.#isCountedByPlan;
    this.#show();
    await condition(() => state.isPaused || state.mustMakeRoom || state.hasReports, delayMs, {
      summary: 'Wait for the next round',
    });
  }

  /** Waits until the sweep is resumed. */
  async #resumed(): Promise<void> {
    const state = this.#state;
    this.#isCounted = this.#isCountedByPlan;
    if (patched(CLOCK_STOPS_WHILE_PAUSED)) state.startClock(state.startedAtMs);
    this.#show();
    await this.#writeStatus();
    if (state.waitsForOperator) await this.#untilAllowed();
    else await condition(() => !state.isPaused || state.mustMakeRoom);
    await this.#continueAsNewIfLong();
    this.#show();
    await this.#writeStatus();
  }

  /**
   * Waits until a sweep that the operator paused may continue. `http-tasks start` resumes a stopped sweep; in case that
   * misses it, the sweep checks for itself. A sweep that is paused for a rule of the operator's policy resumes when the
   * rule allows it.
   */
  async #untilAllowed(): Promise<void> {
    const state = this.#state;
    for (
      let delayMs = LOOK_FOR_START_MS.first;
      state.waitsForOperator;
      delayMs = Math.min(2 * delayMs, LOOK_FOR_START_MS.longest)
    ) {
      const changed = () => !state.waitsForOperator || state.mustMakeRoom;
      const summary =
        state.pausedBecause === 'stopped' ? 'Check whether the stop is lifted' : 'Check whether the policy allows it';
      if (await condition(changed, delayMs, { summary })) break;
      const { stopped, notAllowed } = await countUsers(state);
      if (!stopped && notAllowed === undefined && state.waitsForOperator) state.resume();
    }
    await condition(() => !state.isPaused || state.mustMakeRoom);
  }

  /** Ends the sweep as failed after an error that cannot be retried, such as a released key; users stay as they are. */
  async #giveUp(): Promise<void> {
    const { opened } = this.#state;
    this.#state.ended = { status: 'failed' };
    this.#show();
    if (!opened) return;
    await CancellationScope.nonCancellable(() => setSweepStatus({ sweepId: opened.sweepId, status: 'failed' }));
  }

  async #writeStatus(): Promise<void> {
    const { sweepId, status, pausedBecause } = this.#state;
    await setSweepStatus({ sweepId, status, ...(pausedBecause !== undefined && { pausedBecause }) });
  }

  async #end(cancelled: boolean): Promise<SweepResult> {
    const state = this.#state;
    state.phase = 'closing';
    this.#show();
    const result = await endOfSweep(state, cancelled);
    this.#show();
    return result;
  }

  /** Continues as new, only when nothing is in progress and no update is open: both would be lost. */
  async #continueAsNewIfLong(): Promise<void> {
    const { opened } = this.#state;
    if (!opened || !this.#historyIsLong) return;
    await condition(() => allHandlersFinished() && this.#control.isSettled);
    await continueAsNew<typeof offboardUsers>(this.#rawInput, this.#state.carried(opened));
  }

  /** A run that has not begun anything continues in any case; otherwise runs would follow each other without end. */
  get #historyIsLong(): boolean {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    const isLong = continueAsNewSuggested || historyLength > MOST_EVENTS;
    return (this.#state.begun > 0 || this.#control.taken > FEW_UPDATES) && isLong;
  }

  /** Whether each pass begins with a plan that counts the users too. */
  get #isCountedByPlan(): boolean {
    return this.#state.hasNoLocalActivities && !this.#usesChildren;
  }

  get #usesChildren(): boolean {
    const { granularity } = this.#input;
    return granularity === undefined ? this.#state.counts.total <= MOST_USERS_WITH_CHILDREN : granularity === 'user';
  }

  get #mustStop(): boolean {
    const cancelled = CancellationScope.current().consideredCancelled;
    return cancelled || this.#state.isPaused || this.#historyIsLong || Date.now() >= this.#state.deadlineAtMs;
  }

  #onChange(): void {
    this.#show();
    // Updates have made the history long: what is in progress is returned, so that the next run can take more of them.
    if (this.#historyIsLong && patched(UPDATES_MAKE_ROOM)) this.#state.mustMakeRoom = true;
    if (!this.#state.isPaused && !this.#state.mustMakeRoom) return;
    this.#chunks.stop();
    this.#bulk.stop();
  }

  #show(): void {
    this.#showProgress();
    this.#makeSearchable();
  }

  /** Shows the progress without an event in the history, so that runs of earlier versions replay. */
  #showProgress(): void {
    setCurrentDetails(describeSweep(this.#state.progress(), this.#input));
  }

  #makeSearchable(): void {
    const { opened, status } = this.#state;
    const { dueAt } = this.#state;
    makeSearchable(opened?.searchAttributes, { OffboardingStatus: status, OffboardingSweep: opened?.sweepId, dueAt });
  }
}
