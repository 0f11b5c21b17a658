import type { CallResponse, CallMove } from '../../policy/converge';
import type { CompiledList } from '../../policy/providers/compiled-plan';
import { maybeDone, saysAbsent } from '../../policy/steps/step';
import type { Step } from '../../policy/steps/step';

/** See {@link UserItems}; JSON. */
export interface SavedItems {
  seen: readonly string[];
  answered: readonly string[];
  lost: readonly string[];
  listed: readonly string[];
  requestId?: string | undefined;
}

/** The items of a user that the calls of one list step have met, for receipts. */
export class UserItems {
  readonly #step: CompiledList;
  readonly #seen: Set<string>;
  readonly #answered: Set<string>;
  readonly #lost: Set<string>;
  #listed: readonly string[];
  #requestId: string | undefined;

  constructor(step: CompiledList, saved?: SavedItems) {
    this.#step = step;
    this.#seen = new Set(saved?.seen);
    this.#answered = new Set(saved?.answered);
    this.#lost = new Set(saved?.lost);
    this.#listed = saved?.listed ?? [];
    this.#requestId = saved?.requestId;
  }

  /**
   * Records what a response shows about the items.
   *
   * @param step The step as it was when the call was made.
   * @param nowMs The time that the step gets.
   */
  note(step: Step, call: CallMove, response: CallResponse, nowMs: number): void {
    const { acting = [] } = step.items ?? {};
    if (acting.length > 0) this.#removal(acting, response);
    else if (saysAbsent(this.#step.look, response)) this.#look([]);
    else this.#look(step.answered(call, response, nowMs).items?.listed ?? []);
  }

  /** Undefined when there is nothing to save. */
  get saved(): SavedItems | undefined {
    if (this.#seen.size + this.#answered.size + this.#lost.size === 0) return undefined;
    const requestId = this.#requestId;
    return {
      seen: [...this.#seen],
      answered: [...this.#answered],
      lost: [...this.#lost],
      listed: this.#listed,
      ...(requestId !== undefined && { requestId }),
    };
  }

  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** Confirmed as removed, or sent and no longer listed. */
  get removed(): readonly string[] {
    if (this.#lost.size === 0) return [...this.#answered];
    const listed = new Set(this.#listed);
    return [...new Set([...this.#answered, ...[...this.#lost].filter((id) => !listed.has(id))])];
  }

  /** Of the last removal with a good response. */
  get requestId(): string | undefined {
    return this.#requestId;
  }

  #look(listed: readonly string[]): void {
    this.#listed = listed;
    for (const id of listed) this.#seen.add(id);
  }

  #removal(sent: readonly string[], response: CallResponse): void {
    if (response.ok) {
      for (const id of sent) this.#answered.add(id);
      this.#requestId = response.requestId;
    } else if (maybeDone(response.failure)) {
      for (const id of sent) this.#lost.add(id);
    }
  }
}
