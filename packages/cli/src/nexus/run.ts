import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { ensureNexusEndpoint } from 'temporal-http-tasks/internal/operator/nexus-endpoint';
import { hasWorker } from 'temporal-http-tasks/internal/operator/pollers';
import { CommandFailure } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { print, printable, printJson, say } from '../terminal/output';

/** Creates the endpoint, or compares the existing one, and prints its target. */
export async function setUpNexus(
  io: Io,
  name: string,
  options: TemporalOptions & { json?: boolean },
): Promise<ExitCode> {
  const { taskQueue } = readQueueSettings(io.env);
  return withTemporal<ExitCode>(io, options, async (client) => {
    const { namespace } = client.options;
    const { created, found } = await ensureNexusEndpoint(client.connection.operatorService, {
      name,
      namespace,
      taskQueue,
    });
    if (found.namespace !== namespace || found.taskQueue !== taskQueue) {
      throw new CommandFailure(
        'Conflict',
        `The endpoint ${name} already exists and leads to the task queue "${found.taskQueue}" of the namespace ` +
          `${found.namespace}, not to "${taskQueue}" of ${namespace}; it was not changed. ` +
          `Choose another --endpoint, or lead it here: temporal operator nexus endpoint update --name ${name} ` +
          `--target-namespace ${namespace} --target-task-queue ${taskQueue}`,
      );
    }
    if (options.json) printJson(io, { endpoint: name, namespace, taskQueue, service: 'offboarding', created });
    else
      print(
        io,
        `The endpoint ${printable(name)} ${created ? 'was created and leads' : 'already exists and leads'} to ` +
          `the task queue "${taskQueue}" of the namespace ${namespace}.`,
      );
    say(
      io,
      `In a workflow of a caller: createNexusServiceClient({ endpoint: '${printable(name)}', service: offboardingService })`,
    );
    if (!(await hasWorker(client, taskQueue)))
      say(
        io,
        `No worker polls the task queue "${taskQueue}" now; operations wait for one. Start it with: http-tasks worker`,
      );
    return 0;
  });
}
