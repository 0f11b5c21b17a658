import { NativeConnection, Runtime } from '@temporalio/worker';
import type { Logger } from '@temporalio/worker';

const nothing = (): void => undefined;

/** Swallows the SDK's log lines. */
export const quiet: Logger = {
  log: nothing,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};

let installed = false;

/** Silences the SDK in this test file: workers, activities and the native core. Repeating it changes nothing. */
export function silenceTemporal(): void {
  if (installed) return;
  installed = true;
  // Warnings about failed attempts are what many of these tests provoke on purpose.
  Runtime.install({ logger: quiet, telemetryOptions: { logging: { filter: 'off', forward: {} } } });
}

/**
 * Ends the SDK's runtime if nothing uses it. It ends by itself with its last connection or worker; where there was
 * never any, because the workers are processes of their own, it would keep this one alive forever.
 */
export async function endIdleRuntime(address: string): Promise<void> {
  const last = await NativeConnection.connect({ address });
  await last.close();
}
