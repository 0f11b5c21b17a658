import type { ColumnType } from 'kysely';

/** Written as ISO text in UTC. Postgres returns a Date. */
export type Instant = ColumnType<string | Date, string, never>;

/** The same for a column that is null at first or may change. */
export type LaterInstant = ColumnType<string | Date | null, string | null | undefined, string | null>;
