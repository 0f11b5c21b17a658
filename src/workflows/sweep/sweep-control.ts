import {
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
import type { RateWish, RecordedUpdate, RecordUpdate } from '../../activities/sweep/contract';
import { approveInput, completeUsersStepInput, resumeInput, setRateInput } from '../../policy/sweep-input';
import type { SweepProgress } from '../../policy/sweep-result';
import { refusalOrError } from '../failure-of';
import { RATED_PROVIDER } from '../../providers/built-in';
import { invalidInput, parseWorkflowInput } from '../parse-workflow-input';
import {
  approveUpdate,
  completeStepUpdate,
  pauseUpdate,
  resumeUpdate,
  setRateUpdate,
  sweepProgressQuery,
} from './handlers';
import { recordUpdate, setRate } from './sweep-activities';
import type { SweepState } from './sweep-state';

/** The patch since which updates that let more be done go through the ledger before they take effect. */
const UPDATES_ARE_RECORDED = 'updates-are-recorded';

/** The patch since which only the newest limit of a key is written, and no more often than the calls can follow. */
const NEWEST_RATE_COUNTS = 'newest-rate-counts';

/** The pause between two limits of one key, in milliseconds: each change takes away the calls that were leased before. */
const BETWEEN_RATES_MS = 2_000;

/** From so many updates in a run on, further limits wait for the next run. */
const MANY_UPDATES = 500;

/**
 * The sweep's query and updates. Handlers record what needs it and change the state; the sweep's main loop sees it and
 * acts. Before a continue-as-new it waits for them, so that no update is cut off.
 */
export class SweepControl {
  readonly #state: SweepState;
  readonly #rates: RateWish[] = [];
  #isWriting = false;
  #taken = 0;
  #onChange: () => void = () => undefined;

  constructor(state: SweepState) {
    this.#state = state;
    const { rate } = state.input;
    if (rate !== undefined && state.opened === undefined)
      this.#rates.push({ service: RATED_PROVIDER, keySlot: '', callsPerMinute: rate });
    setHandler(sweepProgressQuery, () => state.progress(), {
      description:
        'How the sweep stands: counts by outcome, what it does and what it waits for. Its result once it has ended.',
    });
    setHandler(pauseUpdate, () => this.#changed(() => state.pause('request')), {
      description: 'Begin nothing more. What is under way is finished or handed back within seconds.',
      validator: () => this.#refuseEnded(),
    });
    setHandler(resumeUpdate, () => this.#recorded({ update: 'resume' }, () => state.resume()), {
      description: 'Go on after a pause.',
      validator: (...given: unknown[]) => {
        this.#refuseUnlessPaused();
        this.#refuseTooLate('resuming');
        const because = parseWorkflowInput('resume', resumeInput, given[0])?.because;
        if (because !== undefined && because !== state.pausedBecause)
          throw new Error(
            `This sweep is paused because of ${state.pausedBecause ?? 'nothing'}, not because of ${because}.`,
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
        description: 'Let a sweep begin that waits for approval: {"total": the number of users, "by": your name}.',
        validator: (input) => this.#refuseApproval(input),
      },
    );
    setHandler(completeStepUpdate, (input) => this.#completeStep(input), {
      description:
        'Report a step that people do: {"step": "courier.letter", "by": your name, "outcome": "removed", "evidence": "T-1"}, for all users who wait for it or for "seqs".',
      validator: (input) => {
        this.#refuseEnded();
        parseWorkflowInput('completeStep', completeUsersStepInput, input);
        if (!state.opened) throw new Error('This sweep still reads its users, so that none waits for a step.');
      },
    });
    setHandler(
      setRateUpdate,
      (input) => this.#recorded({ update: 'setRate', rate: wishOf(input) }, () => this.#want(wishOf(input))),
      {
        description:
          'Set a limit for this sweep: {"callsPerMinute": 600, "service": "plaid", "keySlot": ""}; null lifts it. The lowest of all limits counts.',
        validator: (input) => {
          this.#refuseEnded();
          this.#refuseBurst();
          parseWorkflowInput('setRate', setRateInput, input);
        },
      },
    );
  }

  /** Calls this whenever an update has changed the state. */
  set onChange(listener: () => void) {
    this.#onChange = listener;
  }

  /** Updates that were taken in this run. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether every limit that was asked for is written. */
  get isSettled(): boolean {
    return this.#rates.length === 0;
  }

  /** Writes limits as they are asked for, until it is cancelled. */
  async writeRates(): Promise<never> {
    for (;;) {
      await condition(() => this.#rates.length > 0);
      const [wish] = this.#rates;
      this.#isWriting = true;
      try {
        if (wish) await write(wish);
      } finally {
        this.#isWriting = false;
        this.#rates.shift();
      }
      const again = this.#rates.some((next) => isSameKey(next, wish));
      if (again && patched(NEWEST_RATE_COUNTS))
        await sleep(BETWEEN_RATES_MS, { summary: 'Wait before the next limit' });
    }
  }

  /** A newer limit of a key takes the place of one that is not being written yet. */
  #want(wish: RateWish): void {
    const at = this.#rates.findIndex((other, index) => isSameKey(other, wish) && !(this.#isWriting && index === 0));
    if (at === -1 || !patched(NEWEST_RATE_COUNTS)) this.#rates.push(wish);
    else this.#rates[at] = wish;
  }

  /**
   * Has an activity record the update, which it can also refuse, before it takes effect. It is not cancelled with the sweep:
   * a cancelled run would otherwise wait for it.
   */
  async #recorded(
    update: Pick<RecordUpdate, 'update' | 'approval' | 'rate' | 'completed'>,
    change: (recorded: RecordedUpdate) => void,
  ): Promise<SweepProgress> {
    if (!patched(UPDATES_ARE_RECORDED)) return this.#changed(() => change({}));
    const { sweepId } = this.#state;
    const updateId = currentUpdateInfo()?.id ?? '';
    try {
      const recorded = await CancellationScope.nonCancellable(() => recordUpdate({ sweepId, updateId, ...update }));
      return this.#changed(() => change(recorded));
    } catch (error) {
      throw refusalOrError(error);
    }
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
      throw new Error(`This sweep has ended (${this.#state.status}), so nothing about it can be changed.`);
    if (this.#state.phase === 'closing')
      throw new Error('This sweep is at its end and only seals its receipts, so nothing about it can be changed.');
  }

  /** Room is kept for `pause`, `resume` and `approve`, which the server would refuse too once a run has taken 2,000 updates. */
  #refuseBurst(): void {
    if (!this.#state.mustMakeRoom || this.#taken < MANY_UPDATES) return;
    throw new Error(
      'This sweep has taken very many updates and is about to continue in a new run. Send the limit again in some seconds.',
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
      `total is ${total}, and this sweep has ${this.#state.counts.total} users. Look at them again, then approve the number that you find.`,
    );
  }
}

/** A limit that cannot be set must not keep the sweep from its work. */
async function write(wish: RateWish): Promise<void> {
  try {
    await setRate(wish);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    log.error('A limit could not be set.', { service: wish.service, keySlot: wish.keySlot });
  }
}

function isSameKey(one: RateWish, other: RateWish | undefined): boolean {
  return one.service === other?.service && one.keySlot === other.keySlot;
}

function wishOf(input: unknown): RateWish {
  const { service = RATED_PROVIDER, keySlot = '', callsPerMinute } = setRateInput.parse(input);
  return { service, keySlot, callsPerMinute };
}
