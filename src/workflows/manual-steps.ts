import { condition, defineUpdate, setHandler } from '@temporalio/workflow';
import type { z } from 'zod';
import { completeStepInput } from '../policy/complete-step';
import type { CompleteStep } from '../policy/complete-step';
import { isOpenTo } from '../policy/converge';
import type { ConvergePlan, ManualMove, ManualReport } from '../policy/converge';
import { invalidInput, parseWorkflowInput } from './parse-workflow-input';

/** Reports the outcome of a manual step. */
export const completeStepUpdate = defineUpdate<CompleteStep, [z.input<typeof completeStepInput>]>('completeStep');

/** The manual steps of one run: what it waits for, and what was reported. */
export class ManualSteps {
  readonly #reports = new Map<string, ManualReport>();
  #waitsFor: ManualMove | undefined;

  /** Registers the update if the run has a manual step for this user; other runs have no such update. */
  constructor(plan: ConvergePlan) {
    const steps = plan.plan.steps.filter((step) => step.kind === 'manual' && isOpenTo(step.plan, plan));
    if (steps.length === 0 || plan.dryRun) return;
    setHandler(
      completeStepUpdate,
      (report) => {
        const { step, outcome, evidence } = report;
        this.#reports.set(step, { outcome, ...(evidence !== undefined && { evidence }) });
        return report;
      },
      {
        description: 'Report the outcome of a manual step.',
        validator: (given) => this.#refuseUnlessWaiting(given),
      },
    );
  }

  /** The manual step that the run waits for now. */
  get waitsFor(): ManualMove | undefined {
    return this.#waitsFor;
  }

  /** Waits until the step is reported; returns undefined if that does not happen in time. */
  async wait(move: ManualMove, withinMs: number): Promise<ManualReport | undefined> {
    this.#waitsFor = move;
    try {
      await condition(() => this.#reports.has(move.step), withinMs, { summary: `${move.step}: Wait for a report` });
      return this.#reports.get(move.step);
    } finally {
      this.#waitsFor = undefined;
    }
  }

  #refuseUnlessWaiting(given: unknown): void {
    const { step } = parseWorkflowInput('completeStep', completeStepInput, given);
    const current = this.#waitsFor?.step;
    if (step === current && !this.#reports.has(step)) return;
    const waiting = current === undefined ? 'no step does' : `it waits for ${current}`;
    throw invalidInput(`The run does not wait for the step ${step}; ${waiting}.`, 'step');
  }
}
