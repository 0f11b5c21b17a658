import { setTimeout as delay } from 'node:timers/promises';
import { LedgerUnavailableError } from '../../ledger/ledger';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import { MOST_USERS_IN_A_BULK_CALL } from '../../ledger/sweeps/sweep-types';
import type { BulkUser, ChunkFence, Opener, RecordBulk, SweepRow } from '../../ledger/sweeps/sweep-types';
import { SweepBarredError, SweepFencedError, SweepSealedError } from '../../ledger/sweeps/sweep-errors';
import type { Outcome } from '../../policy/outcome';
import { pauseMs } from '../../policy/steps/step';
import type { TaskFailure } from '../../tasks/failure';
import { BulkCall, halvesOf } from './bulk-call';
import type { BulkResponse } from './bulk-call';
import type { BulkResult, ChunkPlan, RefusedKey, RunBulk } from './contract';
import { pause, withHeartbeat, withSweep, keepRates } from './sweep-work';
import type { SweepDependencies } from './sweep-dependencies';
import type { SweepSteps } from './sweep-steps';
import { sweepProblemNow } from '../governed';
import { plannedOf } from './sweep-steps';

/**
 * How long the ledger's information from the opening of users, that the fence is valid and no user is on hold, may be
 * used, in milliseconds; it is asked again before that.
 */
const OPENED_HOLDS_MS = 5_000;
const REOPEN_AFTER_MS = 2_000;

/** Maximum number of requests with an unparseable response before the users become `unknown`. */
const MOST_UNCLEAR = 4;

/** Number of attempts to record a call with a response while the ledger is unavailable. */
const RECORD_TRIES = 3;
const RECORD_PAUSE_MS = 1_000;

type BulkEnd = Pick<BulkResult, 'end' | 'unauthorized' | 'nextTryAt'>;
type Outcomes = BulkResult['outcomes'];
type BulkWork = RunBulk & Pick<Opener, 'claimedBy'>;

/** The input of a bulk activity. */
export type BulkInput = BulkWork & { plan: ChunkPlan; steps: SweepSteps };

/** One attempt at the bulk calls of one step. */
export class BulkRun {
  readonly #budgets: SweepDependencies['budgets'];
  readonly #call: BulkCall;
  readonly #sweeps: SweepLedger;
  readonly #input: BulkWork;
  readonly #fence: ChunkFence;
  readonly #signal: AbortSignal;
  readonly #untilMs: number;
  /** Users to whom an earlier call may have been sent, by seq. */
  readonly #perhapsSent = new Set<number>();
  readonly #outcomes: Outcomes = {};
  #calls = 0;
  #wave = 0;
  /** Opened users to whom a call may still be sent, by seq; and when the ledger was queried. */
  #open: ReadonlySet<number> = new Set();
  #openedAtMs = 0;
  /** Number of consecutive calls without effect. */
  #failedTries = 0;
  #unclear = 0;

  private constructor(
    { budgets, ledger }: SweepDependencies,
    input: BulkWork,
    call: BulkCall,
    { fence, signal }: { fence: ChunkFence; signal: AbortSignal },
  ) {
    this.#budgets = budgets;
    this.#call = call;
    this.#sweeps = ledger.sweeps;
    this.#input = input;
    this.#fence = fence;
    this.#signal = signal;
    this.#untilMs = performance.now() + input.beginForMs;
  }

