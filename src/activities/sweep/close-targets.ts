import { SweepSealedError } from '../../ledger/sweeps/sweep-errors';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import { MOST_USERS_IN_A_BULK_CALL, MOST_USERS_IN_A_WAVE } from '../../ledger/sweeps/sweep-types';
import type {
  BulkUser,
  ChunkFence,
  Opener,
  OpenUser,
  RecordBulk,
  SettledUser,
  SweepRow,
  UnfinishedRange,
} from '../../ledger/sweeps/sweep-types';
import type { Outcome } from '../../policy/outcome';
import { BulkCall } from './bulk-call';
import type { CloseTargets } from './contract';
import { receiptOfStep } from './user-receipts';
import type { SweepDependencies } from './sweep-dependencies';
import { plannedOf } from './sweep-steps';
import { withHeartbeat, rejected, withSweep } from './sweep-work';
import { UserMachine } from './user-machine';
import type { RecordedProgress } from '../../ledger/sweeps/target-progress';

/** Number of users that are read together: opening a wave reads all of them. */
const STRETCH_USERS = 2_000;

const FINAL_OUTCOMES = ['unknown', 'failed', 'skipped'] as const satisfies readonly Outcome[];

type FinalOutcome = (typeof FINAL_OUTCOMES)[number];

/** See `SweepActivities`. Sends nothing, and may be repeated at any time; what is written stays. */
export async function closeTargets(
  dependencies: SweepDependencies,
  input: CloseTargets,
  sweep: SweepRow,
): Promise<void> {
  let closing: Closing | undefined;
  await withHeartbeat(
    () => ({ closed: closing?.closed ?? 0 }),
    (signal) =>
      withSweep(async () => {
        closing = await Closing.begin(dependencies, input, sweep, signal);
        await closing?.closeAll();
      }),
  );
}

/** One attempt to record a final outcome of every user. */
class Closing {
  readonly #sweeps: SweepLedger;
  readonly #dependencies: SweepDependencies;
  readonly #planned: ReturnType<typeof plannedOf>;
  readonly #reason: CloseTargets['reason'];
  readonly #fence: ChunkFence;
  /** Nothing is sent, so neither a missing approval nor a stop prevents it. */
  readonly #opener: Opener;
  readonly #signal: AbortSignal;
  #wave = 0;
  /** Number of users with a final outcome; those who wait for several bulk calls count several times. */
  closed = 0;

  private constructor(
    dependencies: SweepDependencies,
    { reason }: CloseTargets,
    sweep: SweepRow,
    { fence, signal }: { fence: ChunkFence; signal: AbortSignal },
  ) {
    this.#sweeps = dependencies.ledger.sweeps;
    this.#dependencies = dependencies;
    this.#planned = plannedOf(sweep, dependencies);
    this.#reason = reason;
    this.#fence = fence;
    this.#opener = { claimedBy: sweep.claimedBy, sends: false };
    this.#signal = signal;
  }

  /** Takes the sweep over from all attempts that may still work on it; undefined when it is sealed already. */
  static async begin(
    dependencies: SweepDependencies,
    input: CloseTargets,
    sweep: SweepRow,
    signal: AbortSignal,
  ): Promise<Closing | undefined> {
    const { sweeps } = dependencies.ledger;
    const chunk = { sweepId: input.sweepId, chunkId: 'close' };
    try {
      const fence = { ...chunk, fence: await sweeps.takeFence(chunk) };
      await sweeps.voidOtherFences(fence);
      return new Closing(dependencies, input, sweep, { fence, signal });
    } catch (error) {
      if (error instanceof SweepSealedError) return undefined;
      throw error;
    }
  }

