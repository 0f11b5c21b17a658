/** A body is longer than it may be. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/**
 * Reads a body to its end as text.
 *
 * @throws BodyTooLargeError as soon as it is longer than `maxBytes`; the rest stays unread, and the request open for its
 *   answer.
 */
export async function readText({ body }: Request, maxBytes: number): Promise<string> {
  if (!body) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Not `for await`: it would cancel the body when it is left early, and a server then breaks the connection off.
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.length;
    if (length > maxBytes) throw new BodyTooLargeError(`More than ${maxBytes} bytes.`);
    chunks.push(read.value);
  }
  return Buffer.concat(chunks).toString('utf8');
}
