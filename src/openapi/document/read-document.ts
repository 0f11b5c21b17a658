import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { OpenApiDocument } from './document';
import { fetchText } from './fetch-text';
import { fileReferencesIn } from './find-references';
import type { FileReference } from './find-references';
import { OpenApiError } from './openapi-error';
import { MAX_BYTES, parseText, refuseSize } from './parse-text';
import { tame } from './tame';

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
 * @throws OpenApiError with the place of what is refused or cannot be read.
 */
export async function readOpenApiDocument(location: string, options: ReadOpenApiOptions = {}): Promise<OpenApiDocument> {
  return new DocumentReader(options).read(location);
}

class DocumentReader {
  readonly #allowed: Set<string>;
  readonly #files = new Map<string, unknown>();
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
    const waiting: { from: string; reference?: FileReference; url: string }[] = [{ from: root, url: root }];
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { url, from, reference } = next;
      if (this.#files.has(url)) continue;
      if (this.#files.size >= MAX_FILES) throw new OpenApiError('', `is spread over more than ${MAX_FILES} files`);
      const value = await this.#readOne(url, (problem) => {
        throw reference ? new OpenApiError(placeIn(root, from, reference), problem) : new OpenApiError('', problem);
      });
      this.#files.set(url, value);
      for (const found of fileReferencesIn(value)) {
        if (!URL.canParse(found.file, url)) throw new OpenApiError(placeIn(root, url, found), 'its $ref is no file and no URL');
        waiting.push({ from: url, reference: found, url: new URL(found.file, url).href });
      }
    }
    return new OpenApiDocument(root, this.#files);
  }

  async #readOne(url: string, refuse: (problem: string) => never): Promise<unknown> {
    const { protocol, host } = new URL(url);
    if (!['file:', 'https:', 'http:'].includes(protocol)) refuse(`its $ref has the scheme ${protocol}, which is not followed`);
    const text = protocol === 'file:' ? await this.#readFile(url, refuse) : await this.#fetch(url, host, refuse);
    this.#bytesLeft -= Buffer.byteLength(text);
    if (this.#bytesLeft < 0) refuseSize(this.#maxBytes);
    try {
      const value = parseText(text, this.#maxBytes);
      tame(value);
      return value;
    } catch (error) {
      if (error instanceof OpenApiError && this.#files.size > 0) refuse(`the file ${url.split('/').pop()} cannot be used; ${error.message}`);
      throw error;
    }
  }

  async #readFile(url: string, refuse: (problem: string) => never): Promise<string> {
    if (this.#folder === undefined && this.#files.size > 0) refuse('its $ref names a local file, which no remote document may');
    const unread = (error: unknown): never => refuse(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
    const path = await realpathOf(url).catch(unread);
    if (!path.startsWith(`${this.#folder}${this.#folder === sep ? '' : sep}`)) {
      // The document itself may be a link to elsewhere; what it refers to may not.
      if (this.#files.size > 0) refuse("its $ref names a file outside the document's folder");
      this.#folder = dirname(path);
    }
    const found = await stat(path).catch(unread);
    if (!found.isFile()) refuse('cannot be read: it is no file');
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

/** A URL with a host, or with an encoded slash, is no name of a local file. */
async function realpathOf(url: string): Promise<string> {
  return realpath(fileURLToPath(url));
}

function placeIn(root: string, from: string, { place }: FileReference): string {
  return from === root ? place : `${from.split('/').pop()}${place}`;
}
