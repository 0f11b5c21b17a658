import type { CallAnswer, CallMove } from '../../policy/converge';
import { maybeDone } from '../../policy/steps/step';
import { plaid } from '../../tasks/catalogue';
import { stringsAt } from '../../tasks/define';

/** Which Items of a user the calls of one attempt have met, for what receipts say of them. */
export class UserItems {
  readonly #seen = new Set<string>();
  readonly #answered = new Set<string>();
  readonly #lost = new Set<string>();
  #listed: readonly string[] = [];
  #requestId: string | undefined;

  note({ task, input }: CallMove, answer: CallAnswer): void {
    if (task === plaid.userItemsGet.name) {
      if (answer.ok) this.#look(stringsAt(answer.output, plaid.userItemsGet.itemsInOutput ?? ''));
      else if (plaid.userItemsGet.absentCodes.includes(answer.failure.code ?? '')) this.#look([]);
    } else if (task === plaid.userItemsRemove.name) {
      this.#removal(stringsAt(input, plaid.userItemsRemove.itemsField ?? ''), answer);
    }
  }

  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** Answered as removed, or sent and no longer listed. */
  get removed(): readonly string[] {
    if (this.#lost.size === 0) return [...this.#answered];
    const gone = [...this.#lost].filter((id) => !this.#listed.includes(id));
    return [...new Set([...this.#answered, ...gone])];
  }

  /** Of the last removal that was answered well. */
  get requestId(): string | undefined {
    return this.#requestId;
  }

  #look(listed: readonly string[]): void {
    this.#listed = listed;
    for (const id of listed) this.#seen.add(id);
  }

  #removal(sent: readonly string[], answer: CallAnswer): void {
    if (answer.ok) {
      for (const id of sent) this.#answered.add(id);
      this.#requestId = answer.requestId;
    } else if (maybeDone(answer.failure)) {
      for (const id of sent) this.#lost.add(id);
    }
  }
}
