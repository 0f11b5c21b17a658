import type { CallResponse, CallMove } from 'temporal-http-tasks/internal/policy/converge';
import { Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';

/**
 * What happens to one call. `lost`: the response never came. `unreadable`: what came was not a response of the
 * provider. `held`: a legal hold is put on the user, and stays.
 */
export type Fault =
  | 'none'
  | 'lostAfterProcessing'
  | 'lostBeforeProcessing'
  | 'unreadableAfterProcessing'
  | 'unreadableBeforeProcessing'
  | 'refused'
  | 'unauthorized'
  | 'unavailable'
  | 'held';

/** One thing that another party does to the user, at a simulated time. */
export interface OtherActor {
  atMs: number;
  removes: { item: string } | 'user';
}

/** How the simulated providers behave. */
export interface ProviderScript {
  /** The user's Items; a user without any exists too. `undefined`: Plaid does not know the user. */
  items?: readonly string[];
  /** Items of other people. */
  foreignItems?: readonly string[];
  /** A removed Item is listed for so long; per Item, in the order in which they are removed, the last one for all others. */
  lagsMs?: readonly number[];
  /** Looks reach copies of the list that are so far behind, in turn and from the first again. */
  copiesBehindMs?: readonly number[];
  /** What happens to the calls, in their order; the calls after these get good responses. */
  faults?: readonly Fault[];
  /** The last fault repeats forever. */
  lastFaultStays?: boolean;
  /** Plaid refuses every removal of Items. */
  refusesRemovals?: boolean;
  /** How much later a call whose response was lost may be processed. */
  lateMs?: number;
  /** How long a call takes. */
  callMs?: number;
  others?: readonly OtherActor[];
  /** A GDPR request is done so long after it was filed. */
  gdprMs?: number;
  gdprError?: string;
}

/** One call as the providers saw it. */
export interface SeenCall {
  atMs: number;
  task: string;
  input: Record<string, unknown>;
  response: CallResponse;
}

const catalogue = new Catalogue();
const NOT_THERE = 'USER_NOT_FOUND';

/** Plaid and Batch as state and a clock; no server, no time that really passes. */
export class SimulatedProviders {
  readonly calls: SeenCall[] = [];
  readonly #script: ProviderScript;
  readonly #removedAt = new Map<string, { atMs: number; lagMs: number }>();
  #userGoneAtMs = Infinity;
  #gdprFiledAtMs = 0;
  #held = false;

  constructor(script: ProviderScript) {
    this.#script = script;
    if (!script.items) this.#userGoneAtMs = -Infinity;
    for (const { atMs, removes } of script.others ?? []) {
      if (removes === 'user') this.#userGoneAtMs = Math.min(this.#userGoneAtMs, atMs);
      else if (script.items?.includes(removes.item)) this.#remove(removes.item, atMs);
    }
  }

  get callMs(): number {
    return this.#script.callMs ?? 100;
  }

  /** The user's Items that still exist, whatever a list says. */
  itemsLeft(atMs: number): string[] {
    if (this.#userGoneAtMs <= atMs) return [];
    return (this.#script.items ?? []).filter((id) => (this.#removedAt.get(id)?.atMs ?? Infinity) > atMs);
  }

  userLeft(atMs: number): boolean {
    return this.#userGoneAtMs > atMs;
  }

  /** Carries out a call, or does not, and returns what its caller would learn. */
  respond(call: CallMove, atMs: number): CallResponse {
    const response = this.#respond(call, atMs);
    this.calls.push({ atMs, task: call.task, input: call.input, response });
    return response;
  }

  #respond(call: CallMove, atMs: number): CallResponse {
    const fault = this.#nextFault();
    if (fault === 'held') this.#held = true;
    // Only what changes something can be held.
    if (this.#held && catalogue.find(call.task)?.effect !== 'read') return refusal(call, 'Task.Held');
    switch (fault) {
      case 'none':
      case 'held':
        return this.#process(call, atMs);
      case 'lostAfterProcessing':
        this.#process(call, atMs + (this.#script.lateMs ?? 0));
        return refusal(call, lostType(call));
      case 'lostBeforeProcessing':
        return refusal(call, lostType(call));
      case 'unreadableAfterProcessing':
        this.#process(call, atMs + (this.#script.lateMs ?? 0));
        return refusal(call, 'Task.UnexpectedResponse');
      case 'unreadableBeforeProcessing':
        return refusal(call, 'Task.UnexpectedResponse');
      case 'refused':
        return refusal(call, 'Task.Rejected', 'SOME_REFUSAL');
      case 'unauthorized':
        return refusal(call, 'Task.Unauthorized', 'INVALID_API_KEYS');
      case 'unavailable':
        return refusal(call, 'Task.Unavailable');
    }
  }

  #nextFault(): Fault {
    const { faults = [], lastFaultStays } = this.#script;
    const scripted = faults[this.calls.length];
    if (scripted) return scripted;
    return (lastFaultStays && faults.at(-1)) || 'none';
  }

  #process(call: CallMove, atMs: number): CallResponse {
    switch (call.task) {
      case 'plaid.userItemsGet':
        return this.#ifUser(call, atMs, () => ({
          items: this.#listed(atMs).map((id) => ({ item_id: id })),
          request_id: 'look',
        }));
      case 'plaid.userItemsRemove':
        return this.#ifUser(call, atMs, () => this.#removeItems(call, atMs));
      case 'plaid.userProductsTerminate':
        return this.#ifUser(call, atMs, () => ({ request_id: 'products' }));
      case 'plaid.userRemove':
        return this.#ifUser(call, atMs, () => {
          this.#userGoneAtMs = atMs;
          return { request_id: 'user' };
        });
      case 'batch.gdprRequestCreate':
        this.#gdprFiledAtMs ||= atMs;
        return good({ token: 'gdpr-1' });
      case 'batch.gdprRequestGet': {
        const done = atMs >= this.#gdprFiledAtMs + (this.#script.gdprMs ?? 0);
        return good(done ? { status: 'done', error: this.#script.gdprError } : { status: 'pending' });
      }
      default:
        return good({ token: 'batch-1' });
    }
  }

  #ifUser(call: CallMove, atMs: number, act: () => Record<string, unknown> | CallResponse): CallResponse {
    if (!this.userLeft(atMs)) return refusal(call, 'Task.Rejected', NOT_THERE);
    const done = act();
    return 'ok' in done ? (done as CallResponse) : good(done);
  }

  /** All or nothing, as Plaid has it. */
  #removeItems(call: CallMove, atMs: number): Record<string, unknown> | CallResponse {
    if (this.#script.refusesRemovals) return refusal(call, 'Task.Rejected', 'SOME_REFUSAL');
    const ids = call.input.item_ids as string[];
    const left = this.itemsLeft(atMs);
    if (!ids.every((id) => left.includes(id))) return refusal(call, 'Task.Rejected', 'ITEM_NOT_FOUND');
    for (const id of ids) this.#remove(id, atMs);
    return { request_id: 'removal' };
  }

  #remove(id: string, atMs: number): void {
    const { lagsMs = [0] } = this.#script;
    const known = this.#removedAt.get(id);
    if (known && known.atMs <= atMs) return;
    this.#removedAt.set(id, { atMs, lagMs: lagsMs[this.#removedAt.size] ?? lagsMs.at(-1) ?? 0 });
  }

  #listed(atMs: number): string[] {
    const { copiesBehindMs = [0] } = this.#script;
    const looks = this.calls.filter(({ task }) => task === 'plaid.userItemsGet').length;
    const behindMs = copiesBehindMs[looks % copiesBehindMs.length] ?? 0;
    return (this.#script.items ?? []).filter((id) => {
      const removed = this.#removedAt.get(id);
      return !removed || removed.atMs + Math.max(removed.lagMs, behindMs) > atMs;
    });
  }
}

function good(output: Record<string, unknown>): CallResponse {
  const { request_id: requestId, token } = output as { request_id?: string; token?: string };
  return { ok: true, output, attempt: 1, requestId, token };
}

function refusal(call: CallMove, type: TaskFailure['type'], code?: string): CallResponse {
  return {
    ok: false,
    failure: { type, service: 'simulated', task: call.task, code, requestId: 'refusal', message: 'It failed.' },
  };
}

/** A read or repeatable call is retried by Temporal until its time is over; only an irreversible one is left open. */
function lostType(call: CallMove): TaskFailure['type'] {
  return catalogue.find(call.task)?.effect === 'irreversible' ? 'Task.OutcomeUnknown' : 'Task.Unavailable';
}
