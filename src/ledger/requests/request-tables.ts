import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

/** Requests to be deleted. */
export interface RequestsTable {
  id: GeneratedAlways<number>;
  workflow_id: string;
  /** Empty for a sweep. */
  first_run: string;
  /** The user's number in its sweep; -1 for anything else. */
  seq: number;
  /** A JSON array of keyed hashes. */
  subjects: string;
  /** A JSON object of environments by service. */
  environments: string;
  /** Encrypted. */
  reference: string | null;
  law: string;
  received_at: ColumnType<string | Date | null, string | null, never>;
  received_as: string | null;
  due_at: LaterInstant;
  requested_by: string | null;
  reason: string | null;
  recorded_at: Instant;
  extended_at: LaterInstant;
  extended_by: string | null;
  extension_reason: string | null;
  refused_at: LaterInstant;
  refused_by: string | null;
  refusal_reason: string | null;
  outcome: string | null;
  ended_at: LaterInstant;
  /** 0 or 1. */
  done: Generated<number>;
}

/** Notices that workers send. */
export interface NoticesTable {
  notice_id: string;
  kind: string;
  /** A sweep; null for a notice about all of them, or about requests. */
  about: string | null;
  at: Instant;
  sent_at: LaterInstant;
  claimed_until_ms: Generated<number>;
  tries: Generated<number>;
}

/** Written as ISO text in UTC. Postgres returns a Date. */
export type Instant = ColumnType<string | Date, string, never>;

/** The same for a column that is null at first or may change. */
export type LaterInstant = ColumnType<string | Date | null, string | null | undefined, string | null>;
