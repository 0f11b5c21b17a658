import { SweepSealedError } from '../../ledger/sweeps/sweep-errors';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import { MOST_USERS_IN_A_BULK_CALL, MOST_USERS_IN_A_WAVE } from '../../ledger/sweeps/sweep-types';
import type {
  BulkUser,
  ChunkFence,
  Opener,
  OpenUser,
  SettledUser,
  SweepRow,
  UnfinishedRange,
} from '../../ledger/sweeps/sweep-types';
import { subjectAt } from '../../ledger/user-subjects';
import type { Outcome } from '../../policy/outcome';
import { bulkCallOf } from './bulk-call-of';
import type { CloseTargets } from './contract';
import { receiptOfStep } from './receipt-of-step';
import type { SweepDependencies } from './sweep-dependencies';
import { beating, rejected, withSweep } from './sweep-work';

/** Users looked at in one go: to open a wave reads all of them. */
const STRETCH_USERS = 2_000;

const LAST_WORDS = ['unknown', 'failed', 'skipped'] as const satisfies readonly Outcome[];

type LastWord = (typeof LAST_WORDS)[number];

/** See `SweepActivities`. Sends nothing, and may be repeated at any time; what is written stays. */
export async function closeTargets(
  dependencies: Pick<SweepDependencies, 'ledger' | 'services'>,
  input: CloseTargets,
  { claimedBy }: Pick<SweepRow, 'claimedBy'>,
): Promise<void> {
  let closing: Closing | undefined;
  await beating(
    () => ({ closed: closing?.closed ?? 0 }),
    (signal) =>
      withSweep(async () => {
        closing = await Closing.begin(dependencies, { ...input, claimedBy }, signal);
        await closing?.closeAll();
      }),
  );
}

/** One attempt to write a last word for everybody. */
class Closing {
  readonly #sweeps: SweepLedger;
  readonly #services: SweepDependencies['services'];
  readonly #reason: CloseTargets['reason'];
  readonly #fence: ChunkFence;
  /** Nothing is sent, so that neither a missing approval nor a stop is in the way. */
  readonly #opener: Opener;
  readonly #signal: AbortSignal;
  #wave = 0;
  /** How many have got their last word; those who wait for several bulk calls count several times. */
  closed = 0;

  private constructor(
    { ledger, services }: Pick<SweepDependencies, 'ledger' | 'services'>,
    { reason, claimedBy }: CloseTargets & Opener,
    fence: ChunkFence,
    signal: AbortSignal,
  ) {
    this.#sweeps = ledger.sweeps;
    this.#services = services;
    this.#reason = reason;
    this.#fence = fence;
    this.#opener = { claimedBy, sends: false };
    this.#signal = signal;
  }

  /** Takes the sweep away from everybody who may still be at work on it; undefined when it is sealed already. */
  static async begin(
    dependencies: Pick<SweepDependencies, 'ledger' | 'services'>,
    input: CloseTargets & Opener,
    signal: AbortSignal,
  ): Promise<Closing | undefined> {
    const { sweeps } = dependencies.ledger;
    const chunk = { sweepId: input.sweepId, chunkId: 'close' };
    try {
      const fence = { ...chunk, fence: await sweeps.takeFence(chunk) };
      await sweeps.voidOtherFences(fence);
      return new Closing(dependencies, input, fence, signal);
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
      // It may come again, since a wave of users on hold answers nobody; but then with fewer users.
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
    const partlyDone = await this.#partlyDone(users.filter(({ round }) => round > 0));
    await this.#sweeps.flushWave({ ...this.#fence, users: users.map((user) => this.#lastWord(user, partlyDone)) });
    this.closed += users.length;
    return users.length;
  }

  #lastWord(user: OpenUser, partlyDone: ReadonlySet<number>): SettledUser {
    const step = {
      step: 'offboarding',
      task: 'offboardUsers',
      outcome: this.#outcomeOf(user, partlyDone),
      reason: this.#reason,
    };
    return { kind: 'settled', seq: user.seq, round: user.round, receipts: [receiptOfStep(step, user, this.#services)] };
  }

  async #closeBulk(app: string): Promise<void> {
    for (;;) {
      this.#signal.throwIfAborted();
      const users = await this.#sweeps.openBulk({
        ...this.#fence,
        ...this.#opener,
        app,
        step: `batch.${app}`,
        wave: ++this.#wave,
        limit: MOST_USERS_IN_A_BULK_CALL,
      });
      // A call of users on hold answers nobody, and more may wait behind them.
      if (users.length === 0 && !(await this.#sweeps.readyForBulk(this.#fence.sweepId))[app]) return;
      const partlyDone = await this.#partlyDone(users);
      for (const outcome of LAST_WORDS) {
        await this.#closeCall(
          app,
          outcome,
          users.filter((user) => this.#outcomeOf(user, partlyDone) === outcome),
        );
      }
      this.closed += users.length;
    }
  }

  async #closeCall(app: string, outcome: LastWord, users: readonly BulkUser[]): Promise<void> {
    if (users.length === 0) return;
    await this.#sweeps.recordBulk({
      ...this.#fence,
      ...bulkCallOf(app, this.#services),
      outcome,
      reason: this.#reason,
      users: users.map((user) => ({ seq: user.seq, subject: subjectAt('batch', user) })),
    });
  }

  /** Who among these users the sweep has begun to off-board; only where it makes a difference. */
  async #partlyDone(users: readonly { seq: number }[]): Promise<ReadonlySet<number>> {
    if (this.#reason === 'deadline' || users.length === 0) return new Set();
    return this.#sweeps.readPartlyDone({ sweepId: this.#fence.sweepId, seqs: users.map(({ seq }) => seq) });
  }

  /**
   * A call that may have gone out is never called undone; and what is left of a user who is done in part is not called
   * left out, or the user would count as done (see docs/decisions/0021).
   */
  #outcomeOf({ seq, unsettled }: { seq: number; unsettled: boolean }, partlyDone: ReadonlySet<number>): LastWord {
    if (unsettled) return 'unknown';
    return this.#reason === 'deadline' || partlyDone.has(seq) ? 'failed' : 'skipped';
  }
}
