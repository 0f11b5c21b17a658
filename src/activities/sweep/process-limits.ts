import { DEFAULT_WORK_LIMITS } from '../../config/process-settings';
import type { WorkLimits } from '../../config/process-settings';
import { KeySlot } from './key-slot';
import { OpenUserBudget } from './open-user-budget';

/**
 * Limits that all chunks of a process share, so that many of them together load ledger and providers no more than one.
 */
export class ProcessLimits {
  /** After a crash, the users with an open intent have to be checked again. */
  readonly openUsers: OpenUserBudget;
  readonly #callsPerKey: number;
  readonly #slots = new Map<string, KeySlot>();

  constructor({ openUsers, callsPerKey }: Pick<WorkLimits, 'openUsers' | 'callsPerKey'> = DEFAULT_WORK_LIMITS) {
    this.openUsers = new OpenUserBudget(openUsers);
    this.#callsPerKey = callsPerKey;
  }

  /** Returns the gate of one key of a service; a service with one key has no slot. */
  keySlot(service: string, slot?: string): KeySlot {
    const name = slot === undefined ? service : `${service} ${slot}`;
    let found = this.#slots.get(name);
    if (!found) {
      found = new KeySlot({ service, ...(slot !== undefined && { slot }) }, this.#callsPerKey);
      this.#slots.set(name, found);
    }
    return found;
  }
}
