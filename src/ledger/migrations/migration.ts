import type { Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';

/** One step forward of the schema. Once released it is never changed; there is no way back. */
export interface Migration {
  /** A number and a name, for example `0001-receipts`. */
  name: string;
  up(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void>;
}
