import { loadClientConnectConfig } from '@temporalio/envconfig';
import { Refusal } from './errors';
import type { Io } from './io';
import type { TemporalOptions } from './temporal-options';

const DEFAULT_ADDRESS = 'localhost:7233';

/** How to reach the Temporal server. */
export interface TemporalConfig {
  connectionOptions: ReturnType<typeof loadClientConnectConfig>['connectionOptions'] & { address: string };
  namespace?: string;
  /** Address and namespace, for messages. */
  where: string;
}

/**
 * Where options, environment and profile (in this order) say that the Temporal server is.
 *
 * @throws Refusal when the profile or a TEMPORAL_* setting cannot be used.
 */
export function readTemporalConfig(io: Io, options: TemporalOptions = {}): TemporalConfig {
  const { connectionOptions, namespace: configured } = loadConfig(io, options);
  const address = options.address ?? connectionOptions.address ?? DEFAULT_ADDRESS;
  const namespace = options.namespace ?? configured;
  return {
    connectionOptions: { ...connectionOptions, address },
    ...(namespace !== undefined && { namespace }),
    where: `${address}, namespace ${namespace ?? 'default'}`,
  };
}

function loadConfig(io: Io, { profile }: TemporalOptions): ReturnType<typeof loadClientConnectConfig> {
  const env = Object.entries(io.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  try {
    return loadClientConnectConfig({ ...(profile !== undefined && { profile }), overrideEnvVars: Object.fromEntries(env) });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Refusal('Settings', `Temporal's configuration (TEMPORAL_* or its file) cannot be used: ${why}`);
  }
}
