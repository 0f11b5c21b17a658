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
export interface SealableLine {
  id: number;
  workflowId: string;
  seq: number;
  step: string;
  /** The JSON array of {@link sealedFields}, as `JSON.stringify` writes it. */
  text: string;
}

/**
 * Returns receipts as one text, to be read by {@link linesIn}: for each a line with its row ID and the JSON array of its
 * sealed columns. Where only leaves are needed, this is passed on instead of 24 values for each receipt.
 */
export function sealableLines(store: Store): RawBuilder<string | null> {
  return store.joinedLines(sql`id || ${store.jsonArrayOf(SEALED_COLUMNS, ['at'])}`);
}

/** Texts that every writer of JSON writes in the same way: printable ASCII without escapes or spaces between values. */
const PLAIN = /^[!-[\]-~]*$/;

/** What a plain text of a receipt of a sweep begins with: workflow ID, no run and activity, seq, step. */
const BEGINNING = /^\["([^"]*)","","",(\d+),"([^"]*)",/;

/** Reads what {@link sealableLines} returns, in its order. */
export function linesIn(lines: string | null): SealableLine[] {
  return lines === null ? [] : lines.split('\n').map(lineIn);
}

function lineIn(line: string): SealableLine {
  const at = line.indexOf('[');
  const id = Number(line.slice(0, at));
  const sealed = line.slice(at);
  const [, workflowId, seq, step] = (PLAIN.test(sealed) && BEGINNING.exec(sealed)) || [];
  if (workflowId !== undefined && seq !== undefined && step !== undefined)
    return { id, workflowId, seq: Number(seq), step, text: inMilliseconds(sealed) };
  const fields = JSON.parse(sealed) as SealedField[];
  const text = inMilliseconds(JSON.stringify(fields));
  return { id, workflowId: String(fields[0]), seq: Number(fields[3]), step: String(fields[4]), text };
}

/** Texts of `at` have milliseconds, unless microseconds were recorded. */
function inMilliseconds(text: string): string {
  return text.endsWith('000Z"]') && /^\.\d{3}$/.test(text.slice(-10, -6)) ? `${text.slice(0, -6)}Z"]` : text;
}

/** Returns the leaf of a receipt as {@link leafOf} does. */
export function leafOfText(text: string): Uint8Array {
  return hash('sha256', `\0${text}`, 'buffer');
}
