import type { ReceiptOutcome } from '../ledger';
import type { ReceiptGroup } from './summary-types';

/**
 * Maximum number of groups. More would not be readable, and a provider that invents codes must not exhaust the memory.
 */
const MAX_GROUPS = 1_000;

/** In milliseconds. */
interface Span {
  first: number;
  last: number;
}

/** A group as aggregated by the database for a slice of users. */
export interface GroupRow {
  phase: ReceiptGroup['phase'];
  step: string;
  task: string;
  service: string;
  environment: string;
  key_slot: string | null;
  outcome: ReceiptOutcome;
  reason: string | null;
  failure_type: ReceiptGroup['failureType'] | null;
  status: number | null;
  code: string | null;
  receipts: number | string;
  with_proof: number | string;
  first_at: string | Date;
  last_at: string | Date;
}

/** Sums the groups of all slices. */
export class GroupTally {
  readonly #groups = new Map<string, ReceiptGroup>();
  #span: Span | undefined;

  add(row: GroupRow): void {
    const key = keyOf(row);
    if (this.#groups.has(key) || this.#groups.size < MAX_GROUPS) this.#count(key, row, toGroup(row));
    else this.#count(keyOf({ ...row, reason: null, status: null, code: null }, 'various'), row, variousOf(row));
    if (row.phase === 'settled') this.#widen(new Date(row.first_at).getTime(), new Date(row.last_at).getTime());
  }

  #count(key: string, row: GroupRow, fresh: ReceiptGroup): void {
    const group = this.#groups.get(key) ?? fresh;
    group.receipts += Number(row.receipts);
    group.withProof += Number(row.with_proof);
    this.#groups.set(key, group);
  }

  #widen(first: number, last: number): void {
    this.#span = { first: Math.min(first, this.#span?.first ?? first), last: Math.max(last, this.#span?.last ?? last) };
  }

  /** By number of receipts, then in a fixed order, which no database guarantees. */
  get mostFirst(): ReceiptGroup[] {
    const groups = [...this.#groups].sort(
      ([a, { receipts: ofA }], [b, { receipts: ofB }]) => ofB - ofA || (a < b ? -1 : 1),
    );
    return groups.map(([, group]) => group);
  }

  /** From the first settled receipt to the last. */
  get settledSpan(): Span | undefined {
    return this.#span;
  }
}

function keyOf(row: GroupRow, kind = ''): string {
  const { phase, step, task, service, environment, key_slot, outcome, reason, failure_type, status, code } = row;
  return JSON.stringify([
    kind,
    phase,
    step,
    task,
    service,
    environment,
    key_slot,
    outcome,
    reason,
    failure_type,
    status,
    code,
  ]);
}

function toGroup(row: GroupRow): ReceiptGroup {
  return {
    ...withoutDetails(row),
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.status !== null && { status: row.status }),
    ...(row.code !== null && { code: row.code }),
  };
}

function variousOf(row: GroupRow): ReceiptGroup {
  return { ...withoutDetails(row), various: true };
}

function withoutDetails({
  phase,
  step,
  task,
  service,
  environment,
  key_slot,
  outcome,
  failure_type,
}: GroupRow): ReceiptGroup {
  return {
    phase,
    step,
    task,
    service,
    environment,
    ...(key_slot !== null && { keySlot: key_slot }),
    outcome,
    ...(failure_type !== null && { failureType: failure_type }),
    receipts: 0,
    withProof: 0,
  };
}
