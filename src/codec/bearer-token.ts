import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authorize } from './codec-handler';

/** Lets in who sends `Authorization: Bearer TOKEN`. How long a comparison takes tells nothing about the token. */
export function requiringToken(token: string): Authorize {
  const expected = digest(`Bearer ${token}`);
  return ({ headers }) => timingSafeEqual(digest(headers.get('authorization') ?? ''), expected);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
