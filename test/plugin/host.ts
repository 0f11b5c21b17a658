import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HttpTasksPlugin } from 'temporal-http-tasks/internal/plugin';
import type { HttpTasksPluginOptions } from 'temporal-http-tasks/internal/plugin-options';

/** Below the package, so that a host's files find the package by its name. */
const HOSTS = join(__dirname, '../../.test-state/hosts');

/** Settings with which the plugin can be made; nothing listens where they point. */
export const ENV: Readonly<Record<string, string>> = {
  PLAID_BASE_URL: 'http://127.0.0.1:1',
  PLAID_CLIENT_ID: 'client',
  PLAID_SECRET: 'secret-of-plaid',
  BATCH_BASE_URL: 'http://127.0.0.1:1',
  BATCH_REST_API_KEY: 'rest-key-of-batch',
  BATCH_API_KEYS: 'ios=app-key-of-batch',
  HTTP_TASKS_LEDGER_URL: 'file:never-opened.db',
  HTTP_TASKS_SUBJECT_KEY: 'a subject key for tests only',
};

/** The plugin of a worker that is created and never run. */
export function idlePlugin(options: HttpTasksPluginOptions = {}): HttpTasksPlugin {
  return new HttpTasksPlugin({ env: ENV, ...options });
}

/** A host's own workflow files, written for one test. */
export class HostFiles {
  readonly #folder = join(HOSTS, randomUUID());

  /** Writes the files and returns the path of the first. */
  async write(files: Readonly<Record<string, string>>): Promise<string> {
    await mkdir(this.#folder, { recursive: true });
    const paths: string[] = [];
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.#folder, name);
      await writeFile(path, text);
      paths.push(path);
    }
    return paths[0] ?? '';
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