  /**
   * Takes over from any earlier attempt.
   *
   * @returns The missing key, if this worker cannot make the calls.
   * @throws SweepSealedError
   */
  static async begin(
    dependencies: SweepDependencies,
    { plan, steps, ...input }: BulkInput,
    signal: AbortSignal,
  ): Promise<BulkRun | RefusedKey> {
    const { sweepId, app } = input;
    const found = steps.bulkOf(app);
    const task = found && dependencies.catalogue.find(found.bulk.step.bulk.name);
    if (!found || !task || !steps.canDo(found.bulk, found.account)) {
      const provider = (found?.bulk ?? steps.bulk[0])?.plan.provider ?? app;
      return found?.account === undefined
        ? { service: provider, slot: app }
        : { service: `${provider}/${found.account}` };
    }
    const { bulk, account } = found;
    const called = dependencies.providers.accounts.taskOf(task, account);
    const call = new BulkCall(dependencies, bulk, called, { sweepId, reason: plan.reason });
    const chunk = { sweepId, chunkId: `bulk-${app}` };
    const fence = await dependencies.ledger.sweeps.takeFence(chunk);
    return new BulkRun(dependencies, input, call, { fence: { ...chunk, fence }, signal });
  }

  get progress(): Pick<BulkResult, 'calls' | 'outcomes'> {
    return { calls: this.#calls, outcomes: { ...this.#outcomes } };
  }

  /** @throws SweepFencedError when another attempt takes over; nothing is written or sent then. */
  async execute(): Promise<BulkEnd> {
    try {
      return await this.#callUntilDone();
    } catch (error) {
      if (isStop(error)) return { end: 'stopped' };
      throw error;
    }
  }

  async #callUntilDone(): Promise<BulkEnd> {
    let waiting = Number.POSITIVE_INFINITY;
    for (;;) {
      const stop = await this.#reasonToStop();
      if (stop) return stop;
      this.#wave += 1;
      const users = await this.#askForOpen();
      for (const { seq, unsettled } of users) if (unsettled) this.#perhapsSent.add(seq);
      const end = users.length > 0 ? await this.#sendAll(this.#call.partsOf(users)) : undefined;
      if (end) return end;
      if (users.length > 0) continue;
      // A wave of users on hold is empty, and there may be more users after them.
      const { [this.#input.app]: left = 0 } = await this.#sweeps.readyForBulk(this.#input.sweepId);
      if (left === 0 || left >= waiting) return { end: 'done' };
      waiting = left;
    }
  }

  /**
   * Makes call after call. Halves of a refused call come last, so that many IDs succeed before the refused one is
   * searched for.
   */
  async #sendAll(parts: BulkUser[][]): Promise<BulkEnd | undefined> {
    for (let part = parts.shift(); part; part = parts.shift()) {
      const response = await this.#sendPatiently(part).catch((error: unknown) => {
        // The remaining users are returned before it ends.
        if (isStop(error)) return { end: 'stopped' } as const;
        throw error;
      });
      if ('end' in response) {
        await this.#return([part, ...parts].flat());
        return response;
      }
      parts.push(...response.halves);
    }
    return undefined;
  }

  /** Repeats a call until it has a final response, or has to be left to a later attempt. */
  async #sendPatiently(part: BulkUser[]): Promise<BulkEnd | { halves: BulkUser[][] }> {
    for (;;) {
      const stop = await this.#reasonToStop();
      if (stop) return stop;
      const refused = this.#call.check(part);
      const { response, users } = refused ? { response: refused, users: part } : await this.#sendOnce(part);
      if (response === undefined) return { halves: [] };
      if (response.kind === 'keyRefused') return { end: 'unauthorized', unauthorized: this.#call.refusedKey };
      const isForSome = response.kind === 'malformed' || response.kind === 'partlyFailed';
      if (isForSome && users.length > 1) return { halves: halvesOf(users) };
      if (await this.#recordResponse(response, users)) return { halves: [] };
      const end = await this.#waitAfter(response);
      if (end) return end;
    }
  }

  /** Makes one call for the users who are not on hold; none without such users. */
  async #sendOnce(part: readonly BulkUser[]): Promise<{ response?: BulkResponse; users: readonly BulkUser[] }> {
    const stopped = { response: { kind: 'stopped' }, users: part } as const;
    if (!(await this.#admitted())) return stopped;
    if (performance.now() > this.#openedAtMs + REOPEN_AFTER_MS) await this.#askForOpen();
    const users = part.filter(({ seq }) => this.#open.has(seq));
    if (users.length === 0) return { users };
    const send = { signal: this.#signal, notSentAfterMs: this.#openedAtMs + OPENED_HOLDS_MS };
    const response = await this.#call.send(users, send);
    if (hasResponse(response)) this.#calls += 1;
    const isPartlyDone = response.kind === 'partlyFailed' && users.length > 1;
    const isPerhapsDone = response.kind === 'later' && response.failure.perhapsDone;
    if (response.kind === 'unclear' || isPartlyDone || isPerhapsDone) {
      const seqs = users.map(({ seq }) => seq);
      for (const seq of seqs) this.#perhapsSent.add(seq);
      await this.#sweeps.notePerhapsSent({ ...this.#fence, app: this.#input.app, seqs });
    }
    return { response, users };
  }

  /** Opens the next users, or checks those of this wave again: both leave out users on hold. */
  async #askForOpen(): Promise<BulkUser[]> {
    const { app } = this.#input;
    const requestedAtMs = performance.now();
    const users = await this.#sweeps.openBulk({
      ...this.#fence,
      claimedBy: this.#input.claimedBy,
      app,
      step: this.#call.step,
      wave: this.#wave,
      limit: Math.min(this.#call.usersPerCall, MOST_USERS_IN_A_BULK_CALL),
    });
    this.#openedAtMs = requestedAtMs;
    this.#open = new Set(users.map(({ seq }) => seq));
    return users;
  }

  /** Takes one call out of the rate that all processes share; returns false when it has to stop before there is one. */
  async #admitted(): Promise<boolean> {
    const budgets = this.#budgets;
    const { key } = this.#call;
    if (budgets.tryAdmit(key, 'sweep')) return true;
    const left = AbortSignal.timeout(Math.max(1, Math.ceil(this.#untilMs - performance.now())));
    await budgets.keepRatesOf(this.#input.sweepId);
    return budgets.admit(key, 'sweep', AbortSignal.any([this.#signal, left]));
  }

  /** Records a response if it is final for these users; returns whether it is. */
  async #recordResponse(response: BulkResponse, users: readonly BulkUser[]): Promise<boolean> {
    switch (response.kind) {
      case 'accepted': {
        const { status, token, requestId } = response;
        await this.#record(users, { outcome: this.#call.means, status, token, requestId });
        return true;
      }
      case 'malformed':
        // Every call with this ID was refused.
        await this.#record(users, failed('failed', response.failure));
        return true;
      case 'partlyFailed':
      case 'rejected':
        await this.#record(
          users.filter(({ seq }) => this.#perhapsSent.has(seq)),
          failed('unknown', response.failure),
        );
        await this.#record(
          users.filter(({ seq }) => !this.#perhapsSent.has(seq)),
          failed('failed', response.failure),
        );
        return true;
      case 'unclear':
        this.#unclear += 1;
        if (this.#unclear <= MOST_UNCLEAR) return false;
        await this.#record(users, failed('unknown', response.failure));
        return true;
      case 'later':
      case 'keyRefused':
      case 'stopped':
        return false;
    }
  }

  async #record(
    users: readonly BulkUser[],
    end: Omit<RecordBulk, keyof ChunkFence | keyof BulkCall['receipt'] | 'users'>,
  ): Promise<void> {
    this.#failedTries = 0;
    this.#unclear = 0;
    if (users.length === 0) return;
    const record = { ...this.#fence, ...this.#call.receipt, ...end, users: this.#call.recorded(users) };
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#sweeps.recordBulk(record);
        break;
      } catch (error) {
        if (!(error instanceof LedgerUnavailableError) || tries === RECORD_TRIES) throw error;
        await delay(RECORD_PAUSE_MS);
      }
    }
    this.#outcomes[end.outcome] = (this.#outcomes[end.outcome] ?? 0) + users.length;
  }

  /** Waits before the call is tried again; returns the end if that would be after the attempt's time. */
  async #waitAfter(response: BulkResponse): Promise<BulkEnd | undefined> {
    if (response.kind === 'stopped') return undefined;
    const requestedMs = response.kind === 'later' ? (response.delayMs ?? 0) : 0;
    const waitMs = Math.max(requestedMs, pauseMs(this.#failedTries));
    this.#failedTries += 1;
    if (performance.now() + waitMs >= this.#untilMs)
      return { end: 'later', nextTryAt: new Date(Date.now() + waitMs).toISOString() };
    await pause(waitMs, this.#signal);
    return undefined;
  }

  async #reasonToStop(): Promise<BulkEnd | undefined> {
    const { sweepId, mostFailed } = this.#input;
    if (this.#signal.aborted) return { end: 'cancelled' };
    if (performance.now() >= this.#untilMs) return { end: 'time' };
    if (mostFailed !== undefined && (await this.#sweeps.countFailed(sweepId)) > mostFailed) return { end: 'tolerance' };
    return undefined;
  }

  /**
   * Makes users wait as before if no call can have been sent to them. If the ledger is unavailable they count as
   * possibly sent, which does no harm.
   */
  async #return(users: readonly BulkUser[]): Promise<void> {
    const seqs = users.filter(({ seq }) => !this.#perhapsSent.has(seq)).map(({ seq }) => seq);
    try {
      await this.#sweeps.returnBulk({ ...this.#fence, app: this.#input.app, seqs });
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
    }
  }
}

function failed(
  outcome: Outcome,
  { type, status, code, requestId }: TaskFailure,
): Pick<RecordBulk, 'outcome' | 'failureType' | 'status' | 'code' | 'requestId'> {
  return { outcome, failureType: type, status, code, requestId };
}

/** Returns whether every call that changes something is stopped. */
function isStop(error: unknown): boolean {
  return error instanceof SweepBarredError && error.obstacle === 'stopped';
}

/** Returns whether the provider responded, even if it only asked to wait. */
function hasResponse(response: BulkResponse): boolean {
  if (response.kind === 'stopped') return false;
  return response.kind === 'accepted' || response.failure.status !== undefined;
}

/**
 * Makes the bulk calls of one step for all users who wait for it, one after the other. Irreversible, and may be
 * repeated at any time: users of a call whose response was not recorded are sent again, which does no harm.
 *
 * When it is cancelled, it finishes the call in flight and returns. Users who were not sent keep waiting.
 */
export async function runBulk(dependencies: SweepDependencies, input: RunBulk, sweep: SweepRow): Promise<BulkResult> {
  let run: BulkRun | undefined;
  const progress = (): Pick<BulkResult, 'calls' | 'outcomes'> => run?.progress ?? { calls: 0, outcomes: {} };
  const heartbeat = (): Pick<BulkResult, 'calls' | 'outcomes'> => {
    keepRates(dependencies.budgets, input.sweepId);
    return progress();
  };
  return withHeartbeat(heartbeat, (signal) =>
    withSweep(async () => {
      const { policy, services, ledger } = dependencies;
      const forbidden = await sweepProblemNow(policy, sweep, { services, sweeps: ledger.sweeps });
      if (forbidden) return { ...progress(), end: 'notAllowed', rule: forbidden.rule };
      await dependencies.budgets.keepRatesOf(input.sweepId);
      try {
        const work = { ...input, ...plannedOf(sweep, dependencies), claimedBy: sweep.claimedBy };
        const begun = await BulkRun.begin(dependencies, work, signal);
        if (!(begun instanceof BulkRun)) return { ...progress(), end: 'unauthorized', unauthorized: begun };
        run = begun;
        return { ...(await run.execute()), ...progress() };
      } catch (error) {
        if (!(error instanceof SweepFencedError || error instanceof SweepSealedError)) throw error;
        return { ...progress(), end: 'fenced' };
      }
    }),
  );
}
