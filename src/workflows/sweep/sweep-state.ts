import { workflowInfo } from '@temporalio/workflow';
import type { OpenedSweep, PlannedChunks, RefusedKey } from '../../activities/sweep/contract';
import { deadlineAtMs, toDurationMs } from '../../policy/deadline';
import { OUTCOMES } from '../../policy/outcome';
import type { Outcome } from '../../policy/outcome';
import { mostTolerated, toTolerance } from '../../policy/sweep-input';
import { noCounts } from '../../policy/sweep-result';
import type { ApprovalTerms, OutcomeCounts, SweepPhase, SweepProgress, SweepStatus } from '../../policy/sweep-result';
import type { CheckedSweepInput } from '../../policy/sweep-input';

/** The part of a sweep's state that a continue-as-new carries over. Numbers and names of keys only. */
export interface CarriedSweep {
  opened: OpenedSweep;
  startedAtMs: number;
  duplicates: number;
  rejected: number;
  counts: OutcomeCounts;
  waitingForBulk: number;
  failed: number;
  round: number;
  pausedBecause?: string;
  approvedBy?: string;
  /** What has to be signed before the first call. */
  approvalTerms?: ApprovalTerms;
  signedBy?: readonly string[];
  /**
   * Number of failed and unknown users at the time of a resume after the tolerance was exceeded; they no longer count
   * against it.
   */
  excused: number;
  /** Where the round in progress continues. */
  nextSeq: number;
  /** The fence and wave under which children's users were opened. */
  children?: { fence: number; wave: number };
  /** Absent for a sweep whose time counts from its start and through its pauses, as in earlier versions. */
  clock?: Clock;
  approveUntilMs?: number;
  /** When the first of its requests is due. */
  dueAt?: string;
}

/** The time that a sweep has for its work; moments are in milliseconds since 1970. */
interface Clock {
  /** Absent until the sweep is approved. */
  startedAtMs?: number;
  /** Total time of the pauses since then, in milliseconds. */
  pausedMs: number;
  /** Start of the current pause. */
  pausedAtMs?: number;
}

/** The state of a sweep: what its queries return, its updates change and its next run needs. */
export class SweepState {
  readonly input: CheckedSweepInput;
  readonly startedAtMs: number;
  opened: OpenedSweep | undefined;
  counts = noCounts();
  duplicates = 0;
  rejected = 0;
  waitingForBulk = 0;
  /** Number of users who wait for a manual step, by step. */
  waitingForPerson: Readonly<Record<string, number>> = {};
  /** Steps were reported since the round in progress began, so that users no longer wait. */
  hasReports = false;
  round = 0;
  underWay = 0;
  /** Number of chunks, bulk activities and children that this run began. */
  begun = 0;
  /** Number of failed and unknown users, those who wait for a bulk call included. */
  failed = 0;
  excused = 0;
  #excuseAll = false;
  nextSeq = 0;
  children: CarriedSweep['children'];
  phase: SweepPhase = 'reading';
  pausedBecause: string | undefined;
  approvedBy: string | undefined;
  /** What has to be signed before the first call, where the operator's policy asks for it. */
  approvalTerms: ApprovalTerms | undefined;
  signedBy: readonly string[] = [];
  /** ISO 8601: when the first of the sweep's requests is due. */
  dueAt: string | undefined;
  nextTryAtMs: number | undefined;
  /** When the wait for an approval ends. */
  approveUntilMs: number | undefined;
  cancelledBecause: SweepProgress['cancelledBecause'];
  /** The run has to continue as new as soon as nothing is in progress, because updates have made its history long. */
  mustMakeRoom = false;
  /** Called after every visible change. */
  onChange: () => void = () => undefined;
  #clock: Clock | undefined;
  /** Set at the end. */
  ended: Pick<SweepProgress, 'status' | 'merkleRoot' | 'compensationTask'> | undefined;

  /** Whether the run has no local activities. */
  hasNoLocalActivities = false;

  constructor(input: CheckedSweepInput, carried?: CarriedSweep) {
    this.input = input;
    this.startedAtMs = carried?.startedAtMs ?? workflowInfo().startTime.getTime();
    if (!carried) return;
    this.#clock = carried.clock;
    this.approveUntilMs = carried.approveUntilMs;
    this.approvalTerms = carried.approvalTerms;
    this.signedBy = carried.signedBy ?? [];
    this.dueAt = carried.dueAt;
    const {
      opened,
      counts,
      duplicates,
      rejected,
      waitingForBulk,
      failed,
      round,
      excused,
      nextSeq,
      children,
      pausedBecause,
      approvedBy,
    } = carried;
    Object.assign(this, {
      opened,
      counts,
      duplicates,
      rejected,
      waitingForBulk,
      failed,
      round,
      excused,
      nextSeq,
      children,
      pausedBecause,
      approvedBy,
    });
  }

