import { receiptsMigration } from './0001-receipts';
import { holdsMigration } from './0002-holds';
import type { Migration } from './migration';

/** Every migration, oldest first. New ones are appended. */
export const migrations: readonly Migration[] = [receiptsMigration, holdsMigration];
