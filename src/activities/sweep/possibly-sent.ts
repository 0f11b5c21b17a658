import { isOpenTo } from '../../policy/converge';
import type { CallResponse, CallMove, ConvergePlan } from '../../policy/converge';
import type { StepResult } from '../../policy/offboard-result';
import type { Outcome } from '../../policy/outcome';
import { maybeDone } from '../../policy/steps/step';
import type { CompiledStep } from '../../policy/providers/compiled-plan';
import type { HttpTask } from '../../tasks/define';
import { actsOf, hasOwnIntent, isBulk } from './sweep-steps';

/** Outcomes that mean that nothing was done. They are wrong for a step with a call that may have been carried out. */
const NOT_DONE: readonly Outcome[] = ['failed', 'held'];

type Call = Pick<CallMove, 'step' | 'input'>;

/** The calls in doubt, as JSON. */
export interface SavedDoubt {
  untold: readonly string[];
  told: readonly string[];
}

/** The calls of a user that earlier attempts left in doubt. */
export interface DoubtBefore {
  /** The last attempt may have been interrupted during a call. */
  interrupted: boolean;
  /** From {@link PossiblySent.saved}. */
  saved?: SavedDoubt | undefined;
  /** The call that was recorded before it was sent, without a response. */
  intent?: { step: string; task: string } | undefined;
  /** The first step that may have been started since, empty for none; all steps when absent. */
  from?: string | undefined;
}

/**
 * The calls of one user that may have been carried out although no response was recorded: those of an earlier attempt,
 * and those that this attempt lost.
 */
export class PossiblySent {
  readonly #steps: ReadonlyMap<string, CompiledStep>;
  /** Reasons for leaving out a step that would have been done otherwise. */
  readonly #leftOut: ReadonlySet<string>;
  /** Calls (`step task`) in doubt that the machine does not know of. */
  readonly #unreported: Set<string>;
  /** Irreversible calls in doubt that it knows of: it looks, and resolves them. */
  readonly #reported: Set<string>;
  /** The call that an earlier attempt recorded and may have sent. */
  #intent: string | undefined;
  /** Of steps that make the same call for several items: the calls that the machine knows of. */
  readonly #reportedInputs = new Set<string>();

  constructor(before: DoubtBefore, plan: ConvergePlan) {
    const own = plan.plan.steps.filter((step) => !isBulk(step));
    this.#steps = new Map(own.map((step) => [step.plan.step, step]));
    this.#leftOut = new Set(['stopped', ...own.flatMap((step) => step.plan.after.map(({ reason }) => reason))]);
    const { interrupted, saved, intent, from } = before;
    const at = from === undefined ? 0 : own.findIndex((step) => step.plan.step === from);
    const begun = interrupted && !plan.dryRun && at >= 0 ? own.slice(at) : [];
    const inDoubt = begun
      .filter((step) => isOpenTo(step.plan, plan))
      .flatMap((step) =>
        actsOf(step)
          .filter((task) => !hasOwnIntent(step, task))
          .map((task) => keyOf(step.plan.step, task)),
      );
    this.#intent = intent && keyOf(intent.step, intent.task);
    this.#unreported = new Set([...inDoubt, ...(saved?.untold ?? []), ...(this.#intent ? [this.#intent] : [])]);
    this.#reported = new Set(saved?.told);
  }

  /** Whether this call must not be sent before the machine has looked (see docs/decisions/0012). */
  forbids(call: Call, task: Pick<HttpTask, 'effect' | 'name'>): boolean {
    const key = keyOf(call.step, task.name);
    if (key === this.#intent) return true;
    if (task.effect !== 'irreversible' || !this.#unreported.has(key)) return false;
    return !this.#isMany(call) || !this.#reportedInputs.has(inputOf(call, task));
  }

  /** Records a lost repeat-safe call, which is tried again. */
  lost({ step }: Call, task: Pick<HttpTask, 'name'>): void {
    this.#unreported.add(keyOf(step, task.name));
  }

  /** Records a response that the machine gets. */
  responded(call: Call, task: Pick<HttpTask, 'effect' | 'name'>, response: CallResponse): void {
    const key = keyOf(call.step, task.name);
    const isLost = !response.ok && maybeDone(response.failure);
    const wasIntended = key === this.#intent;
    if (wasIntended) this.#intent = undefined;
    if (task.effect === 'irreversible' || wasIntended) {
      if (this.#isMany(call) && !wasIntended) this.#reportedInputs.add(inputOf(call, task));
      else if (response.ok || isLost) this.#unreported.delete(key);
      if (isLost) this.#reported.add(key);
    } else if (response.ok) {
      this.#unreported.delete(key);
    } else if (task.effect === 'repeatSafe' && isLost) {
      // The machine knows it as long as it exists, and may start over in the next round.
      this.#unreported.add(key);
    }
  }

  /** Removes what the end of a step has settled. */
  settledBy(done: readonly StepResult[]): void {
    for (const key of [...this.#reported, ...this.#unreported]) {
      const results = done.filter(({ step }) => step === stepOf(key));
      if (results.length === 0) continue;
      if (!results.some(({ outcome }) => outcome === 'unknown')) this.#reported.delete(key);
      if (!results.some((result) => this.#isLeftOpen(result))) this.#unreported.delete(key);
    }
  }

  /** Whether any call is in doubt. */
  get any(): boolean {
    return this.#unreported.size > 0 || this.#reported.size > 0;
  }

  get saved(): SavedDoubt {
    return { untold: [...this.#unreported], told: [...this.#reported] };
  }

  /**
   * Returns the results, corrected by the calls in doubt that the machine does not know of (see docs/decisions/0013).
   */
  corrected(results: readonly StepResult[]): StepResult[] {
    const open = new Set([...this.#unreported].map(stepOf));
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

  /** Whether the step makes the same call for several items, each of which is in doubt separately. */
  #isMany({ step: name }: Call): boolean {
    const step = this.#steps.get(name);
    return step?.kind === 'list'
      ? step.plan.act.takes === 'item'
      : step?.kind === 'once' && step.plan.each !== undefined;
  }

  #isLeftOpen({ outcome, reason = '' }: StepResult): boolean {
    return NOT_DONE.includes(outcome) || outcome === 'unknown' || (outcome === 'skipped' && this.#leftOut.has(reason));
  }
}

function keyOf(step: string, task: string): string {
  return `${step} ${task}`;
}

function stepOf(key: string): string {
  return key.split(' ', 1)[0] ?? '';
}

function inputOf({ step, input }: Call, { name }: Pick<HttpTask, 'name'>): string {
  return `${step} ${name} ${JSON.stringify(input)}`;
}
