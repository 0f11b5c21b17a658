import type { Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';

/** One step of the schema. Never changed after its release; there are no down migrations. */
export interface Migration {
  /** A number and a name, for example `0001-receipts`. */
  name: string;
  up(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void>;
}
