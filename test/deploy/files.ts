import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CORE_SCHEMA, load, loadAll, mergeTag } from 'js-yaml';

export const ROOT = join(__dirname, '..', '..');

/** The text of a file of the repository. */
export function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** With `<<`, as Compose reads it. */
export function yamlOf<T>(file: string): T {
  return load(textOf(file), { schema: CORE_SCHEMA.withTags(mergeTag) }) as T;
}

export function manifestsOf(file: string): Record<string, unknown>[] {
  return loadAll(textOf(file)) as Record<string, unknown>[];
}

/** One instruction of a Dockerfile: `RUN`, `npm ci && …`. Continued lines are one. */
export interface Instruction {
  name: string;
  text: string;
}

export function instructionsOf(file: string): Instruction[] {
  const lines = textOf(file).replace(/\\\n/g, ' ').split('\n');
  return lines
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => ({
      name: line.split(' ', 1)[0] ?? '',
      text: line
        .slice(line.indexOf(' ') + 1)
        .replace(/ +/g, ' ')
        .trim(),
    }));
}

/** The environment that the image gives its process. */
export function imageEnv(): Record<string, string> {
  const words = instructionsOf('deploy/Dockerfile')
    .filter(({ name }) => name === 'ENV')
    .flatMap(({ text }) => text.split(' '));
  return Object.fromEntries(words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
}
