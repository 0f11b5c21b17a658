import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { WorkLimits } from '../../config/process-settings';
import { LedgerUnavailableError } from '../../ledger/ledger';
import type { SubjectHistory } from '../../ledger/ledger';
import {
  SweepBarredError,
  SweepNotYoursError,
  SweepReleasedError,
  UnknownSweepError,
  SweepFencedError,
  SweepSealedError,
} from '../../ledger/sweeps/sweep-errors';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { SweepRow, OpenUser } from '../../ledger/sweeps/sweep-types';
import { timeProblem } from '../../operator-policy/rules';
import type { Violation } from '../../operator-policy/rules';
import { retryable, refusal } from '../refusals';
import { sweepProblemNow, dailyLimit, dayIsFull } from '../governed';
import { ChunkRun, FencedLedger } from './chunk-run';
import type { ChunkWork } from './chunk-run';
import type { ChunkInput, ChunkProgress, ChunkResult } from './contract';
import type { ChunkDependencies, ChunkControl } from './sweep-dependencies';
import { missingService, refuseOtherEnvironment } from './missing-providers';
import { OutcomeBuffer } from './outcome-buffer';
import { hashedIds } from './plan-user';
import type { UserHistory } from './plan-user';
import { ProcessLimits } from './process-limits';
import { planOfSweep } from './sweep-steps';
import { keepRates } from './sweep-work';
import { UserRun } from './user-run';

/** Errors that a retry does not change. */
const FINAL = [SweepReleasedError, UnknownSweepError, SweepNotYoursError, SweepBarredError] as const;

/**
 * Creates the activity that offboards the users of one chunk; see `runChunk`. When it is cancelled, or its worker shuts
 * down, it finishes the calls in flight and returns its progress. It ends `unauthorized`
 * if this worker does not know a provider of the sweep, or has no keys for it.
 *
 * Fails `Task.LedgerUnavailable` (retried) when the ledger is unavailable at its start, and `Task.InvalidInput` (final)
 * for a sweep that the ledger does not have, whose IDs were released, that was read for another environment of Plaid
 * than this worker's, or that lacks an approval or has more users than allowed. Nothing is sent then.
 */
export function createChunkActivity(
  given: Omit<ChunkDependencies, 'limits'> & { ledger: { readonly sweeps: SweepLedger }; workLimits?: WorkLimits },
): (input: ChunkInput, sweep: SweepRow) => Promise<ChunkResult> {
  const dependencies = { ...given, limits: new ProcessLimits(given.workLimits) };
  return async (input, sweep) => {
    const activity = Context.current();
    const { users } = input;
    const control = {
      signal: activity.cancellationSignal,
      heartbeat: (progress: ChunkProgress) => {
        activity.heartbeat({ ...progress, ...(users !== undefined && { users }) });
        keepRates(given.budgets, input.sweepId);
      },
    };
    try {
      return await retryable(async (): Promise<ChunkResult> => {
        // Another worker of the queue may have it: the sweep pauses, and no user is left out.
        const service = missingService(sweep, dependencies);
        if (service !== undefined) return { ...NOTHING_DONE, end: 'unauthorized', unauthorized: { service } };
        refuseOtherEnvironment(dependencies, sweep, 'sweepId');
        const { services, policy, ledger } = given;
        const forbidden = await sweepProblemNow(policy, sweep, { services, sweeps: ledger.sweeps });
        // The operator's policy forbids the next users.
        if (forbidden) return { ...NOTHING_DONE, end: 'notAllowed', rule: forbidden.rule };
        const plan = await planOfSweep(given.ledger.sweeps, sweep, input.plan);
        await given.budgets.keepRatesOf(input.sweepId);
        const { claimedBy, stepsPlan } = sweep;
        return runChunk(
          { ...input, plan, claimedBy, ...(stepsPlan !== undefined && { stepsPlan }) },
          dependencies,
          control,
        );
      });
    } catch (error) {
      if (FINAL.some((type) => error instanceof type)) throw refusal('sweepId', (error as Error).message);
      throw error;
    }
  };
}

