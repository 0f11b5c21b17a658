import { Runtime } from '@temporalio/worker';
import type { Logger } from '@temporalio/worker';

const nothing = (): void => undefined;

/** Swallows the SDK's log lines. */
export const quiet: Logger = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

let installed = false;

/** Silences the SDK in this test file: workers, activities and the native core. Repeating it changes nothing. */
export function silenceTemporal(): void {
  if (installed) return;
  installed = true;
  // Warnings about failed attempts are what many of these tests provoke on purpose.
  Runtime.install({ logger: quiet, telemetryOptions: { logging: { filter: 'off', forward: {} } } });
}
