import {
  defineQuery,
  defineUpdate,
  ActivityFailure,
  CancellationScope,
  condition,
  currentUpdateInfo,
  isCancellation,
  log,
  patched,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { z } from 'zod';
import type { RateRequest, RecordedUpdate, RecordUpdate } from '../../activities/sweep/contract';
import { approveInput, completeUsersStepInput, resumeInput, setRateInput } from '../../policy/sweep-input';
import type { SweepProgress } from '../../policy/sweep-result';
import { RATED_PROVIDER } from '../../providers/built-in';
import { refusalOrError } from '../failure-of';
import { readDueDate, refreshDueDateUpdate } from '../internal-activity';
import { invalidInput, parseWorkflowInput } from '../parse-workflow-input';
import { isRateSetOnOpening, recordUpdate, setRate } from './sweep-activities';
import type { SweepState } from './sweep-state';

/**
 * Returns the progress of a sweep. It has the name of `offboardUser`'s query, so that both are queried in the same way.
 */
export const sweepProgressQuery = defineQuery<SweepProgress>('progress');

/** Stops when the calls in progress have finished; open chunks return the users they have not begun. */
export const pauseUpdate = defineUpdate<SweepProgress>('pause');

/**
 * Continues after a pause, whatever its reason. It takes `{by}` too, since only an update with an argument can be
 * encrypted.
 */
export const resumeUpdate = defineUpdate<SweepProgress>('resume');

/** Approves a sweep that waits for approval; `total` has to be the number of its users. */
export const approveUpdate = defineUpdate<SweepProgress, [z.input<typeof approveInput>]>('approve');

/** Reports the outcome of a manual step for the users who wait for it. */
export const completeStepUpdate = defineUpdate<SweepProgress, [z.input<typeof completeUsersStepInput>]>('completeStep');

/** Sets a limit in calls a minute, for all workers that use the same ledger. */
export const setRateUpdate = defineUpdate<SweepProgress, [z.input<typeof setRateInput>]>('setRate');

/** The patch since which updates that permit more are recorded in the ledger before they take effect. */
const UPDATES_ARE_RECORDED = 'updates-are-recorded';

/** The patch since which only the newest limit of a key is written, and no more often than the calls can follow. */
const NEWEST_RATE_COUNTS = 'newest-rate-counts';

/** The patch since which updates wait until the ledger has the sweep; before, it refused to record them. */
const UPDATES_WAIT_FOR_OPENING = 'updates-wait-for-opening';

/** Pause between two limits of one key, in milliseconds: each change voids the calls that were leased before. */
const BETWEEN_RATES_MS = 2_000;

/** Number of updates in a run from which on further limits wait for the next run. */
const MANY_UPDATES = 500;

/**
 * The sweep's query and updates. Handlers record what needs it and change the state; the sweep's main loop reacts to
 * it. Before a continue-as-new it waits for them, so that no update is lost.
 */
export class SweepControl {
  readonly #state: SweepState;
  readonly #rates: RateRequest[] = [];
  #isWriting = false;
  #taken = 0;
  #onChange: () => void = () => undefined;

  constructor(state: SweepState) {
    this.#state = state;
    if (state.input.rate !== undefined && !state.opened && !isRateSetOnOpening()) this.#wantRateOfInput();
    setHandler(sweepProgressQuery, () => state.progress(), {
      description:
        'Progress of the sweep: counts by outcome, what it does and what it waits for. Its result when it has ended.',
    });
    setHandler(pauseUpdate, () => this.#changed(() => state.pause('request')), {
      description: 'Stop starting new work. Work in progress finishes or is handed back within seconds.',
      validator: () => this.#refuseEnded(),
    });
    setHandler(resumeUpdate, () => this.#recorded({ update: 'resume' }, () => state.resume()), {
      description: 'Continue after a pause.',
      validator: (...given: unknown[]) => {
        this.#refuseUnlessPaused();
        this.#refuseTooLate('resuming');
        const because = parseWorkflowInput('resume', resumeInput, given[0])?.because;
        if (because !== undefined && because !== state.pausedBecause)
          throw new Error(
            `This sweep is paused because of ${state.pausedBecause ?? 'request'}, not because of ${because}.`,
          );
      },
    });
    setHandler(
      approveUpdate,
      (input) =>
        this.#recorded({ update: 'approve', approval: input }, ({ approvedBy, signedBy }) => {
          state.signedBy = signedBy ?? [];
          if (signedBy === undefined || approvedBy !== undefined) state.approvedBy = approvedBy ?? input.by;
        }),
      {
        description: 'Approve a sweep that waits for approval: {"total": the number of users, "by": your name}.',
        validator: (input) => this.#refuseApproval(input),
      },
    );
    setHandler(completeStepUpdate, (input) => this.#completeStep(input), {
      description:
        'Report the outcome of a manual step: {"step": "courier.letter", "by": your name, "outcome": "removed", "evidence": "T-1"}, for all users who wait for it or for "seqs".',
      validator: (input) => {
        this.#refuseEnded();
        parseWorkflowInput('completeStep', completeUsersStepInput, input);
        if (!state.opened) throw new Error('This sweep is still reading its users; no user waits for a step yet.');
      },
    });
    setHandler(refreshDueDateUpdate, () => this.#refreshDueDate(), {
      description: 'Read the due date of the requests again, after http-tasks register extend.',
      validator: () => {
        this.#refuseEnded();
        if (!state.opened) throw new Error('This sweep still reads its users, so that it has no due date yet.');
      },
    });
    setHandler(
      setRateUpdate,
      (input) => this.#recorded({ update: 'setRate', rate: rateOf(input) }, () => this.#want(rateOf(input))),
      {
        description:
          'Set a limit for this sweep: {"callsPerMinute": 600, "service": "plaid", "keySlot": ""}; null removes it. The lowest of all limits counts.',
        validator: (input) => {
          this.#refuseEnded();
          this.#refuseBurst();
          parseWorkflowInput('setRate', setRateInput, input);
        },
      },
    );
  }

  /** Writes the rate of the input, unless the activity that opened the sweep has set it. */
  opened(): void {
    const { input, opened } = this.#state;
    if (input.rate !== undefined && !opened?.isRated && isRateSetOnOpening()) this.#wantRateOfInput();
  }

  #wantRateOfInput(): void {
    const { rate } = this.#state.input;
    if (rate !== undefined) this.#rates.push({ service: RATED_PROVIDER, keySlot: '', callsPerMinute: rate });
  }

  /** Registers the listener for changes of the state by an update. */
  set onChange(listener: () => void) {
    this.#onChange = listener;
  }

  /** Number of updates that were accepted in this run. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether every requested limit is written. */
  get isSettled(): boolean {
    return this.#rates.length === 0;
  }

  /** Writes limits as they are requested, until it is cancelled. */
  async writeRates(): Promise<never> {
    for (;;) {
      await condition(() => this.#rates.length > 0);
      const [rate] = this.#rates;
      this.#isWriting = true;
      try {
        if (rate) await write(rate);
      } finally {
        this.#isWriting = false;
        this.#rates.shift();
      }
      const again = this.#rates.some((next) => isSameKey(next, rate));
      if (again && patched(NEWEST_RATE_COUNTS))
        await sleep(BETWEEN_RATES_MS, { summary: 'Wait before the next limit' });
    }
  }

  /** A newer limit of a key replaces one whose write has not started. */
  #want(rate: RateRequest): void {
    const at = this.#rates.findIndex((other, index) => isSameKey(other, rate) && !(this.#isWriting && index === 0));
    if (at === -1 || !patched(NEWEST_RATE_COUNTS)) this.#rates.push(rate);
    else this.#rates[at] = rate;
  }

  /**
   * Has an activity record the update, which it can also refuse, before it takes effect. It is not cancelled with the
   * sweep, because a cancelled run would otherwise wait for it.
   */
  async #recorded(
    update: Pick<RecordUpdate, 'update' | 'approval' | 'rate' | 'completed'>,
    change: (recorded: RecordedUpdate) => void,
  ): Promise<SweepProgress> {
    if (!patched(UPDATES_ARE_RECORDED)) return this.#changed(() => change({}));
    const { sweepId } = this.#state;
    const updateId = currentUpdateInfo()?.id ?? '';
    try {
      const recorded = await CancellationScope.nonCancellable(() => {
        const record = () => recordUpdate({ sweepId, updateId, ...update });
        // Recorded histories have no wait here, not even that for a promise.
        return this.#mustWaitForOpening ? this.#opening().then(record) : record();
      });
      return this.#changed(() => change(recorded));
    } catch (error) {
      throw refusalOrError(error);
    }
  }

  /** Whether the ledger lacks the sweep: an update may arrive with the start of the run. */
  get #mustWaitForOpening(): boolean {
    return !this.#state.opened && patched(UPDATES_WAIT_FOR_OPENING);
  }

  async #opening(): Promise<void> {
    const state = this.#state;
    await condition(() => state.opened !== undefined || state.ended !== undefined);
    if (!state.opened) throw invalidInput('This sweep could not be opened, so that nothing was changed.', '');
  }

  async #refreshDueDate(): Promise<{ dueAt?: string }> {
    const read = await readDueDate(this.#state.sweepId);
    this.#changed(() => (this.#state.dueAt = read.dueAt));
    return read;
  }

  async #completeStep(given: unknown): Promise<SweepProgress> {
    const { step, outcome, evidence, seqs } = completeUsersStepInput.parse(given);
    const state = this.#state;
    const update = { update: 'completeStep', completed: { step, outcome, evidence, seqs } } as const;
    let users = 0;
    const progress = await this.#recorded(update, ({ completed = 0, waitingForPerson = {} }) => {
      users = completed;
      state.waitingForPerson = waitingForPerson;
      state.hasReports ||= completed > 0;
    });
    if (users > 0) return progress;
    const waiting = Object.keys(state.waitingForPerson).join(', ') || 'none';
    throw invalidInput(
      `No user of this sweep waits for the step ${step}. Steps that users wait for: ${waiting}.`,
      'step',
    );
  }

  #changed(change: () => void): SweepProgress {
    this.#taken += 1;
    change();
    this.#onChange();
    return this.#state.progress();
  }

  #refuseEnded(): void {
    if (this.#state.ended)
      throw new Error(`This sweep has ended (${this.#state.status}) and can no longer be changed.`);
    if (this.#state.phase === 'closing')
      throw new Error('This sweep is sealing its receipts and can no longer be changed.');
  }

  /**
   * Keeps room for `pause`, `resume` and `approve`, which the server would refuse too once a run has taken 2,000
   * updates.
   */
  #refuseBurst(): void {
    if (!this.#state.mustMakeRoom || this.#taken < MANY_UPDATES) return;
    throw new Error(
      'This sweep has taken very many updates and is about to continue in a new run. Send the limit again in a few seconds.',
    );
  }

  #refuseTooLate(what: string): void {
    if (!this.#state.isTooLate) return;
    const deadline = new Date(this.#state.deadlineAtMs).toISOString();
    throw new Error(
      `The deadline of this sweep, ${deadline}, has passed: ${what} would close every user who is left as failed. Cancel it, and start another.`,
    );
  }

  #refuseUnlessPaused(): void {
    this.#refuseEnded();
    if (!this.#state.isPaused) throw new Error(`This sweep is not paused; it is ${this.#state.status}.`);
  }

  #refuseApproval(input: unknown): void {
    this.#refuseEnded();
    const { total } = parseWorkflowInput('approve', approveInput, input);
    if (this.#state.phase !== 'waitingForApproval' || this.#state.approvedBy !== undefined) {
      throw new Error(`This sweep does not wait for approval; it is ${this.#state.status}.`);
    }
    this.#refuseTooLate('approving');
    if (total === this.#state.counts.total) return;
    throw new Error(
      `total is ${total}, and this sweep has ${this.#state.counts.total} users. Check the users again, then approve that number.`,
    );
  }
}

/** Writes a limit. A failure is logged and does not stop the sweep. */
async function write(rate: RateRequest): Promise<void> {
  try {
    await setRate(rate);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    log.error('A limit could not be set.', { service: rate.service, keySlot: rate.keySlot });
  }
}

function isSameKey(one: RateRequest, other: RateRequest | undefined): boolean {
  return one.service === other?.service && one.keySlot === other.keySlot;
}

function rateOf(input: unknown): RateRequest {
  const { service = RATED_PROVIDER, keySlot = '', callsPerMinute } = setRateInput.parse(input);
  return { service, keySlot, callsPerMinute };
}
