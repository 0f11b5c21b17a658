import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { parseUi, readUiSettings } from 'temporal-http-tasks/internal/config/console-settings';
import { hasWorker } from 'temporal-http-tasks/internal/operator/pollers';
import { prepareStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import { Refusal } from '../errors';
import type { ExitCode, Io } from '../io';
import { print, printJson, say } from '../output';
import { startLines } from '../start-links';
import { withTemporal } from '../temporal-client';
import { readTemporalConfig } from '../temporal-config';
import type { CommonOptions } from '../command';
import type { TemporalOptions } from '../temporal-options';

/** What `http-tasks links` takes. */
export interface LinksOptions extends CommonOptions, TemporalOptions {
  uiUrl?: string;
}

/** Makes the examples and prints the links. */
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

/** @throws Refusal when nobody says where the UI is, or what was said is no address. */
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
    '--ui-url is required: say where the Temporal UI is, or set HTTP_TASKS_TEMPORAL_UI.',
    'uiUrl',
  );
}
