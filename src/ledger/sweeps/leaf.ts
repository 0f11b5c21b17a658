import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { leafHash } from '../../policy/merkle';
import type { Hash } from '../../policy/merkle';
import type { Store } from '../store';

/** The hash function of seals. */
export const sha256: Hash = (bytes) => createHash('sha256').update(bytes).digest();

/**
 * The sealed columns of a receipt in hash order: all except the row's own ID. Never change this list, because existing
 * seals could no longer be verified.
 */
export const SEALED_COLUMNS = [
  'workflow_id',
  'run_id',
  'activity_id',
  'seq',
  'step',
  'phase',
  'round',
  'attempt',
  'sweep_id',
  'subject',
  'task',
  'service',
  'environment',
  'key_slot',
  'outcome',
  'reason',
  'failure_type',
  'status',
  'code',
  'request_id',
  'token',
  'items',
  'at',
] as const;

/** A value of a receipt as hashed. */
export type SealedField = string | number | null;

/** A receipt as read for sealing. */
export type SealableRow = { id: number | string } & Record<(typeof SEALED_COLUMNS)[number], SealedField>;

/** Returns the columns to select. Times are read as text, because a Date would hide a change of microseconds. */
export function sealedColumns(store: Store): RawBuilder<SealableRow> {
  const columns = SEALED_COLUMNS.map((column) => (column === 'at' ? store.exactInstant(column) : sql.ref(column)));
  return sql`id, ${sql.join(columns)}`;
}

/** Returns a receipt's fields in hash order, identical for both databases. */
export function sealedFields(row: SealableRow): SealedField[] {
  return SEALED_COLUMNS.map((column) => {
    const value = row[column];
    return column === 'at' && typeof value === 'string' ? value.replace(/(\.\d{3})000Z$/, '$1Z') : value;
  });
}

/** Returns the leaf of a receipt: the domain-separated SHA-256 of the JSON array of its fields. */
export function leafOf(fields: readonly SealedField[]): Uint8Array {
  return leafHash(sha256, Buffer.from(JSON.stringify(fields)));
}
