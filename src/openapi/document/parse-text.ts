import { CORE_SCHEMA, load, mergeTag, YAMLException } from 'js-yaml';
import { OpenApiError } from './openapi-error';
import { MAX_DEPTH } from './tame';

/** Larger documents are refused before they are parsed. Microsoft Graph, the largest in wide use, has 35 MB. */
export const MAX_BYTES = 40 * 1024 * 1024;

/** YAML's JSON-like values and `<<`; nothing that would make dates, bytes or code. */
const SCHEMA = CORE_SCHEMA.withTags(mergeTag);

/**
 * Reads JSON or YAML text. What it answers is not yet safe to walk: see `tame`.
 *
 * @throws OpenApiError with line and column.
 */
export function parseText(text: string, maxBytes = MAX_BYTES): unknown {
  // No character has more than three bytes for each of its UTF-16 units, so that most texts need not be counted.
  if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes) refuseSize(maxBytes);
  const plain = text.replace(/^\ufeff/, '');
  if (!/^\s*[{[]/.test(plain)) return parseYaml(plain);
  try {
    return JSON.parse(plain) as unknown;
  } catch (error) {
    // YAML has braces, too; what is neither is most likely meant as JSON.
    return orUndefined(() => parseYaml(plain)) ?? refuseJson(plain, error);
  }
}

/** @throws OpenApiError always. */
export function refuseSize(maxBytes: number): never {
  throw new OpenApiError(
    '',
    `has more than ${Math.floor(maxBytes / 1024 / 1024)} MB; leave out what you do not need, or raise maxBytes`,
  );
}

function parseYaml(text: string): unknown {
  try {
    return load(text, { schema: SCHEMA, maxDepth: MAX_DEPTH, maxAliases: 10_000 });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { reason, mark } = error;
    throw new OpenApiError(
      mark ? `line ${mark.line + 1}, column ${mark.column + 1}` : '',
      mark ? `is not YAML: ${reason}` : `cannot be read as YAML: ${reason}`,
    );
  }
}

function refuseJson(text: string, error: unknown): never {
  const message = error instanceof Error ? error.message : '';
  const position = Number(/ at position (\d+)/.exec(message)?.[1] ?? text.length);
  const before = text.slice(0, position).split('\n');
  throw new OpenApiError(`line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`, 'is not JSON');
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
