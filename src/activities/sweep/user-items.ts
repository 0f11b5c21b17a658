import { plaid } from '../../tasks/catalogue';
import { stringsAt } from '../../tasks/define';
import type { HttpTask } from '../../tasks/define';
import type { CallAnswer } from '../../policy/converge';
import { maybeDone } from '../../policy/steps/step';

/** Which Items of a user the calls of one machine have met: what receipts say, and what must not be asked for again soon. */
export class UserItems {
  readonly #seen = new Set<string>();
  readonly #answered = new Set<string>();
  readonly #lost = new Set<string>();
  #listed: readonly string[] = [];

  note(task: HttpTask, input: Record<string, unknown>, answer: CallAnswer): void {
    if (task.name === plaid.userItemsGet.name && answer.ok) {
      this.#listed = stringsAt(answer.output, plaid.userItemsGet.itemsInOutput ?? '');
      for (const id of this.#listed) this.#seen.add(id);
    }
    if (task.name !== plaid.userItemsRemove.name) return;
    const sent = stringsAt(input, plaid.userItemsRemove.itemsField ?? '');
    if (answer.ok) for (const id of sent) this.#answered.add(id);
    else if (maybeDone(answer.failure)) for (const id of sent) this.#lost.add(id);
  }

  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** Answered as removed, or sent and no longer listed. */
  get removed(): readonly string[] {
    const gone = [...this.#lost].filter((id) => !this.#listed.includes(id));
    return [...new Set([...this.#answered, ...gone])];
  }

  /** An Item was answered as removed, and the list has not shown since that it is: it may lag behind. */
  get mayLag(): boolean {
    return this.#listed.some((id) => this.#answered.has(id));
  }
}
