import { hash } from 'node:crypto';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { leafHash } from '../../policy/merkle';
import type { Hash } from '../../policy/merkle';
import type { Store } from '../store';

/** The hash function of seals. */
export const sha256: Hash = (bytes) => hash('sha256', bytes, 'buffer');

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

/** A receipt as read for sealing, its sealed columns as one text. */
export interface SealableText {
  id: number | string;
  workflow_id: string;
  seq: number;
  step: string;
  /** The JSON array of the sealed columns, as the database writes it. */
  sealed: string;
}

/**
 * Returns the columns to select where only the leaf is needed: one text is passed on instead of 23 values.
 */
export function sealableText(store: Store): RawBuilder<SealableText> {
  return sql`id, workflow_id, seq, step, ${store.jsonArrayOf(SEALED_COLUMNS, ['at'])} as sealed`;
}

/** Texts that every writer of JSON writes in the same way: printable ASCII without escapes or spaces between values. */
const PLAIN = /^[!-[\]-~]*$/;

/** Returns the text that is hashed: the JSON array of {@link sealedFields}, as `JSON.stringify` writes it. */
export function sealedText({ sealed }: SealableText): string {
  const text = PLAIN.test(sealed) ? sealed : JSON.stringify(JSON.parse(sealed));
  return text.endsWith('000Z"]') ? text.replace(/(\.\d{3})000Z"\]$/, '$1Z"]') : text;
}

/** Returns the leaf of a receipt as {@link leafOf} does. */
export function leafOfText(text: string): Uint8Array {
  return hash('sha256', `\0${text}`, 'buffer');
}
