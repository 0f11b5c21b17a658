import { isThisMachine } from 'temporal-http-tasks/internal/transport/plaintext';
import { readTemporalConnection, temporalHost } from './temporal-connection';
import type { TemporalConnection } from './temporal-connection';
import type { Io } from './io';
import type { TemporalOptions } from './temporal-options';

/** How to reach the Temporal server. */
export interface TemporalConfig {
  connectionOptions: TemporalConnection['connectionOptions'] & { channelArgs?: Record<string, number> };
  namespace?: string;
  /** Address and namespace, for messages. */
  where: string;
}

/** Of gRPC for JavaScript, which would otherwise go through `http_proxy` also to this machine. */
const NO_PROXY = { 'grpc.enable_http_proxy': 0 };

/**
 * Where options, environment and profile (in this order) say that the Temporal server is.
 *
 * @param options.connects `false` when the address is only shown. @default true
 * @throws SettingsError when the profile or a TEMPORAL_* setting cannot be used, and, to connect beyond this machine,
 *   without TLS.
 */
export function readTemporalConfig(io: Io, options: TemporalOptions & { connects?: boolean } = {}): TemporalConfig {
  const { connectionOptions, namespace } = readTemporalConnection(io.env, options);
  const { address } = connectionOptions;
  return {
    connectionOptions: {
      ...connectionOptions,
      ...(isThisMachine(temporalHost(address) ?? '') && { channelArgs: NO_PROXY }),
    },
    ...(namespace !== undefined && { namespace }),
    where: `${address}, namespace ${namespace ?? 'default'}`,
  };
}
