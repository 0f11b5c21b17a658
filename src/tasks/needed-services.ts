import { credentialsOf } from './define';
import type { HttpTask } from './define';
import type { ServiceDefinition } from './service';

/** Returns the services of these tasks, each with only the credentials that one of the tasks uses. */
export function servicesFor(tasks: Iterable<HttpTask>): ServiceDefinition[] {
  const settings = new Map<ServiceDefinition, Set<string>>();
  for (const task of tasks) {
    const needed = settings.get(task.service) ?? new Set();
    for (const { setting } of credentialsOf(task)) needed.add(setting);
    settings.set(task.service, needed);
  }
  return [...settings].map(([service, needed]) => {
    const credentials = service.credentials.filter(({ setting }) => needed.has(setting));
    return credentials.length === service.credentials.length ? service : { ...service, credentials };
  });
}
