import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { request } from 'undici';
import { OpenApiDocument } from './document';
import { fileReferencesIn, namedPlacesIn } from './find-references';
import { OpenApiError } from './openapi-error';
import { MAX_BYTES, parseText, refuseSize } from './parse-text';
import { tame } from './tame';

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
    refuse(`cannot be fetched: the server responded with ${statusCode}`);
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
    refuse('cannot be fetched: the response was truncated');
  }
  return bytes > maxBytes ? refuseSize(maxBytes) : Buffer.concat(chunks).toString('utf8');
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** What a document may reach, and how large it may be. */
export interface ReadOpenApiOptions {
  /** Hosts whose files the document may refer to. @default none */
  allowHosts?: readonly string[];
  /** For all of its files together. @default 40 MB */
  maxBytes?: number;
}

const MAX_FILES = 10_000;

/**
 * Reads a document from a file or an http(s) URL, with the files that it refers to: of a local document only those below
 * its own folder, and anything remote only from hosts that are allowed (or, for a remote document, from its own).
 *
 * A file it refers to that may not or cannot be read costs only the operations that need it.
 *
 * @throws OpenApiError when the document itself cannot be read, or when all its files together are too large.
 */
export async function readOpenApiDocument(
  location: string,
  options: ReadOpenApiOptions = {},
): Promise<OpenApiDocument> {
  return new DocumentReader(options).read(location);
}

class DocumentReader {
  readonly #allowed: Set<string>;
  readonly #files = new Map<string, unknown>();
  readonly #unread = new Map<string, string>();
  /** URIs that schemas have by their `$id`: what has one is there, and is not fetched. */
  readonly #named = new Set<string>();
  readonly #maxBytes: number;
  #bytesLeft: number;
  /** The real path of the folder below which files may be read; none for a remote document. */
  #folder: string | undefined;

  constructor({ allowHosts = [], maxBytes = MAX_BYTES }: ReadOpenApiOptions) {
    this.#allowed = new Set(allowHosts.map((host) => host.toLowerCase()));
    this.#maxBytes = maxBytes;
    this.#bytesLeft = maxBytes;
  }

  async read(location: string): Promise<OpenApiDocument> {
    const root = /^https?:\/\//i.test(location) ? new URL(location).href : pathToFileURL(resolve(location)).href;
    if (root.startsWith('file:')) this.#folder = await realpath(dirname(fileURLToPath(root))).catch(() => undefined);
    else this.#allowed.add(new URL(root).host);
    const waiting = [root];
    for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
      if (this.#files.has(url) || this.#unread.has(url) || this.#named.has(url)) continue;
      if (this.#files.size + this.#unread.size >= MAX_FILES)
        throw new OpenApiError('', `is spread over more than ${MAX_FILES} files`);
      const value = await this.#readOrNote(url, url === root);
      if (value === undefined) continue;
      this.#files.set(url, value);
      for (const uri of namedPlacesIn(value, url).keys()) this.#named.add(uri);
      for (const { file } of fileReferencesIn(value))
        if (URL.canParse(file, url)) waiting.push(new URL(file, url).href);
    }
    return new OpenApiDocument(root, this.#files, this.#unread);
  }

  /** The file's value; of a file that cannot be read only the reason is kept, for those operations that need it. */
  async #readOrNote(url: string, isRoot: boolean): Promise<unknown> {
    const refusal = (problem: string): Error => {
      if (isRoot) return new OpenApiError('', problem);
      return new UnreadFile(
        /^(?:its|the) /.test(problem) ? problem : `its $ref names ${url.split('/').pop() ?? ''}, which ${problem}`,
      );
    };
    try {
      return await this.#readOne(url, (problem) => {
        throw refusal(problem);
      });
    } catch (error) {
      if (!(error instanceof UnreadFile)) throw error;
      this.#unread.set(url, error.message);
      return undefined;
    }
  }

  async #readOne(url: string, refuse: (problem: string) => never): Promise<unknown> {
    const { protocol, host } = new URL(url);
    if (!['file:', 'https:', 'http:'].includes(protocol))
      refuse(`its $ref has the scheme ${protocol}, which is not followed`);
    const text = protocol === 'file:' ? await this.#readFile(url, refuse) : await this.#fetch(url, host, refuse);
    this.#bytesLeft -= Buffer.byteLength(text);
    if (this.#bytesLeft < 0) refuseSize(this.#maxBytes);
    try {
      const value = parseText(text, this.#maxBytes);
      tame(value);
      return value;
    } catch (error) {
      if (error instanceof OpenApiError && this.#files.size > 0)
        refuse(`the file ${url.split('/').pop()} cannot be used; ${error.message}`);
      throw error;
    }
  }

  async #readFile(url: string, refuse: (problem: string) => never): Promise<string> {
    if (this.#folder === undefined && this.#files.size > 0)
      refuse('its $ref names a local file, which no remote document may');
    const unread = (error: unknown): never =>
      refuse(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
    const path = await realpathOf(url).catch(unread);
    if (!path.startsWith(`${this.#folder}${this.#folder === sep ? '' : sep}`)) {
      // The document itself may be a link to elsewhere; what it refers to may not.
      if (this.#files.size > 0) refuse("its $ref names a file outside the document's folder");
      this.#folder = dirname(path);
    }
    const found = await stat(path).catch(unread);
    if (!found.isFile()) refuse('cannot be read: it is not a file');
    if (found.size > this.#bytesLeft) refuseSize(this.#maxBytes);
    return readFile(path, 'utf8').catch(unread);
  }

  async #fetch(url: string, host: string, refuse: (problem: string) => never): Promise<string> {
    if (!this.#allowed.has(host) && !this.#allowed.has(new URL(url).hostname)) {
      refuse(`its $ref leads to ${host}, which is not among the allowed hosts`);
    }
    return fetchText(url, this.#bytesLeft, refuse);
  }
}

/** A file that the document refers to cannot be read, or may not be. */
class UnreadFile extends Error {}

/** A URL with a host, or with an encoded slash, does not name a local file. */
async function realpathOf(url: string): Promise<string> {
  return realpath(fileURLToPath(url));
}
