import type { Option } from 'commander';
import { literalOption } from '../program/command';

/** Where the Temporal server is, when the profile or the environment should not decide. */
export interface TemporalOptions {
  address?: string;
  namespace?: string;
  profile?: string;
}

/** The options of every command that talks to a Temporal server. */
export const TEMPORAL_OPTIONS: readonly Option[] = [
  literalOption(
    '--address <host:port>',
    'the Temporal server (else TEMPORAL_ADDRESS or the profile; else localhost:7233)',
  ),
  literalOption('--namespace <name>', 'the namespace (else TEMPORAL_NAMESPACE or the profile; else default)'),
  literalOption('--profile <name>', "a profile of Temporal's own configuration file (else TEMPORAL_PROFILE)"),
];

/** The same as settings, for what reads the environment; only those that were given. */
export function temporalEnv({ address, namespace, profile }: TemporalOptions): Record<string, string> {
  return {
    ...(address !== undefined && { TEMPORAL_ADDRESS: address }),
    ...(namespace !== undefined && { TEMPORAL_NAMESPACE: namespace }),
    ...(profile !== undefined && { TEMPORAL_PROFILE: profile }),
  };
}