const NOTHING_DONE = { opened: 0, settled: 0, waitingForBulk: 0, deferred: 0, outcomes: {} };

const NO_HISTORY: UserHistory = { bySubject: new Map() };

/** Time between the end of the time to start users and the moment when waiting users are returned, in milliseconds. */
const RETURN_AFTER_MS = 10_000;

/** How often the chunk checks what other chunks did. */
const CHECK_MS = 2_000;

/**
 * Intervals of heartbeats, which deliver cancellations and are billed by Temporal Cloud: while users are processed, and
 * while the rate is the bottleneck, so that little happens between two of them.
 */
const HEARTBEAT_MS = { busy: CHECK_MS, paced: 6_000 };
const FENCE_CHECK_MS = 500;

/**
 * Number of users of one wave: half of what a process may have open, so that one half is in progress while the other is
 * written.
 */
const WAVE = { most: 125, least: 60 };

/** Number of users begun in one turn of the event loop, so that responses do not wait for a whole wave. */
const BEGUN_PER_TURN = 8;

/**
 * Offboards the users of one chunk concurrently: takes the chunk over from any earlier attempt, records the intent of a
 * wave of users in one statement, drives the machine of each, and writes their outcomes in few statements.
 *
 * Most of it is irreversible. It may be repeated at any time, even while an earlier attempt runs or after its process
 * was killed or suspended: users with an intent and no outcome are read before anything is sent again, and an attempt
 * that is not the latest writes and sends nothing more.
 *
 * Waits for an unavailable ledger and sends nothing meanwhile. When it is cancelled, it finishes the calls in flight
 * and returns.
 *
 * @throws LedgerUnavailableError when the ledger is unavailable at the start.
 * @throws UnknownSweepError
 * @throws SweepReleasedError
 * @throws SweepNotYoursError
 * @throws SweepBarredError without an approval, or with more users than allowed.
 */
export async function runChunk(
  input: ChunkWork,
  dependencies: ChunkDependencies,
  control: ChunkControl = {},
): Promise<ChunkResult> {
  const stop = new AbortController();
  // Every user who waits listens to this signal.
  setMaxListeners(0, stop.signal);
  try {
    const chunk = { sweepId: input.sweepId, chunkId: `chunk-${input.fromSeq}`, claimedBy: input.claimedBy };
    const ledger = await FencedLedger.take(dependencies.ledger, chunk, stop.signal);
    return await new ChunkAttempt(new ChunkRun(input, ledger, stop, dependencies), control).execute();
  } catch (error) {
    if (!(error instanceof SweepFencedError || error instanceof SweepSealedError)) throw error;
    return { opened: 0, settled: 0, waitingForBulk: 0, deferred: 0, outcomes: {}, end: 'fenced' };
  }
}

class ChunkAttempt {
  readonly #run: ChunkRun;
  readonly #control: ChunkControl;
  readonly #outcomes: OutcomeBuffer;
  readonly #inProgress = new Set<Promise<void>>();
  #opened = 0;
  #beatAtMs = Number.NEGATIVE_INFINITY;
  /** Failed users of the whole sweep, and those of this attempt among them, at the last request to the ledger. */
  #lastFailed = { all: 0, own: 0 };

