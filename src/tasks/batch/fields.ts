import { z } from 'zod';

/** The longest custom user id that Batch takes ("less than 1024 characters", doc.batch.com). */
export const MAX_CUSTOM_USER_ID_CHARACTERS = 1_023;

/** The most ids of one bulk call (doc.batch.com, Custom Data API). */
export const MAX_BULK_IDS = 10_000;

/**
 * A custom user id at Batch. It is sent exactly as given: case and white space count, so it is never trimmed or
 * lower-cased. Half a surrogate pair is refused because no URL or JSON text can carry it.
 */
export const customUserId = z
  .string()
  .min(1, 'must not be empty')
  .refine(
    (id) => id.length <= MAX_CUSTOM_USER_ID_CHARACTERS || [...id].length <= MAX_CUSTOM_USER_ID_CHARACTERS,
    `must have at most ${MAX_CUSTOM_USER_ID_CHARACTERS} characters`,
  )
  .refine((id) => !/\p{Surrogate}/u.test(id), 'must be well-formed Unicode; it holds half of a surrogate pair')
  .describe('A custom user id, exactly as your app gave it to Batch.');

/**
 * Whether an id can stand in a route. `.` and `..` cannot, however they are encoded: URL parsers on the way resolve
 * them to another route. Such an id has to go out in the body of a bulk call.
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
