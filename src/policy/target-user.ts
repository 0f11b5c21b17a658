import type { z } from 'zod';
import type { Law } from './request-claims';
import type { userIds } from './offboard-input';

/** One user of a source: at least one ID, taken literally; `itemIds` only with an ID at Plaid. */
export type TargetUser = z.output<typeof userIds> & {
  itemIds?: readonly string[];
  /** When the account was closed: a date and time with its offset from UTC, as `instantMs` reads it. */
  closedAt?: string | undefined;
  /** When the user's own request was received, as `readDay` reads it. */
  receivedAt?: string | undefined;
  law?: Law | undefined;
};
