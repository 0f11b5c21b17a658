import { z } from 'zod';

/** Maximum number of IDs in one bulk call (doc.batch.com, Custom Data API). */
export const MAX_BULK_IDS = 10_000;

/**
 * Returns whether an ID can be part of a route. `.` and `..` cannot, however they are encoded: URL parsers resolve them
 * to another route. Such an ID has to be sent in the body of a bulk call.
 */
export function fitsInRoute(id: string): boolean {
  return id !== '.' && id !== '..';
}

/** Which of the configured app keys is used, for example `ios`. May be left out where there is only one. */
export const app = z
  .string()
  .min(1)
  .optional()
  .describe('The name of an app key in BATCH_API_KEYS; may be left out where there is only one.');
