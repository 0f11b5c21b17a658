/** A body exceeds the maximum size. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/**
 * Reads a whole body as text.
 *
 * @throws BodyTooLargeError as soon as it is longer than `maxBytes`. The rest is not read, and the request can still be
 * responded to.
 */
export async function readText({ body }: Request, maxBytes: number): Promise<string> {
  if (!body) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  // `for await` would cancel the body when it exits early, and a server then closes the connection.
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.length;
    if (length > maxBytes) throw new BodyTooLargeError(`More than ${maxBytes} bytes.`);
    chunks.push(read.value);
  }
  return Buffer.concat(chunks).toString('utf8');
}
