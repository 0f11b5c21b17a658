import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namedPlacesIn } from './find-references';
import type { NamedPlace } from './find-references';
import { OpenApiError } from './openapi-error';
import { parseText } from './parse-text';
import { tame } from './tame';

/** The name of a document that came without a file or URL. */
const IN_MEMORY = 'memory:/document';

/** An OpenAPI document with the files it refers to, parsed and safe to walk. Made by {@link openDocument}, or read from files. */
export class OpenApiDocument {
  /** Where its first file came from, as a URL. */
  readonly location: string;
  readonly #files: ReadonlyMap<string, unknown>;
  readonly #unread: ReadonlyMap<string, string>;
  #named: ReadonlyMap<string, NamedPlace> | undefined;

  /** @param unread files that it refers to and that could not be read, with the reason for each. */
  constructor(location: string, files: ReadonlyMap<string, unknown>, unread: ReadonlyMap<string, string> = new Map()) {
    this.location = location;
    this.#files = files;
    this.#unread = unread;
    refuseUnlessOpenApi(this.file(location), location);
  }

  /** `3.0` or `3.1`; 3.2 is read as far as it equals 3.1. */
  get version(): '3.0' | '3.1' {
    return versionOf((this.file(this.location) as { openapi: unknown }).openapi).startsWith('3.0') ? '3.0' : '3.1';
  }

  /** Whether the version has features that are not read. */
  get isNewer(): boolean {
    return versionOf((this.file(this.location) as { openapi: unknown }).openapi).startsWith('3.2');
  }

  /** Where its files came from, the first one first. */
  get locations(): string[] {
    return [...this.#files.keys()];
  }

  /** Returns the content of one of its files; undefined if it has no such file. */
  file(location: string): unknown {
    return this.#files.get(location);
  }

  /** The schema that has this URI by its `$id`, `$anchor` or `$dynamicAnchor`; OpenAPI 3.0 has none of them. */
  named(uri: string): NamedPlace | undefined {
    if (this.version === '3.0') return undefined;
    this.#named ??= new Map(
      [...this.#files].reverse().flatMap(([location, value]) => [...namedPlacesIn(value, location)]),
    );
    return this.#named.get(uri);
  }

  /** Why a file that the document refers to was not read; undefined for any other. */
  whyUnread(location: string): string | undefined {
    if (this.location === IN_MEMORY)
      return 'its $ref leads to another file; read the document with readOpenApiDocument';
    return this.#unread.get(location);
  }
}

/**
 * Takes a document as text (JSON or YAML) or as a value that was parsed before. References to other files cannot be
 * followed from here, and what needs them is skipped: read the document with `readOpenApiDocument` for that.
 *
 * @throws OpenApiError with the place.
 */
export function openDocument(document: unknown): OpenApiDocument {
  if (document instanceof OpenApiDocument) return document;
  const value = typeof document === 'string' ? parseText(document) : document;
  tame(value);
  return new OpenApiDocument(IN_MEMORY, new Map([[IN_MEMORY, value]]));
}

function refuseUnlessOpenApi(value: unknown, location: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OpenApiError('', 'must be an object with the fields openapi, info and paths');
  const { openapi, swagger } = value as { openapi?: unknown; swagger?: unknown };
  if (swagger !== undefined)
    throw new OpenApiError(
      '#/swagger',
      `is Swagger 2.0, which is not read; convert it with this command: ${convertingCommand(location)}`,
    );
  if (openapi === undefined) throw new OpenApiError('', 'has no field openapi, so it is not an OpenAPI document');
  if (!/^3\.[012](\.|$)/.test(versionOf(openapi)))
    throw new OpenApiError('#/openapi', 'names a version that is not read; OpenAPI 3.0, 3.1 and 3.2 are');
}

/** A command that makes an OpenAPI 3.0 document of a Swagger 2.0 document, and what to do with its output. */
function convertingCommand(location: string): string {
  const isFile = location.startsWith('file:');
  const source = isFile ? nearPath(fileURLToPath(location)) : location === IN_MEMORY ? 'swagger.json' : location;
  const target = `${(isFile ? source : basename(source.split(/[?#]/, 1)[0] ?? '')).replace(/\.(?:json|ya?ml)$/i, '')}.openapi.json`;
  const [from, to] = [source, target].map((word) =>
    /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  );
  return `npx swagger2openapi --patch --outfile ${to} ${from} (then use ${to})`;
}

/** As a person in the current folder writes it. */
function nearPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === '' || near.startsWith('..') ? path : near;
}

/** YAML reads an unquoted 3.0 as a number. */
function versionOf(openapi: unknown): string {
  if (typeof openapi === 'number') return openapi.toFixed(1);
  return typeof openapi === 'string' ? openapi : '';
}
