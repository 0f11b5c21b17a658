import { isDeepStrictEqual } from 'node:util';
import { SEALED_COLUMNS } from 'temporal-http-tasks/internal/ledger/sweeps/receipt-leaf';
import type { SealedField } from 'temporal-http-tasks/internal/ledger/sweeps/receipt-leaf';
import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import { OUTCOMES, rankOf } from 'temporal-http-tasks/internal/policy/outcome';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { TREE } from './write-version-1';

/** A field of the first line of a bundle that its receipts contradict. */
export interface HeaderDifference {
  kind: 'header';
  field: string;
  found: string | number;
  expected: string | number;
}

/** Tolerated difference between the clocks of two machines, in milliseconds. */
const CLOCKS_DIFFER_MS = 3_600_000;

/** Fields that are checked elsewhere, or that describe the format. */
const OF_FORMAT: readonly string[] = ['bundle', 'version', 'merkleRoot', 'leaves', 'tree', 'fields'];

/**
 * Compares the first line of a bundle with the receipts that are proven to be under its root. What the receipts
 * contradict is a difference; what they do not prove, including any field that this version does not know, is reported
 * as not proven.
 */
export class BundleHeader {
  readonly #header: Readonly<Record<string, unknown>>;
  /** The worst settled outcome of each user, as its rank; undefined for a user with other receipts only. */
  readonly #worst = new Map<number, number | undefined>();
  #sweepIds = new Set<string>();
  #lastSeq = -1;
  #first: string | undefined;
  #last: string | undefined;

  constructor(header: Readonly<Record<string, unknown>>) {
    this.#header = header;
  }

  /** Adds the fields of a receipt that is proven. */
  add(fields: readonly SealedField[]): void {
    const valueOf = (column: (typeof SEALED_COLUMNS)[number]): SealedField =>
      fields[SEALED_COLUMNS.indexOf(column)] ?? null;
    for (const column of ['workflow_id', 'sweep_id'] as const)
      if (this.#sweepIds.size < 2) this.#sweepIds.add(String(valueOf(column)));
    const seq = Number(valueOf('seq'));
    this.#lastSeq = Math.max(this.#lastSeq, seq);
    const outcome = valueOf('outcome');
    const rank = valueOf('phase') === 'settled' && isOutcome(outcome) ? rankOf(outcome) : undefined;
    const before = this.#worst.get(seq);
    this.#worst.set(seq, rank === undefined ? before : Math.min(rank, before ?? rank));
    const at = String(valueOf('at'));
    if (this.#first === undefined || at < this.#first) this.#first = at;
    if (this.#last === undefined || at > this.#last) this.#last = at;
  }

  /** @param isWhole Every sealed receipt is in the bundle. */
  differences(isWhole: boolean): HeaderDifference[] {
    const { sweepId, tree, fields } = this.#header;
    return [
      ...[...this.#sweepIds].filter((id) => id !== sweepId).map((id) => difference('sweepId', sweepId, id)),
      ...(tree === undefined || tree === TREE ? [] : [difference('tree', tree, TREE)]),
      ...(fields === undefined || isDeepStrictEqual(fields, SEALED_COLUMNS)
        ? []
        : [difference('fields', fields, JSON.stringify(SEALED_COLUMNS))]),
      ...this.#ofUsers(isWhole),
      ...this.#ofStatus(isWhole),
      ...this.#ofTimes(),
    ];
  }

  /** The fields that the receipts neither prove nor contradict. `receipt` is the row ID on each line, which is not sealed. */
  get notProven(): string[] {
    const proven = this.#sweepIds.size === 0 ? OF_FORMAT : [...OF_FORMAT, 'sweepId'];
    const left = Object.keys(this.#header).filter((field) => !proven.includes(field));
    return this.#sweepIds.size === 0 ? left : [...left, 'receipt'];
  }

  #ofUsers(isWhole: boolean): HeaderDifference[] {
    const { users, counts } = this.#header;
    if (users === undefined) return [];
    if (!isCount(users)) return [difference('users', users, 'a number')];
    if (users <= this.#lastSeq) return [difference('users', users, `at least ${this.#lastSeq + 1}`)];
    if (counts === undefined) return [];
    const stated = isCounts(counts) ? counts : {};
    const sum = Object.values(stated).reduce((total, count) => total + count, 0);
    if (sum !== users) return [difference('users', users, sum)];
    return isWhole ? this.#ofCounts(stated, users) : [];
  }

  /** A user without a receipt was left out when the source was read: it counts as skipped. */
  #ofCounts(stated: Readonly<Record<string, number>>, users: number): HeaderDifference[] {
    const ranks = [...this.#worst.values()];
    return OUTCOMES.flatMap((outcome) => {
      const withReceipt = ranks.filter((rank) => rank === rankOf(outcome)).length;
      const expected = outcome === 'skipped' ? withReceipt + users - this.#worst.size : withReceipt;
      return (stated[outcome] ?? 0) === expected
        ? []
        : [difference(`counts.${outcome}`, stated[outcome] ?? 0, expected)];
    });
  }

  #ofStatus(isWhole: boolean): HeaderDifference[] {
    const { status } = this.#header;
    const ranks = new Set(this.#worst.values());
    const has = (outcome: Outcome): boolean => ranks.has(rankOf(outcome));
    if (status === 'completed' && (has('failed') || has('unknown')))
      return [difference('status', status, 'not completed: users failed')];
    // In a part, a receipt that is missing could have been the worst of its user.
    if (status !== 'failed' || !isWhole) return [];
    if (OUTCOMES.some((outcome) => isGood(outcome) && has(outcome)))
      return [difference('status', status, 'not failed: users succeeded')];
    return has('failed') ? [] : [difference('status', status, 'not failed: no user failed')];
  }

  #ofTimes(): HeaderDifference[] {
    const { createdAt, endedAt } = this.#header;
    const [first, last] = [this.#first, this.#last];
    if (first === undefined || last === undefined) return [];
    return [
      ...(createdAt !== undefined && !(timeOf(createdAt) <= timeOf(first) + CLOCKS_DIFFER_MS)
        ? [difference('createdAt', createdAt, `at the latest ${first}`)]
        : []),
      ...(endedAt !== undefined && !(timeOf(endedAt) >= timeOf(last) - CLOCKS_DIFFER_MS)
        ? [difference('endedAt', endedAt, `at the earliest ${last}`)]
        : []),
    ];
  }
}

/** Returns a time in milliseconds; NaN, which is neither before nor after any time, for what is not a time. */
function timeOf(value: unknown): number {
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}

function difference(field: string, found: unknown, expected: string | number): HeaderDifference {
  return {
    kind: 'header',
    field,
    found: typeof found === 'number' ? found : typeof found === 'string' ? found : JSON.stringify(found),
    expected,
  };
}

function isOutcome(value: unknown): value is Outcome {
  return (OUTCOMES as readonly unknown[]).includes(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: unknown): value is Record<string, number> {
  return typeof value === 'object' && value !== null && Object.values(value).every(isCount);
}
