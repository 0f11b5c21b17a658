import type { Observed, Truth } from '../oracle/observed';
import type { CallRecord, PlaidState, BatchState, Repeat } from '../simulators/control-responses';
import type { Simulators } from '../simulators/start-simulators';
import type { RecordedRun } from './run-trial';
import { BYSTANDER } from './scenes';
import type { MatrixUser } from './scenes';

/** Both providers at one moment, read once and then by user. */
export class ProvidersSeen {
  readonly #plaid: PlaidState;
  readonly #batch: BatchState;
  readonly #calls: { plaid: Map<string, CallRecord[]>; batch: Map<string, CallRecord[]> };
  readonly #itemsLeft: Map<string, string[]>;
  readonly #itemsRemoved: Map<string, string[]>;
  readonly #terminated: Set<string>;
  readonly #removed: Set<string>;
  readonly #gone: Record<string, Set<string>>;
  readonly #repeats: Map<string, Repeat[]>;

  constructor({ plaid, batch }: Simulators) {
    this.#plaid = plaid.state();
    this.#batch = batch.state();
    this.#calls = {
      plaid: groupBy(plaid.calls().calls, ({ user }) => user),
      batch: groupBy(batch.calls().calls, ({ user }) => user),
    };
    this.#itemsLeft = itemsBy(this.#plaid.items.left);
    this.#itemsRemoved = itemsBy(this.#plaid.items.removed);
    this.#terminated = new Set(this.#plaid.terminated.map(({ user }) => user));
    this.#removed = new Set(this.#plaid.removedUsers);
    this.#gone = Object.fromEntries(Object.entries(this.#batch.apps).map(([app, { gone }]) => [app, new Set(gone)]));
    this.#repeats = groupBy(this.#plaid.repeats.irreversible, ({ user }) => user);
  }

  /** Users for whom something was done and nothing should have been. */
  get touchedBystanders(): string[] {
    const touched = [...this.#plaid.touched, ...Object.values(this.#batch.apps).flatMap((app) => app.touched)];
    return touched.filter((id) => id.startsWith(BYSTANDER));
  }

  observed({ user, report, problem, receipts, after, refusals }: RecordedRun): Observed {
    return {
      ...(report && { report }),
      ...(problem !== undefined && { problem }),
      receipts,
      truth: { ...this.truthOf(user, after), refusals },
    };
  }

  truthOf({ plaidUserId, batchUserId }: MatrixUser, after = { plaid: 0, batch: 0 }): Omit<Truth, 'refusals'> {
    const since = (calls: readonly CallRecord[] = [], seq: number): CallRecord[] =>
      calls.filter((call) => call.seq > seq);
    return {
      itemsLeft: this.#itemsLeft.get(plaidUserId) ?? [],
      itemsRemoved: this.#itemsRemoved.get(plaidUserId) ?? [],
      productsTerminated: this.#terminated.has(plaidUserId),
      userRemoved: this.#removed.has(plaidUserId),
      batchGone: Object.fromEntries(Object.entries(this.#gone).map(([app, ids]) => [app, ids.has(batchUserId)])),
      calls: [
        ...since(this.#calls.plaid.get(plaidUserId), after.plaid),
        ...since(this.#calls.batch.get(batchUserId), after.batch),
      ],
      irreversibleRepeats: (this.#repeats.get(plaidUserId) ?? []).reduce((sum, { times }) => sum + times, 0),
      othersTouched: [],
    };
  }
}

function itemsBy(items: readonly { itemId: string; user: string }[]): Map<string, string[]> {
  return new Map([...groupBy(items, ({ user }) => user)].map(([user, own]) => [user, own.map(({ itemId }) => itemId)]));
}

/** Groups values by a key; those without one are left out. */
export function groupBy<T>(values: readonly T[], keyOf: (value: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
