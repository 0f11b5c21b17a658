import type { Readable } from 'node:stream';

/** Takes out all that was written to a stream so far; from Node.js 26 on, `read()` returns one piece at a time. */
export function written(to: Readable): string {
  const pieces: unknown[] = [];
  for (let piece: unknown = to.read(); piece !== null; piece = to.read()) pieces.push(piece);
  return pieces.join('');
}
