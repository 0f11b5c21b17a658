import { randomBytes } from 'node:crypto';
import { Refusal } from '../errors';

const MOST_CHARACTERS = 200;

/** An id that tells when the sweep was started and that no other has: `sweep-20301231-235959-k3v9q1`. */
export function newSweepId(now = new Date()): string {
  const [, date = '', time = ''] = /^(.{8})T(.{6})/.exec(now.toISOString().replace(/[-:]/g, '')) ?? [];
  return `sweep-${date}-${time}-${randomBytes(4).toString('hex')}`;
}

/**
 * An id of the person's own choice, which is also the workflow's.
 *
 * @throws Refusal for one that could not be typed again or would not fit.
 */
export function checkedSweepId(id: string, name = '--id'): string {
  if (id === '' || id.length > MOST_CHARACTERS || /\p{C}/u.test(id)) {
    throw new Refusal(
      'Usage',
      `${name} must have 1 to ${MOST_CHARACTERS} characters, none of them a control character.`,
      name === '--id' ? 'id' : 'name',
    );
  }
  return id;
}