  constructor(run: ChunkRun, control: ChunkControl) {
    const { openUsers } = run.dependencies.limits;
    this.#run = run;
    this.#control = control;
    this.#outcomes = new OutcomeBuffer(
      (users) => this.#noting(() => run.ledger.flush(users)),
      (users) => {
        openUsers.giveBack(users);
        this.#stopBeyondTolerance();
      },
      () => openUsers.isShort,
    );
  }

  async execute(): Promise<ChunkResult> {
    const { openUsers } = this.#run.dependencies.limits;
    const cancel = (): void => this.#run.stopCancelled();
    const flush = (): void => this.#outcomes.flushNow();
    const { signal } = this.#control;
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel);
    openUsers.whenShort(flush);
    const check = setInterval(() => this.#check(), CHECK_MS);
    const fenceCheck = setInterval(() => this.#confirmFence(), FENCE_CHECK_MS);
    try {
      return await this.#work();
    } finally {
      clearInterval(check);
      clearInterval(fenceCheck);
      openUsers.notWhenShort(flush);
      signal?.removeEventListener('abort', cancel);
    }
  }

  async #work(): Promise<ChunkResult> {
    await this.#checkTolerance();
    // An error that prevented waves from being opened is recorded; users in progress finish nevertheless.
    const end = await this.#openWaves().catch(() => 'rangeDone' as const);
    if (end !== 'rangeDone') this.#run.timeIsOver();
    await this.#allEnded();
    await this.#outcomes.drain();
    const { error, reason } = this.#run;
    if (error) throw error;
    const { nextTryAt } = this.#outcomes;
    const ended = end === 'rangeDone' || end === 'time' ? { end } : { end: 'notAllowed' as const, rule: end.rule };
    return { ...this.#progress, ...ended, ...reason, ...(nextTryAt !== undefined && { nextTryAt }) };
  }

  /**
   * Waits for all users. Those who wait for a call while their provider requests a pause are returned soon after the
   * time is over.
   */
  async #allEnded(): Promise<void> {
    const { beganAtMs, input } = this.#run;
    const leftMs = beganAtMs + input.beginForMs + RETURN_AFTER_MS - performance.now();
    const late = setTimeout(() => this.#run.stopLate(), Math.max(0, leftMs));
    await Promise.all(this.#inProgress);
    clearTimeout(late);
  }

  get #progress(): ChunkProgress {
    return { opened: this.#opened, ...this.#outcomes.tally };
  }

  async #openWaves(): Promise<'rangeDone' | 'time' | Violation> {
    const { ledger, stopped, input, beganAtMs, dependencies } = this.#run;
    const { limits, policy } = dependencies;
    const { openUsers } = limits;
    const range = { from: input.fromSeq, to: input.toSeq };
    const untilMs = beganAtMs + input.beginForMs;
    for (;;) {
      const places = await openUsers.take(await this.#nextWave(untilMs), stopped);
      let begun = 0;
      try {
        if (stopped.aborted || performance.now() > untilMs) return 'time';
        const forbidden = policy && !input.plan.dryRun ? timeProblem(policy.rules, new Date()) : undefined;
        if (forbidden) return forbidden;
        const daily = input.plan.dryRun ? undefined : dailyLimit(policy);
        const requestedAtMs = performance.now();
        const users = await this.#noting(() => ledger.openWave(range, places, daily)).catch((error: unknown) => {
          if (error instanceof SweepBarredError && error.obstacle === 'dayIsFull') return dayIsFull(daily?.mostUsers);
          throw error;
        });
        if ('rule' in users) return users;
        if (users.length === 0) return 'rangeDone';
        const histories = await this.#noting(() => this.#historiesOf(users));
        begun = users.length;
        for (const [index, user] of users.entries()) {
          if (index > 0 && index % BEGUN_PER_TURN === 0) await nextTurn();
          this.#begin(user, histories[index] ?? NO_HISTORY, requestedAtMs);
        }
      } finally {
        openUsers.giveBack(places - begun);
      }
    }
  }

  /**
   * Returns how many users to begin next: few where a rate is the bottleneck, and not before most of those who were begun
   * have stopped waiting for it. A chunk that has made no call yet does not know its keys.
   */
  async #nextWave(untilMs: number): Promise<typeof WAVE> {
    const { paced, slots, stopped, dependencies } = this.#run;
    for (const backlog of paced) await backlog.untilFew(stopped, untilMs - performance.now());
    const known = slots.size > 0 ? paced : dependencies.limits.paced;
    const most = Math.min(WAVE.most, ...known.map(({ wave }) => wave));
    return { most, least: Math.min(WAVE.least, most) };
  }

  /** This sweep can only have removed something of users who were tried before. */
  async #historiesOf(users: readonly OpenUser[]): Promise<UserHistory[]> {
    const { ledger, steps } = this.#run;
    const again = users.filter(({ round, unsettled }) => round > 0 || unsettled);
    const subjects = users.flatMap((user) => this.#subjectsToCheck(user));
    const [histories, removals, progress] = await Promise.all([
      ledger.readHistories(subjects.map((subject) => ({ subjects: [subject] }))),
      again.length > 0 ? ledger.readRemovals(again) : undefined,
      again.length > 0 && steps.continuing.length > 0 ? ledger.readProgress(again) : undefined,
    ]);
    const bySubject = new Map<string, SubjectHistory>();
    subjects.forEach((subject, index) => {
      const history = histories[index];
      if (history) bySubject.set(subject, history);
    });
    // A user who continues needs no record of what was done before.
    return users.map(({ seq }) => {
      const own = progress?.get(seq);
      return { bySubject, removals: own ? undefined : removals?.get(seq), progress: own };
    });
  }

  /** A receipt about one ID proves nothing about another in the same row: that one may be mistyped now. */
  #subjectsToCheck(user: OpenUser): string[] {
    const { steps, dependencies } = this.#run;
    return hashedIds(user, dependencies.providers).flatMap(({ provider, subject }) =>
      steps.asked.has(provider) ? [subject] : [],
    );
  }

  #begin(user: OpenUser, history: UserHistory, requestedAtMs: number): void {
    this.#opened += 1;
    const driving = this.#drive(user, history, requestedAtMs).finally(() => this.#inProgress.delete(driving));
    this.#inProgress.add(driving);
  }

  /** Drives one user. One who gets no outcome stays open in the ledger, for the next attempt to settle. */
  async #drive(user: OpenUser, history: UserHistory, requestedAtMs: number): Promise<void> {
    try {
      this.#outcomes.add(await this.#noting(() => new UserRun(this.#run, user, history, requestedAtMs).drive()));
    } catch {
      this.#run.dependencies.limits.openUsers.giveBack(1);
    }
  }

  #check(): void {
    const nowMs = performance.now();
    const everyMs = this.#run.paced.length > 0 ? HEARTBEAT_MS.paced : HEARTBEAT_MS.busy;
    // The timer is a little early or late.
    if (nowMs - this.#beatAtMs > everyMs - CHECK_MS / 2) {
      this.#beatAtMs = nowMs;
      this.#control.heartbeat?.(this.#progress);
    }
    void this.#checkTolerance();
  }

  async #checkTolerance(): Promise<void> {
    const { input, ledger } = this.#run;
    if (input.mostFailed === undefined) return;
    const all = await this.#noting(() => ledger.countFailed()).catch(() => undefined);
    // Failures that were written while the ledger counted may be missing in its number, but none is counted twice.
    if (all !== undefined) this.#lastFailed = { all, own: this.#outcomes.failed };
    this.#stopBeyondTolerance();
  }

  /** It notices its own failures immediately, and those of other chunks when it queries the ledger. */
  #stopBeyondTolerance(): void {
    const { mostFailed } = this.#run.input;
    const { all, own } = this.#lastFailed;
    if (mostFailed !== undefined && all + this.#outcomes.failed - own > mostFailed) this.#run.stopForTolerance();
  }

  /** Keeps the fence confirmed while nothing is written, so that calls may continue; and notices when it is lost. */
  #confirmFence(): void {
    if (this.#run.ledger.fenced || !this.#run.ledger.needsConfirmation) return;
    this.#noting(() => this.#run.ledger.confirm()).catch(() => undefined);
  }

  /** Stops the attempt after an error of the ledger with which it cannot continue. */
  async #noting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof SweepFencedError) this.#run.stopFenced();
      else if (error instanceof SweepBarredError && error.obstacle === 'stopped') this.#run.stopStopped();
      // Users who were begun are finished.
      else if (error instanceof SweepBarredError && error.obstacle === 'dayIsFull') throw error;
      // Retried as long as there was time: the next attempt settles the users who are still open.
      else if (!(error instanceof LedgerUnavailableError))
        this.#run.stopFailed(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }
}
