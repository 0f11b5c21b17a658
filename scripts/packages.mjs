// The packages of the workspace, in the order in which one builds on another.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './commands.mjs';

/** Every published package with its folder below the root. */
export const PACKAGES = [
  { name: 'temporal-http-tasks', folder: '.' },
  ...['openapi', 'testing', 'evidence', 'console', 'cli'].map((name) => ({
    name: `@temporal-http-tasks/${name}`,
    folder: join('packages', name),
  })),
];

/** The folders with sources, below the root: those of the published packages, and the laboratory. */
export const SOURCE_FOLDERS = [...PACKAGES.map(({ folder }) => folder), 'lab'];

/** The file of the command `http-tasks`. */
export const HTTP_TASKS = join(ROOT, 'packages', 'cli', 'bin', 'http-tasks.js');

/** @returns {object} The manifest in this folder below the root. */
export function manifestOf(folder) {
  return JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
}
