import { readFile } from 'node:fs/promises';
import { Refusal } from './errors';

/** Reads the argument of an option that takes JSON, or `@file` with JSON in it. Its text is never repeated. */
export async function readJsonInput(option: string, argument: string): Promise<unknown> {
  const file = argument.startsWith('@') ? argument.slice(1) : undefined;
  const text = file === undefined ? argument : await readText(option, file);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const position = / at position \d+/.exec(error instanceof Error ? error.message : '')?.[0] ?? '';
    const where = file === undefined ? 'its argument' : `the file ${file}`;
    throw new Refusal('Usage', `${option}: ${where} is not JSON${position}. Write JSON, or @ and the name of a file that holds it.`);
  }
}

async function readText(option: string, file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/^\ufeff/, '');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Refusal('Usage', `${option}: the file ${file} cannot be read (${why}).`);
  }
}