  begin(): void {
    this.underWay += 1;
    this.begun += 1;
    this.onChange();
  }

  /** Notes that a chunk, a bulk activity or a child has returned. */
  finish(): void {
    this.underWay -= 1;
    this.onChange();
  }

  get sweepId(): string {
    return this.opened?.sweepId ?? workflowInfo().workflowId;
  }

  /** When the time for the work ends. While the sweep is paused, a deadline that is a duration moves with the time. */
  get deadlineAtMs(): number {
    const { deadline } = this.input;
    if (this.#clock === undefined) return deadlineAtMs(deadline, this.startedAtMs);
    const { startedAtMs, pausedMs, pausedAtMs } = this.#clock;
    const atMs = deadlineAtMs(deadline, startedAtMs ?? Date.now());
    if (isMoment(deadline) || startedAtMs === undefined) return atMs;
    return atMs + pausedMs + (pausedAtMs === undefined ? 0 : Date.now() - pausedAtMs);
  }

  /** The deadline has passed, and neither an approval nor a resume moves it. */
  get isTooLate(): boolean {
    return this.isTooLateAtMs !== undefined && Date.now() >= this.isTooLateAtMs;
  }

  /** The deadline, unless an approval or a resume moves it. */
  get isTooLateAtMs(): number | undefined {
    return this.#clock === undefined || isMoment(this.input.deadline) ? this.deadlineAtMs : undefined;
  }

  /** Delays the time for the work until {@link startClock}. */
  holdClock(): void {
    this.#clock ??= { pausedMs: 0 };
  }

  /** Starts a delayed time now. */
  startHeldClock(): void {
    if (this.#clock && this.#clock.startedAtMs === undefined) this.startClock(Date.now());
  }

  /** Starts the time for the work at `startedAtMs` and stops it during pauses, unless it does so already. */
  startClock(startedAtMs: number): void {
    if (this.#clock?.startedAtMs !== undefined) return;
    this.#clock = { startedAtMs, pausedMs: 0, ...(this.isPaused && { pausedAtMs: Date.now() }) };
  }

  get isPaused(): boolean {
    return this.pausedBecause !== undefined;
  }

  get status(): SweepStatus {
    if (this.ended) return this.ended.status;
    if (this.isPaused) return 'paused';
    return this.phase === 'waitingForApproval' ? 'waitingForApproval' : 'running';
  }

  /** Maximum number of failed and unknown users before the sweep pauses; undefined for no limit. */
  get mostFailed(): number | undefined {
    const { tolerance } = this.input;
    return tolerance === undefined
      ? undefined
      : this.excused + mostTolerated(toTolerance(tolerance), this.counts.total);
  }

  /** Pauses the sweep. The first reason stays, since it is the one to resolve. */
  pause(because: string): void {
    if (this.pausedBecause !== undefined) return;
    this.pausedBecause = because;
    if (this.#clock) this.#clock.pausedAtMs = Date.now();
  }

  pauseForKey({ service, slot }: RefusedKey): void {
    this.pause(`Task.Unauthorized ${slot === undefined ? service : `${service}.${slot}`}`);
  }

  /** Pauses for a rule of the operator's policy: `Task.NotAllowed hours`. */
  pauseForRule(rule: string): void {
    this.pause(`${NOT_ALLOWED}${rule}`);
  }

  /** Whether it is paused for a reason that ends without an update to the sweep: a stop, or a rule of the policy. */
  get waitsForOperator(): boolean {
    return this.pausedBecause === 'stopped' || this.pausedBecause?.startsWith(NOT_ALLOWED) === true;
  }

  pauseBeyondTolerance(): void {
    if (this.mostFailed !== undefined && this.failed > this.mostFailed) this.pause('tolerance');
  }

  resume(): void {
    // A resume accepts the failures so far; only further ones pause the sweep again.
    if (this.pausedBecause === 'tolerance') this.#excuseAll = true;
    this.pausedBecause = undefined;
    if (this.#clock?.pausedAtMs === undefined) return;
    this.#clock.pausedMs += Date.now() - this.#clock.pausedAtMs;
    delete this.#clock.pausedAtMs;
  }

  /** Takes over the ledger's counts, made while nothing was in progress. */
  count({
    counts,
    waitingForBulk,
    waitingForPerson = {},
    failed,
  }: Pick<PlannedChunks, 'counts' | 'waitingForBulk' | 'waitingForPerson' | 'failed'>): void {
    this.counts = counts;
    this.waitingForPerson = waitingForPerson;
    this.waitingForBulk = waitingForBulk;
    this.failed = failed;
    if (this.#excuseAll) this.excused = failed;
    this.#excuseAll = false;
  }

  /** Adds users who got their outcome since the ledger was last counted. */
  add(outcomes: Partial<Record<Outcome, number>>): void {
    for (const outcome of OUTCOMES) {
      const users = outcomes[outcome] ?? 0;
      this.counts[outcome] += users;
      this.counts.pending -= users;
      if (outcome === 'failed' || outcome === 'unknown') this.failed += users;
    }
  }

  progress(): SweepProgress {
    const {
      sweepId,
      pausedBecause,
      counts,
      duplicates,
      rejected,
      round,
      underWay,
      waitingForBulk,
      approvedBy,
      nextTryAtMs,
    } = this;
    const { status, phase } = this.#standing();
    return {
      sweepId,
      status,
      ...(pausedBecause !== undefined && { pausedBecause }),
      counts: { ...counts },
      duplicates,
      rejected,
      ...(this.input.redriveOf !== undefined && { redriveOf: this.input.redriveOf }),
      ...(this.ended?.merkleRoot !== undefined && { merkleRoot: this.ended.merkleRoot }),
      ...(this.ended?.compensationTask !== undefined && { compensationTask: this.ended.compensationTask }),
      ...(this.cancelledBecause !== undefined && { cancelledBecause: this.cancelledBecause }),
      phase,
      round,
      underWay,
      waitingForBulk,
      ...(this.opened?.titles && { titles: this.opened.titles }),
      ...this.#waits(),
      ...(nextTryAtMs !== undefined && { nextTryAt: new Date(nextTryAtMs).toISOString() }),
      startedAt: new Date(this.startedAtMs).toISOString(),
      ...(this.dueAt !== undefined && { dueAt: this.dueAt }),
      ...this.#times(),
      ...(approvedBy !== undefined && { approvedBy }),
      ...this.#approval(),
    };
  }

  #approval(): Pick<SweepProgress, 'approvalSigned' | 'toSign'> {
    if (!this.approvalTerms) return {};
    if (this.approvedBy !== undefined) return { approvalSigned: true };
    return this.ended ? {} : { toSign: { ...this.approvalTerms, signedBy: this.signedBy } };
  }

  #waits(): Pick<SweepProgress, 'waitingForPerson'> {
    const waits = Object.entries(this.waitingForPerson);
    if (this.ended || waits.length === 0) return {};
    return {
      waitingForPerson: waits.map(([step, users]) => ({
        step,
        title: this.opened?.personSteps?.[step] ?? step,
        users,
      })),
    };
  }

  #times(): Pick<SweepProgress, 'deadline' | 'approveUntil'> {
    if (this.ended) return {};
    if (this.phase !== 'waitingForApproval' || this.approvedBy !== undefined) {
      const moves = this.isPaused && this.isTooLateAtMs === undefined;
      return moves ? {} : { deadline: new Date(this.deadlineAtMs).toISOString() };
    }
    return this.approveUntilMs === undefined ? {} : { approveUntil: new Date(this.approveUntilMs).toISOString() };
  }

  /**
   * An approved sweep no longer waits, even before the workflow has processed the update's response. For query and
   * update responses only: the history depends on `status`, as it did in the runs that are replayed.
   */
  #standing(): Pick<SweepProgress, 'status' | 'phase'> {
    const { status, phase } = this;
    if (this.ended) return { status, phase: 'ended' };
    if (this.isPaused && this.underWay === 0) return { status, phase: 'paused' };
    if (phase !== 'waitingForApproval' || this.approvedBy === undefined) return { status, phase };
    return { status: this.isPaused ? status : 'running', phase: 'users' };
  }

  carried(opened: OpenedSweep): CarriedSweep {
    const {
      startedAtMs,
      duplicates,
      rejected,
      counts,
      waitingForBulk,
      failed,
      round,
      pausedBecause,
      approvedBy,
      excused,
      nextSeq,
      children,
    } = this;
    return {
      ...{
        opened,
        startedAtMs,
        duplicates,
        rejected,
        counts,
        waitingForBulk,
        failed,
        round,
        pausedBecause,
        approvedBy,
        excused,
        nextSeq,
        children,
      },
      ...(this.#clock && { clock: this.#clock }),
      ...(this.approveUntilMs !== undefined && { approveUntilMs: this.approveUntilMs }),
      ...(this.approvalTerms && { approvalTerms: this.approvalTerms, signedBy: this.signedBy }),
      ...(this.dueAt !== undefined && { dueAt: this.dueAt }),
    };
  }
}

/** Prefix of the reason of a pause for a rule of the policy. */
const NOT_ALLOWED = 'Task.NotAllowed ';

function isMoment(deadline: string | undefined): boolean {
  return deadline !== undefined && toDurationMs(deadline) === undefined;
}
