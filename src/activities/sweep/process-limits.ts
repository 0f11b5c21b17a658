import { KeySlot } from './key-slot';
import { OpenUserBudget } from './open-user-budget';

/** What all chunks of a process share, so that many of them together strain ledger and providers no more than one. */
export class ProcessLimits {
  /** After a crash, the users with an open intent have to be looked at again. */
  readonly openUsers = new OpenUserBudget(250);
  readonly #slots = new Map<string, KeySlot>();

  /** The gate of one key of a service; a service with one key has no slot. */
  keySlot(service: string, slot?: string): KeySlot {
    const name = slot === undefined ? service : `${service} ${slot}`;
    let found = this.#slots.get(name);
    if (!found) {
      found = new KeySlot({ service, ...(slot !== undefined && { slot }) });
      this.#slots.set(name, found);
    }
    return found;
  }
}
