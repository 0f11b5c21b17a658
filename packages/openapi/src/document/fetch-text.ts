import { request } from 'undici';
import { refuseSize } from './parse-text';

const TIMEOUT_MS = 15_000;

/** Fetches a document that a person named, or allowed by its host. Redirects are not followed: they could lead anywhere. */
export async function fetchText(url: string, maxBytes: number, refuse: (problem: string) => never): Promise<string> {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:' && !isLoopback(hostname))
    refuse('would be fetched over http, where anyone may change it; use https');
  const { statusCode, body } = await request(url, {
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    headers: { accept: 'application/json, application/yaml, text/yaml, */*' },
  }).catch((error: NodeJS.ErrnoException) => refuse(`cannot be fetched (${error.code ?? 'the connection failed'})`));
  if (statusCode !== 200) {
    body.on('error', () => undefined).destroy();
    refuse(`cannot be fetched: the server answered ${statusCode}`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) break;
      chunks.push(chunk);
    }
  } catch {
    refuse('cannot be fetched: the answer broke off');
  }
  return bytes > maxBytes ? refuseSize(maxBytes) : Buffer.concat(chunks).toString('utf8');
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
