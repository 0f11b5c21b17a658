import { isOpenTo } from '../../policy/converge';
import type { CallAnswer, ConvergePlan } from '../../policy/converge';
import type { StepResult } from '../../policy/offboard-result';
import type { Outcome } from '../../policy/outcome';
import { maybeDone } from '../../policy/steps/step';
import type { CompiledStep } from '../../policy/providers/compiled-plan';
import type { HttpTask } from '../../tasks/define';

/** Outcomes that say: nothing was done. They are wrong for a step of which a call may have been carried out. */
const NOT_DONE: readonly Outcome[] = ['failed', 'held'];

/**
 * The calls of one user that may have been carried out although nobody recorded an answer: those of an earlier attempt,
 * which left an intent without an outcome, and those that this attempt lost.
 */
export class PerhapsSent {
  /** The step of each task that changes something. */
  readonly #steps: ReadonlyMap<string, string>;
  /** Why a step is left out that would have been done otherwise. */
  readonly #leftOut: ReadonlySet<string>;
  /** Tasks of which the machine does not know it. */
  readonly #untold: Set<string>;
  /** Irreversible tasks of which it does: it looks, and settles them. */
  readonly #told = new Set<string>();

  constructor(unsettled: boolean, plan: ConvergePlan) {
    const own = plan.plan.steps.filter((step) => !isBulk(step));
    this.#steps = new Map(
      own.flatMap((step) => (step.kind === 'manual' ? [] : [[step.act.name, step.plan.step] as const])),
    );
    this.#leftOut = new Set(['stopped', ...own.flatMap((step) => step.plan.after.map(({ reason }) => reason))]);
    const open = plan.dryRun ? [] : own.filter((step) => isOpenTo(step.plan, plan));
    this.#untold = new Set(unsettled ? open.flatMap((step) => (step.kind === 'manual' ? [] : [step.act.name])) : []);
  }

  /** Whether this call must not be sent before the machine has looked (see docs/decisions/0012). */
  forbids(task: HttpTask): boolean {
    return task.effect === 'irreversible' && this.#untold.has(task.name);
  }

  /** A repeat-safe call got lost, and is tried again. */
  lost(task: HttpTask): void {
    this.#untold.add(task.name);
  }

  /** The machine is given this answer. */
  answered(task: HttpTask, answer: CallAnswer): void {
    if (task.effect === 'irreversible') {
      if (answer.ok || maybeDone(answer.failure)) this.#untold.delete(task.name);
      if (!answer.ok && maybeDone(answer.failure)) this.#told.add(task.name);
    } else if (answer.ok) {
      this.#untold.delete(task.name);
    } else if (task.effect === 'repeatSafe' && maybeDone(answer.failure)) {
      // The machine knows it as long as it lives, and begins anew in the next round.
      this.#untold.add(task.name);
    }
  }

  /** Forgets what the end of a step has settled. */
  settledBy(done: readonly StepResult[]): void {
    for (const task of [...this.#told, ...this.#untold]) {
      const results = done.filter(({ step }) => step === this.#steps.get(task));
      if (results.length === 0) continue;
      if (!results.some(({ outcome }) => outcome === 'unknown')) this.#told.delete(task);
      if (!results.some((result) => this.#isLeftOpen(result))) this.#untold.delete(task);
    }
  }

  /** Whether there is any such call. */
  get any(): boolean {
    return this.#untold.size > 0 || this.#told.size > 0;
  }

  /** The results as they are when what the machine does not know is taken into account (see docs/decisions/0013). */
  corrected(results: readonly StepResult[]): StepResult[] {
    const open = new Set([...this.#untold].map((task) => this.#steps.get(task)));
    if (open.size === 0) return [...results];
    return results.map((result) => {
      if (!open.has(result.step) || !this.#isLeftOpen(result) || result.outcome === 'unknown') return result;
      return {
        ...result,
        outcome: 'unknown',
        reason: result.outcome === 'held' ? 'heldBeforeItWasSettled' : 'perhapsSentBefore',
      };
    });
  }

  #isLeftOpen({ outcome, reason = '' }: StepResult): boolean {
    return NOT_DONE.includes(outcome) || outcome === 'unknown' || (outcome === 'skipped' && this.#leftOut.has(reason));
  }
}

/** Whether a sweep does the step by a call for many users, and not for one. */
function isBulk(step: CompiledStep): boolean {
  return step.kind === 'once' && step.bulk !== undefined;
}
