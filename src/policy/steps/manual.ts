import type { StepResult } from '../offboard-result';
import type { CompiledManual } from '../providers/compiled-plan';
import { outcomeWhenEnded } from './step';
import type { ManualReport, Step, StepMove } from './step';

/** Waits for a report of the step's outcome. */
export class ManualWaitStep implements Step {
  readonly #step: CompiledManual;
  readonly #report: ManualReport | undefined;

  constructor(step: CompiledManual, report?: ManualReport) {
    this.#step = step;
    this.#report = report;
  }

  get name(): string {
    return this.#step.plan.step;
  }

  get task(): string {
    return this.#step.plan.task;
  }

  next(): StepMove {
    const { step, title, instructions } = this.#step.plan;
    if (!this.#report) return { kind: 'manual', step, title, instructions };
    const { outcome, evidence } = this.#report;
    const reason = outcome === 'skipped' ? { reason: 'byPerson' } : {};
    return { kind: 'done', results: [this.#result({ outcome, ...reason, ...(evidence && { token: evidence }) })] };
  }

  responded(): Step {
    return this;
  }

  reported(report: ManualReport): Step {
    return new ManualWaitStep(this.#step, report);
  }

  ended(reason: string): StepResult[] {
    return [this.#result({ outcome: outcomeWhenEnded(reason), reason })];
  }

  saved(): undefined {
    return undefined;
  }

  resumed(): Step {
    return this;
  }

  #result(result: Omit<StepResult, 'step' | 'task'>): StepResult {
    return { step: this.name, task: this.task, ...result };
  }
}
