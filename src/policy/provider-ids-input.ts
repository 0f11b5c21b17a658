import { z } from 'zod';
import { MOST_LISTED_IDS } from './user-ids';

/** The largest number of characters in one ID. */
const MOST_ID_CHARACTERS = 4_096;

const ID_FORM = `must be an ID of 1 to ${MOST_ID_CHARACTERS} characters, as a text, or a list of 1 to ${MOST_LISTED_IDS} of them`;

const id = z.string().min(1, ID_FORM).max(MOST_ID_CHARACTERS, ID_FORM);

const name = z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'must be a name in camelCase');

/**
 * IDs by provider. Which providers and IDs there are, and which of them are lists, only a worker knows; it refuses the
 * others.
 */
export const providerIds = z
  .record(
    name,
    z
      .record(name, z.union([id, z.array(id).min(1, ID_FORM).max(MOST_LISTED_IDS, ID_FORM)], { error: ID_FORM }))
      .refine((given) => Object.keys(given).length > 0, 'must have at least one ID'),
  )
  .refine((given) => Object.keys(given).length > 0, 'must have at least one provider');
