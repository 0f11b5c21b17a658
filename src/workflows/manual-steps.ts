import { ApplicationFailure, condition, defineUpdate, setHandler } from '@temporalio/workflow';
import type { z } from 'zod';
import { completeStepInput } from '../policy/complete-step';
import type { CompleteStep } from '../policy/complete-step';
import { isOpenTo } from '../policy/converge';
import type { ConvergePlan, ManualMove, ManualReport } from '../policy/converge';
import type { HoldCheck } from './hold-check';
import { invalidInput, parseWorkflowInput } from './parse-workflow-input';

/** Reports the outcome of a manual step. */
export const completeStepUpdate = defineUpdate<CompleteStep, [z.input<typeof completeStepInput>]>('completeStep');

/**
 * The manual steps of one run: what it waits for, and what was reported.
 *
 * A report is checked twice: by the validator, and again after the ledger was queried for a hold, since another report may
 * have been accepted meanwhile, or the wait may have ended.
 */
export class ManualSteps {
  readonly #holds: HoldCheck;
  readonly #reports = new Map<string, ManualReport>();
  #waitsFor: { move: ManualMove; untilMs: number } | undefined;
  #isHeld = false;

  /** Registers the update if the run has a manual step for this user; other runs have no such update. */
  constructor(plan: ConvergePlan, holds: HoldCheck) {
    this.#holds = holds;
    const steps = plan.plan.steps.filter((step) => step.kind === 'manual' && isOpenTo(step.plan, plan));
    if (steps.length === 0 || plan.dryRun) return;
    setHandler(completeStepUpdate, (report) => this.#accept(report), {
      description: 'Report the outcome of a manual step.',
      validator: (given) => this.#refuseUnlessWaiting(given),
    });
  }

  /**
   * Waits until the step is reported, or a report shows that the user is on hold; returns undefined if neither happens in
   * time.
   */
  async wait(move: ManualMove, untilMs: number): Promise<ManualReport | 'held' | undefined> {
    this.#waitsFor = { move, untilMs };
    const { step } = move;
    try {
      await condition(() => this.#isHeld || this.#reports.has(step), Math.max(untilMs - Date.now(), 1), {
        summary: `${step}: Wait for a report`,
      });
      return this.#reports.get(step) ?? (this.#isHeld ? 'held' : undefined);
    } finally {
      this.#waitsFor = undefined;
    }
  }

  async #accept(report: CompleteStep): Promise<CompleteStep> {
    const { step, outcome, evidence } = report;
    if (await this.#holds.whenReported((this.#waitsFor?.untilMs ?? 0) - Date.now())) {
      this.#isHeld = true;
      throw heldFailure(step);
    }
    this.#refuseUnlessWaiting(report);
    this.#reports.set(step, { outcome, ...(evidence !== undefined && { evidence }) });
    return report;
  }

  #refuseUnlessWaiting(given: unknown): void {
    const { step } = parseWorkflowInput('completeStep', completeStepInput, given);
    const current = this.#waitsFor?.move.step;
    if (step === current && !this.#reports.has(step)) return;
    const waiting = current === undefined ? 'no step does' : `it waits for ${current}`;
    throw invalidInput(`The run does not wait for the step ${step}; ${waiting}.`, 'step');
  }
}

function heldFailure(step: string): ApplicationFailure {
  const message = `A legal hold forbids ${step} for this user. The report was not accepted, and the run ends as held; offboard the user again after the hold is lifted.`;
  return ApplicationFailure.create({
    type: 'Task.Held',
    message,
    nonRetryable: true,
    details: [{ type: 'Task.Held', service: 'http-tasks', message }],
  });
}