  async closeAll(): Promise<void> {
    await this.#closeUsers();
    const { sweepId } = this.#fence;
    for (const app of Object.keys(await this.#sweeps.readyForBulk(sweepId))) await this.#closeBulk(app);
  }

  async #closeUsers(): Promise<void> {
    const { sweepId } = this.#fence;
    let before: UnfinishedRange | undefined;
    for (;;) {
      const { ranges } = await this.#sweeps.readUnfinished({
        sweepId,
        chunkSize: STRETCH_USERS,
        limit: 1,
        fromSeq: before?.from ?? 0,
      });
      const [stretch] = ranges;
      if (stretch === undefined) return;
      // The same stretch may come again, since a wave of users on hold is empty; but then with fewer users.
      if (stretch.from === before?.from && stretch.users === before.users)
        throw rejected(`Users of the sweep ${sweepId} cannot be opened to be closed.`);
      await this.#sweeps.makeDue({ sweepId, ...stretch });
      while ((await this.#closeWave(stretch)) > 0);
      before = stretch;
    }
  }

  async #closeWave(range: { from: number; to: number }): Promise<number> {
    this.#signal.throwIfAborted();
    const users = await this.#sweeps.openWave({
      ...this.#fence,
      ...this.#opener,
      range,
      wave: ++this.#wave,
      limit: MOST_USERS_IN_A_WAVE,
    });
    if (users.length === 0) return 0;
    const again = users.filter(({ round, unsettled }) => round > 0 || unsettled);
    const partlyDone = await this.#partlyDone(users.filter(({ round }) => round > 0));
    const progress = await this.#progressOf(again);
    await this.#sweeps.flushWave({
      ...this.#fence,
      users: users.map((user) => this.#finalOutcome(user, partlyDone, progress.get(user.seq))),
    });
    this.closed += users.length;
    return users.length;
  }

  async #progressOf(users: readonly OpenUser[]): Promise<ReadonlyMap<number, RecordedProgress>> {
    if (users.length === 0) return new Map();
    return this.#sweeps.readProgress({ sweepId: this.#fence.sweepId, seqs: users.map(({ seq }) => seq) });
  }

  /** Returns the outcomes of the steps of a user who is in the middle of them. */
  #finalOutcome(user: OpenUser, partlyDone: ReadonlySet<number>, progress: RecordedProgress | undefined): SettledUser {
    if (progress) {
      const sweep = { sweepId: this.#fence.sweepId, ...this.#planned };
      const machine = new UserMachine(user, { bySubject: new Map(), progress }, sweep, this.#dependencies);
      return machine.ended(this.#reason);
    }
    const step = {
      step: 'offboarding',
      task: 'offboardUsers',
      outcome: this.#outcomeOf(user, partlyDone),
      reason: this.#reason,
    };
    return {
      kind: 'settled',
      seq: user.seq,
      round: user.round,
      receipts: [receiptOfStep(step, user, this.#dependencies)],
    };
  }

  async #closeBulk(app: string): Promise<void> {
    const call = this.#callOf(app);
    for (;;) {
      this.#signal.throwIfAborted();
      const users = await this.#sweeps.openBulk({
        ...this.#fence,
        ...this.#opener,
        app,
        step: call?.step ?? app,
        wave: ++this.#wave,
        limit: MOST_USERS_IN_A_BULK_CALL,
      });
      // A call of users on hold is empty, and there may be more users after them.
      if (users.length === 0 && !(await this.#sweeps.readyForBulk(this.#fence.sweepId))[app]) return;
      const partlyDone = await this.#partlyDone(users);
      const recorded = (some: readonly BulkUser[]): RecordBulk['users'] =>
        call?.recorded(some) ?? some.map(({ seq, subjects }) => ({ seq, subject: subjects[0] ?? '' }));
      for (const outcome of FINAL_OUTCOMES) {
        await this.#closeCall(
          call?.receipt ?? { app, step: app, task: 'offboardUsers', service: 'http-tasks', environment: '' },
          outcome,
          recorded(users.filter((user) => this.#outcomeOf(user, partlyDone) === outcome)),
        );
      }
      this.closed += users.length;
    }
  }

  async #closeCall(receipt: BulkCall['receipt'], outcome: FinalOutcome, users: RecordBulk['users']): Promise<void> {
    if (users.length === 0) return;
    await this.#sweeps.recordBulk({ ...this.#fence, ...receipt, outcome, reason: this.#reason, users });
  }

  /** Undefined for a step whose task this worker does not have. */
  #callOf(app: string): BulkCall | undefined {
    const { steps, plan } = this.#planned;
    const found = steps.bulkOf(app);
    const task = found && this.#dependencies.catalogue.find(found.bulk.step.bulk.name);
    if (!found || !task) return undefined;
    const called = this.#dependencies.providers.accounts.taskOf(task, found.account);
    return new BulkCall(this.#dependencies, found.bulk, called, { sweepId: this.#fence.sweepId, reason: plan.reason });
  }

  /** Returns the users whose offboarding the sweep has begun; only if it makes a difference. */
  async #partlyDone(users: readonly { seq: number }[]): Promise<ReadonlySet<number>> {
    if (this.#reason === 'deadline' || users.length === 0) return new Set();
    return this.#sweeps.readPartlyDone({ sweepId: this.#fence.sweepId, seqs: users.map(({ seq }) => seq) });
  }

  /**
   * Returns the outcome. A call that may have been sent is never reported as not done. The remaining steps of a user
   * who is partly done are not reported as skipped, since the user would count as done otherwise (see
   * docs/decisions/0021).
   */
  #outcomeOf({ seq, unsettled }: { seq: number; unsettled: boolean }, partlyDone: ReadonlySet<number>): FinalOutcome {
    if (unsettled) return 'unknown';
    return this.#reason === 'deadline' || partlyDone.has(seq) ? 'failed' : 'skipped';
  }
}
