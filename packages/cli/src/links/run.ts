import { parseUi, readUiSettings } from 'temporal-http-tasks/internal/config/console-settings';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { hasWorker } from 'temporal-http-tasks/internal/operator/pollers';
import { prepareStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import type { PreparedStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withTemporal } from '../temporal/client';
import { readTemporalConfig } from '../temporal/config';
import type { TemporalOptions } from '../temporal/options';
import { print, printJson, say } from '../terminal/output';

/** Returns the links as lines. */
export function startLines({ workflows, task }: PreparedStarts): string[] {
  return [
    ...workflows.flatMap(({ workflowType, url }) => [`${workflowType}:`, `  ${url}`]),
    `${task.activityType}, or any other task, as a standalone activity; its input: ${JSON.stringify(task.input)}`,
    `  ${task.url}`,
  ];
}

/** The options of `http-tasks links`. */
export interface LinksOptions extends CommonOptions, TemporalOptions {
  uiUrl?: string;
}

/** Creates the examples and prints the links. */
export async function printLinks(io: Io, options: LinksOptions): Promise<ExitCode> {
  const { taskQueue } = readQueueSettings(io.env);
  const uiUrl = wantedUi(io, options);
  return withTemporal<ExitCode>(io, options, async (client) => {
    const starts = await prepareStarts(client, { uiUrl, taskQueue });
    if (options.json) printJson(io, { namespace: client.options.namespace, taskQueue, uiUrl, ...starts });
    else startLines(starts).forEach((line) => print(io, line));
    if (!(await hasWorker(client, taskQueue)))
      say(io, `No worker polls the task queue "${taskQueue}" now; what you start there will wait for one.`);
    return 0;
  });
}

/** @throws Refusal when the address of the UI is not known or not valid. */
function wantedUi(io: Io, options: LinksOptions): string {
  if (options.uiUrl !== undefined) {
    const { ui, why } = parseUi(options.uiUrl);
    if (ui === undefined) throw new Refusal('Usage', `--ui-url ${why}`, 'uiUrl');
    return ui;
  }
  const ui = readUiSettings(io.env, readTemporalConfig(io, options).connectionOptions.address);
  if (ui !== undefined) return ui;
  throw new Refusal(
    'Usage',
    '--ui-url is required: the address of the Temporal UI; or set HTTP_TASKS_TEMPORAL_UI.',
    'uiUrl',
  );
}
