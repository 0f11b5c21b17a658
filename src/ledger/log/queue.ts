import type { Kysely } from 'kysely';
import type { Tables } from '../tables';
import { storable } from '../values';
import type { LeafKind } from './leaf-kind';
import { canonicalJson } from '../../policy/canonical-json';
import type { CanonicalValue } from '../../policy/canonical-json';

/** An entry for the log whose content the caller knows. */
export interface LogEntry {
  kind: LeafKind;
  /** Which row the entry is about, to find it again; no personal data. */
  ref: string;
  /** What is hashed. Stored next to the log, where it may be deleted later. */
  content: Readonly<Record<string, CanonicalValue>>;
}

/**
 * Queues an entry for the log. Must run in the transaction that writes the row it is about; the sealer numbers it later.
 * Rows of holds, stops, sealed sweeps and receipts are queued by triggers.
 */
export async function enqueue(db: Kysely<Tables>, { kind, ref, content }: LogEntry): Promise<void> {
  await db
    .insertInto('log_queue')
    .values({ kind, ref: storable(ref), content: canonicalJson({ v: 1, kind, ...content }) })
    .execute();
}
