import { existsSync } from 'node:fs';
import { STANDARD_INPUT } from 'temporal-http-tasks/internal/sources/file-bytes';
import { Refusal } from '../errors';

/** What `--source` names: a file here or `-`, which the command reads itself, or something that the worker has configured. */
export type SourceArgument = { local: string } | { configured: { file: string } | { query: string } };

const FILE = /^file:(.*)$/s;
const QUERY = /^query:(.*)$/s;

/**
 * `file:PATH` and `query:NAME` name what the worker has, and `-` the standard input. Else it is a file here when one of that name exists or when it
 * looks like one (a `/`, or a known ending), so that a misspelt file is never taken for something else. Any other word is
 * a configured query.
 *
 * @throws Refusal when it is empty.
 */
export function readSourceArgument(argument: string): SourceArgument {
  if (argument === '')
    throw new Refusal(
      'Task.InvalidInput',
      'source: must not be empty; an empty source never means all users.',
      'source',
    );
  if (argument === STANDARD_INPUT) return { local: argument };
  const file = FILE.exec(argument)?.[1];
  if (file !== undefined) return { configured: { file } };
  const query = QUERY.exec(argument)?.[1];
  if (query !== undefined) return { configured: { query } };
  return existsSync(argument) || looksLikeFile(argument) ? { local: argument } : { configured: { query: argument } };
}

/** In `--help` of every command with `--source`. */
export const SOURCE_HELP = [
  '--source tells by its form what it names: an existing file, or anything with a / or the ending .csv, .jsonl or',
  ".ndjson (also with .gz), is a file on this machine; - is the standard input, with --format; file:PATH is one below the worker's HTTP_TASKS_SOURCE_DIR;",
  'query:NAME, or any other word, is a query that the worker has configured (HTTP_TASKS_SOURCE_<NAME>_URL and _QUERY).',
].join(' ');

function looksLikeFile(argument: string): boolean {
  return /[/\\]/.test(argument) || /\.(csv|jsonl|ndjson)(\.gz)?$/i.test(argument);
}
