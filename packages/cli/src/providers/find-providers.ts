import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readList } from 'temporal-http-tasks/internal/config/env';
import { clashesBetween } from 'temporal-http-tasks/internal/providers/clashes';
import { readProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import type { ProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { ProviderError } from 'temporal-http-tasks/internal/providers/problems';
import type { ProviderProblem } from 'temporal-http-tasks/internal/providers/problems';
import type { Io } from '../program/io';

/** The setting that lists provider files and folders. */
const SETTING = 'HTTP_TASKS_PROVIDERS';

const FILE_NAME = /\.provider\.(?:ya?ml|json)$/;

/** Returns the files and folders that an option or HTTP_TASKS_PROVIDERS lists, as absolute paths. */
export function providerPaths({ env }: Pick<Io, 'env'>, option: string | undefined): string[] {
  return readList(option === undefined ? env : { [SETTING]: option }, SETTING).map((path) => resolve(path));
}

/**
 * Reads the provider files that an option or HTTP_TASKS_PROVIDERS lists, in their order; those of a folder by name.
 *
 * @throws ProviderError with every problem of every file, and where one collides with another.
 */
export async function findProviders({ env }: Io, option: string | undefined): Promise<ProviderFile[]> {
  const paths = readList(option === undefined ? env : { [SETTING]: option }, SETTING);
  const problems: ProviderProblem[] = [];
  const files = (await Promise.all(paths.map((path) => filesAt(path, problems)))).flat();
  const found: ProviderFile[] = [];
  for (const file of new Set(files)) {
    try {
      found.push(await readProviderFile(file));
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      problems.push(...error.problems);
    }
  }
  problems.push(...clashesBetween(found));
  if (problems.length > 0) throw new ProviderError(paths.join(', '), problems);
  return found;
}

async function filesAt(path: string, problems: ProviderProblem[]): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => FILE_NAME.test(name)).sort();
  if (names.length === 0)
    problems.push({
      file: path,
      place: '',
      message: 'has no provider file; those are named NAME.provider.yaml, NAME.provider.yml or NAME.provider.json',
    });
  return names.map((name) => join(path, name));
}
