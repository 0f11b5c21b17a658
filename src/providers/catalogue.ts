import {
  customDataBulkDelete,
  customDataDelete,
  gdprRequestCreate,
  gdprRequestGet,
  gdprRequestsList,
} from './batch/tasks';
import type { HttpTask } from '../tasks/define';
import { httpRequest } from '../tasks/http-request';
import { refuseForeignSettings } from '../tasks/imported-settings';
import type { ServiceDefinition } from '../tasks/service';
import {
  assetReportRemove,
  itemGet,
  itemProductsTerminate,
  itemRemove,
  userItemsGet,
  userItemsRemove,
  userProductsTerminate,
  userRemove,
} from './plaid/tasks';

/** The catalogue's Plaid tasks. */
export const plaid = Object.freeze({
  userItemsGet,
  userItemsRemove,
  userProductsTerminate,
  itemRemove,
  userRemove,
  itemGet,
  itemProductsTerminate,
  assetReportRemove,
});

/** The catalogue's Batch tasks. */
export const batch = Object.freeze({
  customDataDelete,
  customDataBulkDelete,
  gdprRequestCreate,
  gdprRequestGet,
  gdprRequestsList,
});

/** The generic task. */
export const http = Object.freeze({ request: httpRequest });

/** Every task that comes with the package, in display order. */
export const CATALOGUE: readonly HttpTask[] = Object.freeze([
  ...Object.values(plaid),
  ...Object.values(batch),
  ...Object.values(http),
]);

/** Returns what can be done after a task of the package; undefined for other tasks. */
export function remedyInCatalogue(task: string): string | undefined {
  return CATALOGUE.find(({ name }) => name === task)?.remedy;
}

/**
 * Tasks by name. Two tasks of one name are refused, and so are two services: a worker has one address and one set of keys
 * for each name. An imported service that reads a setting of another service is refused, too.
 */
export class Catalogue {
  readonly #byName = new Map<string, HttpTask>();

  /**
   * @throws TypeError when two of the tasks, or two of their services, share a name, an imported service reads a setting of
   *   another one, or the read that settles a lost response is not among the tasks.
   */
  constructor(tasks: readonly HttpTask[] = CATALOGUE) {
    const services = new Map<string, ServiceDefinition>();
    for (const task of tasks) {
      const { service } = task;
      if ((services.get(service.name) ?? service) !== service) {
        throw new TypeError(
          `Two services are named "${service.name}", one of them that of ${task.name}; rename one, or define the tasks with one service.`,
        );
      }
      services.set(service.name, service);
      if (this.#byName.has(task.name)) throw new TypeError(`Two tasks are named "${task.name}"; rename one of them.`);
      this.#byName.set(task.name, task);
    }
    for (const task of tasks) this.#refuseUnknownLook(task);
    const all = new Set([...CATALOGUE.map(({ service }) => service), ...services.values()]);
    for (const service of all) refuseForeignSettings(service, all);
  }

  #refuseUnknownLook({ name, settle }: HttpTask): void {
    if (settle?.by !== 'look') return;
    const look = this.#byName.get(settle.with);
    if (look?.effect === 'read') return;
    throw new TypeError(
      look
        ? `A lost response of ${name} would be settled by ${settle.with}, which is not a read.`
        : `A lost response of ${name} is settled by ${settle.with}, which is not among the tasks; add it.`,
    );
  }

  get tasks(): readonly HttpTask[] {
    return [...this.#byName.values()];
  }

  find(name: string): HttpTask | undefined {
    return this.#byName.get(name);
  }

  /**
   * Returns the tasks whose name, summary, path or tags contain every word of the query, in any case. An empty query
   * returns all.
   */
  search(query = ''): HttpTask[] {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return this.tasks.filter((task) => {
      const text = [task.name, task.summary, task.path, ...task.tags].join(' ').toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }
}
