import { createHash, timingSafeEqual } from 'node:crypto';
import type { CodecRequest } from './codec-endpoints';

/** Lets in who sends `Authorization: Bearer TOKEN`. How long a comparison takes tells nothing about the token. */
export function requiringToken(token: string): (request: CodecRequest) => boolean {
  const expected = digest(`Bearer ${token}`);
  return ({ headers: { authorization } }) => typeof authorization === 'string' && timingSafeEqual(digest(authorization), expected);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
