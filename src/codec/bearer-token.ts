import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authorize } from './codec-handler';

/** Allows callers that send `Authorization: Bearer TOKEN`, compared in constant time. */
export function requiringToken(token: string): Authorize {
  const expected = digest(`Bearer ${token}`);
  return ({ headers }) => timingSafeEqual(digest(headers.get('authorization') ?? ''), expected);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
