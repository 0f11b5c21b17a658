import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { parseNotingNumbers, WRITE_AS_TEXT } from 'temporal-http-tasks/internal/http/exact-json';
import { isDeeperThan, MAX_DEPTH } from 'temporal-http-tasks/internal/tasks/parse-input';
import { repeatedKeyAt } from 'temporal-http-tasks/internal/tasks/json-keys';
import { Refusal } from '../program/errors';

/** Reads the argument of an option that takes JSON, or `@file` with JSON in it. Its text is never repeated. */
export async function readJsonInput(option: string, argument: string): Promise<unknown> {
  const file = argument.startsWith('@') ? argument.slice(1) : undefined;
  const text = file === undefined ? argument : await readText(option, file);
  const where = file === undefined ? 'its argument' : `the file ${file}`;
  const value = parsed(option, where, text);
  if (isDeeperThan(value, MAX_DEPTH))
    throw new Refusal('Usage', `${option}: ${where} is nested deeper than ${MAX_DEPTH} levels.`);
  return value;
}

function parsed(option: string, where: string, text: string): unknown {
  try {
    const { value, inexact } = parseNotingNumbers(text);
    if (inexact)
      throw new Refusal(
        'Task.InvalidInput',
        `${option}: ${inexact.path || 'the value'} ${WRITE_AS_TEXT}.`,
        inexact.path,
      );
    const repeated = repeatedKeyAt(text);
    if (repeated !== undefined)
      throw new Refusal('Usage', `${option}: ${where} has a key twice in one object (at position ${repeated}).`);
    return value;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const position = / at position \d+/.exec(error instanceof Error ? error.message : '')?.[0] ?? '';
    throw new Refusal(
      'Usage',
      `${option}: ${where} is not JSON${position}. Write JSON, or @ and the name of a file that holds it.`,
    );
  }
}

async function readText(option: string, file: string): Promise<string> {
  if (file === '') throw new Refusal('Usage', `${option}: write the name of a file after @.`);
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new Refusal('Usage', `${option}: the file ${file} cannot be read (${error.code ?? 'unknown error'}).`);
  });
  // Decoding it anyway would turn an ID into another one.
  if (!isUtf8(bytes)) throw new Refusal('Usage', `${option}: the file ${file} is not UTF-8; write it in UTF-8.`);
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

/** Returns only the keys that were given. */
export function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
